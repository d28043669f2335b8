using System.Management.Automation;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>
/// Restores a backup: staged beside the target, verified, opened, checked, then swapped in. -Path never binds by property name, so that
/// nothing in a pipeline restores over its source.
/// </summary>
[Cmdlet(VerbsData.Restore, "HestiaIndex", DefaultParameterSetName = BackupSet, SupportsShouldProcess = true)]
[OutputType(typeof(RestoreReport))]
public sealed class RestoreHestiaIndexCommand : RepositoryCmdlet
{
    private const string BackupSet = "Backup";
    private const string BackupLiteralSet = "BackupLiteralPath";
    private const string IdSet = "BackupId";
    private const string IdLiteralSet = "BackupIdLiteralPath";
    private const string NameSet = "IndexName";
    private const string NameLiteralSet = "IndexNameLiteralPath";

    private readonly RepositoryHandles _repositories = new();

    /// <summary>A backup from Get-HestiaBackup.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BackupSet, ValueFromPipeline = true)]
    [Parameter(Mandatory = true, ParameterSetName = BackupLiteralSet, ValueFromPipeline = true)]
    [ValidateNotNull]
    public IndexBackup? Backup { get; set; }

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = IdLiteralSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = NameSet)]
    [Parameter(Mandatory = true, ParameterSetName = NameLiteralSet)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Id of a backup in it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = IdLiteralSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(Completion.BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string BackupId { get; set; } = "";

    /// <summary>Name or id of an index: the newest backup at or below the point is found.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NameSet)]
    [Parameter(Mandatory = true, ParameterSetName = NameLiteralSet)]
    [ArgumentCompleter(typeof(Completion.IndexNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string IndexName { get; set; } = "";

    /// <summary>Exactly the writes up to this LSN, with the archive of the log.</summary>
    [Parameter]
    public ulong ToLsn { get; set; }

    /// <summary>Exactly the writes committed at or before this moment, with the archive of the log.</summary>
    [Parameter]
    [PointInTimeTransformation]
    public DateTimeOffset ToTime { get; set; }

    /// <summary>Every write that the archive of the log leads to without a gap.</summary>
    [Parameter]
    public SwitchParameter ToLatest { get; set; }

    /// <summary>The timeline to follow.</summary>
    [Parameter]
    public Guid Timeline { get; set; }

    /// <summary>Directory to restore into, empty or not there yet (or with -Force an index), taken as it is written.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = IdSet)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NameSet)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Directory to restore into, taken as it is written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BackupLiteralSet)]
    [Parameter(Mandatory = true, ParameterSetName = IdLiteralSet)]
    [Parameter(Mandatory = true, ParameterSetName = NameLiteralSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string LiteralPath { get; set; } = "";

    /// <summary>Replaces an index that is at the target; never one that is in use.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Transfers at once, 1 to 64.</summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int Parallelism { get; set; } = new RestoreOptions().Parallelism;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName is BackupLiteralSet or IdLiteralSet or NameLiteralSet;
        var fromObject = ParameterSetName is BackupSet or BackupLiteralSet;
        var byName = ParameterSetName is NameSet or NameLiteralSet;
        var what = byName ? IndexName : fromObject ? Backup!.BackupId : BackupId;
        var given = fromObject ? Backup!.Repository : Repository;
        var place = Require(given, () => ResolveRepository(given));
        var target = Require(literal ? LiteralPath : Path, () => ResolveOne(literal ? LiteralPath : Path));
        var repository = Require(place.Location, () =>
            Run($"Opening {place.Location}", (_, token) => _repositories.Get(place, token)));
        var bound = MyInvocation.BoundParameters;
        var options = new RestoreOptions
        {
            Force = Force,
            Parallelism = Parallelism,
            ToLsn = bound.ContainsKey(nameof(ToLsn)) ? new Lsn(ToLsn) : null,
            ToTime = bound.ContainsKey(nameof(ToTime)) ? ToTime : null,
            ToLatest = ToLatest,
            Timeline = bound.ContainsKey(nameof(Timeline)) ? Timeline : null,
        };
        if (!ShouldProcess(target, Require(what, () => Explain(repository, byName, what, target, options)))) return;
        var result = Require(what, () => Run($"Restoring {what}", (progress, token) => byName
            ? repository.RestoreIndex(what, target, options, progress, token)
            : repository.Restore(what, target, options, progress, token)));
        foreach (var finding in result.Findings) WriteWarning(finding.Message);
        WriteObject(new RestoreReport(result));
    }

    private string Explain(BackupRepository repository, bool byName, string what, string target, RestoreOptions options)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return byName ? $"Restore the index {what}" : $"Restore the backup {what}";
        var plan = Run($"Looking at {what}", (_, token) => byName
            ? repository.PlanRestoreIndex(what, target, options, token)
            : repository.PlanRestore(what, target, options, token));
        foreach (var finding in plan.Findings) WriteWarning(finding.Message);
        return $"Restore {Display.Segments(plan.Segments)} ({Display.Size(plan.Bytes)}) of the backup {plan.BackupId}"
            + (plan.ArchivePieces > 0 ? $" and {plan.ArchivePieces:N0} pieces of archived log" : "") + $" to LSN {plan.Lsn}, "
            + $"fetching {Display.Size(plan.BytesToFetch)} and reusing {Display.Segments(plan.SegmentsReused)} "
            + $"({Display.Size(plan.AvailableBytes)} free)"
            + (plan.ReplacesIndex ? ", replacing the index that is there" : "");
    }
}
