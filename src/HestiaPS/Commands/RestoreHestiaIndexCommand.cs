using System.Management.Automation;
using Hestia.Backup;

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

    private readonly RepositoryHandles _repositories = new();

    /// <summary>A backup from Get-HestiaBackup.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BackupSet, ValueFromPipeline = true)]
    [Parameter(Mandatory = true, ParameterSetName = BackupLiteralSet, ValueFromPipeline = true)]
    [ValidateNotNull]
    public IndexBackup? Backup { get; set; }

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = IdLiteralSet, ValueFromPipelineByPropertyName = true)]
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

    /// <summary>Directory to restore into, empty or not there yet (or with -Force an index), taken as it is written.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = IdSet)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Directory to restore into, taken as it is written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BackupLiteralSet)]
    [Parameter(Mandatory = true, ParameterSetName = IdLiteralSet)]
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
        var literal = ParameterSetName is BackupLiteralSet or IdLiteralSet;
        var fromObject = ParameterSetName is BackupSet or BackupLiteralSet;
        var id = fromObject ? Backup!.BackupId : BackupId;
        var given = fromObject ? Backup!.Repository : Repository;
        var place = Require(given, () => ResolveRepository(given));
        var target = Require(literal ? LiteralPath : Path, () => ResolveOne(literal ? LiteralPath : Path));
        var repository = Require(place.Location, () =>
            Run($"Opening {place.Location}", (_, token) => _repositories.Get(place, token)));
        var options = new RestoreOptions { Force = Force, Parallelism = Parallelism };
        if (!ShouldProcess(target, Require(id, () => Explain(repository, id, target, options)))) return;
        WriteObject(new RestoreReport(Require(id, () => Run($"Restoring {id}", (progress, token) =>
            repository.Restore(id, target, options, progress, token)))));
    }

    private string Explain(BackupRepository repository, string id, string target, RestoreOptions options)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return $"Restore the backup {id}";
        var plan = Run($"Looking at {id}", (_, token) => repository.PlanRestore(id, target, options, token));
        return $"Restore {Display.Segments(plan.Segments)} ({Display.Size(plan.Bytes)}) of the backup {id}, "
            + $"fetching {Display.Size(plan.BytesToFetch)} and reusing {Display.Segments(plan.SegmentsReused)} "
            + $"({Display.Size(plan.AvailableBytes)} free)"
            + (plan.ReplacesIndex ? ", replacing the index that is there" : "");
    }
}
