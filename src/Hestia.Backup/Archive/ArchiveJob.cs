using System.Diagnostics;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Control;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>
/// One shipment of an index's log: everything durable that the repository does not have, as pieces, in order of LSN. A piece is durable in the
/// repository before the index remembers it as shipped, and the log stays until then; so a killed shipment is continued by the next one, which
/// finds the pieces that are there and compares them with what it would have sent.
/// </summary>
internal sealed class ArchiveJob(
    RepositoryContext repository, ArchiveOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    public const string GapCode = "ArchiveGap";
    public const string BackupNeededCode = "BackupNeeded";
    public const string NoLogCode = "ArchiveNoLog";

    /// <summary>What a cancelled shipment waits for its last note in the index.</summary>
    private static readonly TimeSpan CancelledPatience = TimeSpan.FromSeconds(2);

    private readonly List<Finding> _findings = [];

    public ArchiveResult Run(IMaintainedIndex index, IndexVia via)
    {
        if (options.QueueMaxBytes is < 0)
            throw new HestiaException(HestiaErrorCode.InvalidOption, "The archive queue cannot be negative.", action: "Give bytes, or 0 to end archiving.");
        var begun = Stopwatch.GetTimestamp();
        BackupJob.RefuseOverlap(repository, index.Path);
        using ILogSource log = index is RemoteIndex remote
            ? new RemoteLogSource(remote, repository.Descriptor.Id, cancellationToken)
            : new LocalLogSource((HestiaIndex)index, repository.Descriptor.Id, cancellationToken);
        try
        {
            return (options.QueueMaxBytes == 0 ? End(log, begun) : Ship(log, begun)) with { Via = via };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, index.Path, "archiving the log of");
        }
    }

    private ArchiveResult End(ILogSource index, long begun)
    {
        var target = index.State?.TargetOf(repository.Descriptor.Id);
        if (index.State is { } state)
        {
            var rest = state.With(repository.Descriptor.Id, null);
            index.Save(rest.Targets.Count == 0 ? null : rest, cancellationToken);
        }

        return Result(index, target, null, begun);
    }

    private ArchiveResult Ship(ILogSource index, long begun)
    {
        if (options.NewTimeline) BeginTimeline(index);
        var target = index.State?.TargetOf(repository.Descriptor.Id);
        var sameQueue = options.QueueMaxBytes is not { } wanted || wanted == index.State?.QueueMaxBytes;
        // Run every minute, most shipments end here, without a look at the repository.
        if (target is not null && sameQueue && index.DurableLsn <= target.Shipped) return Result(index, target, null, begun);

        using var snapshot = index.SnapshotLog();
        var state = index.State ?? ArchiveKeeper.NewState(index.Id, index.Path);
        state = state with { QueueMaxBytes = options.QueueMaxBytes ?? state.QueueMaxBytes };
        var isNew = target is null;
        if (target is null || !sameQueue)
        {
            // From here on the index keeps its log for this repository, whatever happens to this shipment.
            target ??= new ArchiveTarget(repository.Descriptor.Id, index.Timeline.Id, FirstKept(index, snapshot), 0, null);
            state = state.With(target.RepositoryId, target);
            index.Save(state, cancellationToken);
        }

        repository.EnsureSame(cancellationToken);
        var shipment = new Shipment(repository, index, state, target, _findings, progress, cancellationToken);
        try
        {
            shipment.Run(snapshot);
        }
        finally
        {
            // Also what a shipment cut short has sent: the less there is to compare next time.
            if (shipment.Target != target) SaveReached(index, (index.State ?? state).With(target.RepositoryId, shipment.Target));
        }

        if (isNew || shipment.HasGap) WarnWithoutBackup(index, shipment.Beginning);
        else if (shipment.Target.Timeline != target.Timeline) WarnIfUnreachable(index, shipment);
        return Result(index, shipment.Target, shipment, begun);
    }

    /// <summary>Remembers how far a shipment came. A cancelled one waits a moment for it, and not for the end of a suspension.</summary>
    private void SaveReached(ILogSource index, ArchiveState state)
    {
        if (!cancellationToken.IsCancellationRequested)
        {
            index.Save(state, cancellationToken);
            return;
        }

        using var patience = new CancellationTokenSource(CancelledPatience);
        try
        {
            index.Save(state, patience.Token);
        }
        catch (OperationCanceledException)
        {
            // the next shipment finds it out from the repository
        }
    }

    /// <summary>The copy goes its own way: a timeline without a parent, and an archive that begins with the next write.</summary>
    private void BeginTimeline(ILogSource index)
    {
        var left = index.Timeline;
        index.BeginTimeline(detached: true, cancellationToken);
        var state = (index.State ?? ArchiveKeeper.NewState(index.Id, index.Path)).Leaving(left);
        var target = new ArchiveTarget(
            repository.Descriptor.Id, index.Timeline.Id, index.Timeline.BranchLsn, index.LastCommitTime, RecordCrc: null);
        index.Save(state.With(target.RepositoryId, target), cancellationToken);
        _findings.Add(BackupNeeded(index, index.Timeline.BranchLsn));
    }

    /// <summary>The LSN before the first one that a log file still has; the checkpoint if there is no log.</summary>
    private static Lsn FirstKept(ILogSource index, LogSnapshot snapshot)
    {
        foreach (var log in snapshot.Files)
        {
            if (WalFormat.TryParseFileName(Path.GetFileName(log.Path), out var first)) return new Lsn(first.Value - 1);
        }

        return index.Checkpoint;
    }

    private void WarnWithoutBackup(ILogSource index, Lsn beginning)
    {
        foreach (var backup in new BackupCatalog(repository).List(cancellationToken).Backups)
            if (backup.IndexId == index.Id && backup.Lsn >= beginning) return;
        _findings.Add(BackupNeeded(index, beginning));
    }

    /// <summary>A new timeline: does any backup lead to what was shipped of it?</summary>
    private void WarnIfUnreachable(ILogSource index, Shipment shipment)
    {
        try
        {
            var wish = new RestoreWish(null, null, Latest: true, shipment.Target.Timeline);
            var point = new RestorePlanner(repository, new ArchiveCatalog(repository), cancellationToken).OfIndex(index.Id.ToString("d"), wish);
            if (point.RecoverableTo >= shipment.Target.Shipped) return;
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.PointNotReachable or HestiaErrorCode.BackupNotFound)
        {
            // none does
        }

        _findings.Add(BackupNeeded(index, shipment.Beginning));
    }

    private static Finding BackupNeeded(ILogSource index, Lsn beginning) => new(
        FindingSeverity.Warning,
        BackupNeededCode,
        $"No backup of {index.Name} leads into what is archived behind LSN {beginning}. Make one now; until then nothing behind it can be restored.",
        FirstLsn: beginning.Next);

    private ArchiveResult Result(ILogSource index, ArchiveTarget? target, Shipment? shipment, long begun)
    {
        var shipped = target?.Shipped ?? Lsn.None;
        var last = index.LastLsn;
        if (target is not null && index.Durability == Durability.Off)
        {
            _findings.Add(new Finding(
                FindingSeverity.Warning,
                NoLogCode,
                $"{index.Name} is open with durability Off and writes no log: it can be restored to its backups and to nothing between them."));
        }

        return new ArchiveResult
        {
            IndexName = index.Name,
            IndexId = index.Id,
            SourcePath = index.Path,
            Repository = repository.Location,
            Timeline = index.Timeline.Id,
            FromLsn = shipment?.FirstSent ?? Lsn.None,
            ArchivedLsn = shipped,
            ArchivedTime = target is { CommitTime: > 0 } known ? WalFormat.FromMicroseconds(known.CommitTime) : null,
            LsnsBehind = target is null || last <= shipped ? 0 : (long)(last.Value - shipped.Value),
            Pieces = shipment?.Pieces ?? 0,
            Records = shipment?.Records ?? 0,
            BytesSent = shipment?.BytesSent ?? 0,
            Duration = Stopwatch.GetElapsedTime(begun),
            Findings = _findings,
        };
    }
}
