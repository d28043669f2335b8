using System.Management.Automation;
using Hestia.Backup;
using Hestia.Backup.FileSets;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Backs up an index into a repository; writers go on. Only what the repository does not have yet is sent.</summary>
[Cmdlet(VerbsData.Backup, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(BackupReport), typeof(ArchiveReport))]
public sealed class BackupHestiaIndexCommand : IndexTargetCmdlet, IRepositoryKeyParameters
{
    private readonly RepositoryHandles _repositories = new();
    private BackupRepository _repository = null!;

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Passphrase of an encrypted repository; a PSCredential stands for its password.</summary>
    [Parameter]
    [PassphraseTransformation]
    [ValidateNotNull]
    public System.Security.SecureString? Passphrase { get; set; }

    /// <summary>Key file of an encrypted repository.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }

    /// <summary>Transfers at once, 1 to 64.</summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int Parallelism { get; set; } = new BackupOptions().Parallelism;

    /// <summary>Backs up what the segments hold, without a flush.</summary>
    [Parameter]
    public SwitchParameter NoFlush { get; set; }

    /// <summary>Most bytes to read and send in a second, all transfers together.</summary>
    [Parameter]
    [ValidateRange(1L, long.MaxValue)]
    public long MaxBytesPerSecond { get; set; }

    /// <summary>Words to mark the backup with; Remove-HestiaBackup -KeepTag keeps by them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ValidateCount(1, 16)]
    [ValidateLength(1, 64)]
    public string[] Tag { get; set; } = [];

    /// <summary>Ships the log since the last shipment into the archive, instead of making a backup.</summary>
    [Parameter]
    public SwitchParameter Wal { get; set; }

    /// <summary>Bytes of log the index may keep for the archive alone; 0 ends the archiving. Remembered in the index.</summary>
    [Parameter]
    [ValidateRange(0L, long.MaxValue)]
    public long ArchiveQueueMax { get; set; }

    /// <summary>Begins a new timeline first: for the copy of an index, after ArchiveDiverged.</summary>
    [Parameter]
    public SwitchParameter NewTimeline { get; set; }

    /// <summary>Of a HestiaStore directory that has moved: the IndexId of its earlier backups, which this one joins.</summary>
    [Parameter]
    public Guid IndexId { get; set; }

    /// <summary>Backs up a HestiaStore directory although its lock names another machine, where its owner cannot be looked up.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (!Wal && (NewTimeline || MyInvocation.BoundParameters.ContainsKey(nameof(ArchiveQueueMax))))
        {
            ThrowTerminatingError(Failures.ToErrorRecord(new HestiaException(
                HestiaErrorCode.InvalidOption, "-ArchiveQueueMax and -NewTimeline belong to -Wal.", action: "Add -Wal.")));
        }

        // A repository that cannot be opened fails every index: nothing can go on.
        var target = Require(Repository, () => ResolveRepository(Repository));
        _repository = Require(target.Location, () => Run($"Opening {target.Location}", (_, token) => _repositories.Get(target, token)));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    private protected override void ProcessTarget(IndexTarget target)
    {
        var kind = target.Session is null ? FileSetKinds.Of(target.Path) : null;
        if (!TryItem(target.Path, () => RequireFit(target, kind), out _)) return;
        if (Wal)
        {
            ShipLog(target);
            return;
        }

        if (!TryItem(target.Path, () => Explain(target, kind), out var action)) return;
        if (!ShouldProcess(target.Path, action)) return;
        var options = Options();
        var done = TryItem(target.Path, () => Run($"Backing up {target.Name}", (progress, token) => target.Session is { } session
            ? _repository.Backup(session.Engine, options, progress, token)
            : kind is not null
            ? _repository.BackupFileSet(target.Path, kind, options, progress, token)
            : _repository.Backup(target.Path, options, progress, token)), out var result);
        if (!done) return;
        foreach (var finding in result.Findings) WriteWarning(finding.Message);
        WriteObject(new BackupReport(result));
    }

    private BackupOptions Options() => new()
    {
        Parallelism = Parallelism,
        NoFlush = NoFlush,
        MaxBytesPerSecond = MaxBytesPerSecond > 0 ? MaxBytesPerSecond : null,
        Tags = Tag,
        IndexId = MyInvocation.BoundParameters.ContainsKey(nameof(IndexId)) ? IndexId : null,
        AllowUnknownOwner = Force,
    };

    /// <summary>What only an index of ours, or only another system's folder, can do.</summary>
    private bool RequireFit(IndexTarget target, FileSetKind? kind)
    {
        if (kind is not null && (Wal || NoFlush))
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption,
                $"'{target.Path}' is a {kind.Title} directory, which is backed up as the files it is: there is no flush and no log to ship.",
                target.Path,
                "Leave -Wal and -NoFlush out.");
        }

        if (kind is null && MyInvocation.BoundParameters.ContainsKey(nameof(IndexId)))
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{target.Path}' has an id of its own; -IndexId is for folders that have none.", target.Path,
                "Leave -IndexId out.");
        }

        return true;
    }

    private void ShipLog(IndexTarget target)
    {
        if (!TryItem(target.Path, () => ExplainShipment(target), out var action) || !ShouldProcess(target.Path, action)) return;
        var options = new ArchiveOptions
        {
            QueueMaxBytes = MyInvocation.BoundParameters.ContainsKey(nameof(ArchiveQueueMax)) ? ArchiveQueueMax : null,
            NewTimeline = NewTimeline,
        };
        var done = TryItem(target.Path, () => Run($"Archiving the log of {target.Name}", (progress, token) => target.Session is { } session
            ? _repository.Archive(session.Engine, options, progress, token)
            : _repository.Archive(target.Path, options, progress, token)), out var result);
        if (!done) return;
        foreach (var finding in result.Findings) WriteWarning(finding.Message);
        WriteObject(new ArchiveReport(result));
    }

    private string ExplainShipment(IndexTarget target)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return $"Ship the log into the archive in {_repository.Location}";
        var (archived, last) = Run($"Looking at {target.Name}", (progress, token) => WithIndex(
            target,
            (index, _) => (_repository.GetArchivedThrough(index, token), index.GetStatus(token).Statistics.LastLsn),
            progress,
            token,
            new IndexOptions { ReadOnly = true }));
        var writes = Display.Count((long)(last.Value - archived.Value), "write", "writes");
        return $"Ship {writes} of the log ({(last > archived ? $"LSN {archived.Next} to {last}" : $"it is archived to LSN {last}")}) into the archive in {_repository.Location}";
    }

    private string Explain(IndexTarget target, FileSetKind? kind)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return $"Back up into {_repository.Location}";
        if (kind is not null)
        {
            var files = Run($"Looking at {target.Name}", (progress, token) => _repository.PlanFileSetBackup(target.Path, kind, Options(), progress, token));
            return $"Back up the {kind.Title} directory ({Display.Count(files.Segments, "file", "files")}, {Display.Size(files.Bytes)}) into "
                + $"{_repository.Location}, sending {Display.Count(files.SegmentsToSend, "file", "files")} ({Display.Size(files.BytesToSend)})";
        }

        var (plan, unflushed) = Run($"Looking at {target.Name}", (progress, token) => WithIndex(
            target,
            (index, _) => (_repository.PlanBackup(index, token), Display.Unflushed(index.GetStatus(token).Statistics)),
            progress,
            token,
            new IndexOptions { ReadOnly = true }));
        return $"Back up {Display.Segments(plan.Segments)} ({Display.Size(plan.Bytes)}) into {_repository.Location}, sending "
            + $"{Display.Segments(plan.SegmentsToSend)} ({Display.Size(plan.BytesToSend)})"
            + (unflushed is null ? ""
                : NoFlush ? $", without {unflushed} that are not flushed" : $" and what a flush makes of {unflushed}");
    }
}
