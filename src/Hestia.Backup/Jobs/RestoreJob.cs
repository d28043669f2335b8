using System.Collections.Concurrent;
using System.Diagnostics;
using Hestia.Backup.Archive;
using Hestia.Backup.Format;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;
using Hestia.Core.Wal;

namespace Hestia.Backup.Jobs;

/// <summary>
/// One restore: claim the place, look at every object, stage, verify every byte, open and check through the engine, swap. The target
/// changes only in the swap.
/// </summary>
internal sealed class RestoreJob(
    RepositoryContext repository, RestoreOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly FileSystem _files = repository.Files;
    private readonly HashSet<string> _linked = new(StringComparer.Ordinal);
    private readonly List<Finding> _findings = [];
    private readonly ObjectFetch _fetch = new(repository, RepositoryContext.CheckParallelism(options.Parallelism));
    private readonly ConcurrentDictionary<SegmentId, SegmentVerification> _verified = new();
    private readonly ArchiveCatalog _archive = new(repository);
    private long _bytesFetched;
    private long _recordsReplayed;
    private int _fetched;
    private int _reused;

    public RestorePlan Plan(RestoreSource source, string targetPath)
    {
        if (FileSetOf(source) is { } fileSet) return new FileSets.FileSetRestoreJob(repository, options, progress, cancellationToken).Plan(fileSet, targetPath);
        var point = Find(source);
        var manifest = point.Backup;
        _fetch.RefuseOverlap(targetPath);
        using var target = RestoreTarget.Inspect(_files, targetPath, options.Force);
        var (local, bytesToFetch) = Divide(manifest, target);
        _fetch.RefuseIncomplete(manifest, cancellationToken);
        return new RestorePlan(
            manifest.Summary.BackupId,
            target.Path,
            target.State == TargetState.Index,
            manifest.Segments.Count,
            local.Count,
            manifest.Summary.Bytes,
            bytesToFetch + point.ArchiveBytes,
            _fetch.Available(target.Path))
        {
            Lsn = point.Lsn,
            ArchivePieces = point.Pieces.Count,
            Findings = _findings,
        };
    }

    public RestoreResult Run(RestoreSource source, string targetPath)
    {
        var begun = Stopwatch.GetTimestamp();
        if (FileSetOf(source) is { } fileSet) return new FileSets.FileSetRestoreJob(repository, options, progress, cancellationToken).Run(fileSet, targetPath);
        var point = Find(source);
        var manifest = point.Backup;
        _fetch.RefuseOverlap(targetPath);
        using var target = RestoreTarget.Claim(_files, targetPath, options.Force);
        CheckReport report;
        ManifestDocument restored;
        try
        {
            var (local, bytesToFetch) = Divide(manifest, target);
            _fetch.RefuseIncomplete(manifest, cancellationToken);
            // What is made of the log takes about as much room as the log.
            _fetch.RefuseIfFull(target.Path, bytesToFetch + point.ArchiveBytes);
            (report, restored) = Stage(point, target, local);
            cancellationToken.ThrowIfCancellationRequested();
            target.Swap();
        }
        catch (Exception e)
        {
            target.Discard();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, target.StagingPath, "writing");
            throw;
        }

        if (target.RemoveReplaced() is { } kept) _findings.Add(kept);
        return new RestoreResult
        {
            BackupId = manifest.Summary.BackupId,
            IndexName = manifest.Summary.IndexName,
            Path = target.Path,
            Lsn = point.Lsn,
            PointInTime = WalFormat.FromMicroseconds(restored.LastCommitTime),
            Entries = report.Entries,
            Bytes = restored.SegmentBytes,
            BytesFetched = _bytesFetched,
            SegmentsFetched = _fetched,
            SegmentsReused = _reused,
            ObjectsVerified = _fetched + _reused + point.Pieces.Count,
            ArchivePieces = point.Pieces.Count,
            RecordsReplayed = _recordsReplayed,
            RecoverableToLsn = point.RecoverableTo,
            RecoverableToTime = point.RecoverableToTime == 0 ? null : WalFormat.FromMicroseconds(point.RecoverableToTime),
            ReplacedIndex = target.State == TargetState.Index,
            Findings = _findings,
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    /// <summary>The backup, if it is of another system's folder, which is restored in another way.</summary>
    private BackupManifest? FileSetOf(RestoreSource source)
    {
        if (source.BackupId is not { } id) return null;
        var catalog = new BackupCatalog(repository);
        return catalog.ReadSummary(id, cancellationToken).FileSet is null ? null : catalog.Read(id, cancellationToken);
    }

    private RestorePoint Find(RestoreSource source)
    {
        var point = Seek(source);
        if (point.Notice is { } notice) _findings.Add(notice);
        return point;
    }

    /// <summary>The way to what was asked for. A backup by itself needs no archive, and damage there does not keep it from being restored.</summary>
    private RestorePoint Seek(RestoreSource source)
    {
        if ((options.ToLsn is null ? 0 : 1) + (options.ToTime is null ? 0 : 1) + (options.ToLatest ? 1 : 0) > 1)
            throw new HestiaException(HestiaErrorCode.InvalidOption, "An LSN, a moment and the latest point exclude each other.", action: "Give one of them.");
        var wish = new RestoreWish(options.ToLsn, options.ToTime, options.ToLatest, options.Timeline);
        var planner = new RestorePlanner(repository, _archive, cancellationToken);
        if (source.BackupId is not { } id)
        {
            if (!wish.IsPointInTime)
                throw new HestiaException(HestiaErrorCode.InvalidOption, "Where to is not said.", action: "Give an LSN, a moment, or ask for the latest point.");
            return planner.OfIndex(source.Index!, wish);
        }

        try
        {
            return planner.FromBackup(id, wish);
        }
        catch (HestiaException e) when (!wish.IsPointInTime
            && e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.ArchiveDiverged or HestiaErrorCode.FormatTooNew)
        {
            var backup = new BackupCatalog(repository).Read(id, cancellationToken);
            _findings.Add(new Finding(FindingSeverity.Warning, e.Code.ToString(), e.Message, e.Target));
            return new RestorePoint(backup, [], backup.Summary.Lsn, backup.Summary.Timeline, backup.Summary.Lsn, backup.Summary.CheckpointTime);
        }
    }

    private (CheckReport Report, ManifestDocument Restored) Stage(RestorePoint point, RestoreTarget target, HashSet<SegmentId> local)
    {
        var manifest = point.Backup;
        target.CreateStaging();
        var segments = new List<ManifestSegment>(manifest.IndexManifest.Segments);
        segments.Sort(static (a, b) => b.Size.CompareTo(a.Size));
        var meter = new ProgressMeter(
            progress, $"Restoring {manifest.Summary.IndexName}", manifest.Summary.Bytes + point.ArchiveBytes, segments.Count + point.Pieces.Count);
        Workers.Run(
            segments,
            _parallelism,
            (segment, token) =>
            {
                if (local.Contains(segment.Id) && TryReuse(segment, target, meter, token))
                {
                    Interlocked.Increment(ref _reused);
                    Examine(segment, target, token);
                }
                else
                {
                    Fetch(segment, target, meter, token);
                }

                meter.AddItem();
            },
            cancellationToken);

        var replay = new ArchiveReplay(_files, _archive, _parallelism, meter, cancellationToken);
        var document = replay.Run(point, target.StagingPath);
        _bytesFetched += point.ArchiveBytes;
        _recordsReplayed = replay.Records;
        // A restore begins a timeline of its own: writes to it and further writes to the source must never pass for one history.
        var restored = document with
        {
            Number = manifest.IndexManifest.Number + 1,
            Timeline = new Timeline(Guid.NewGuid(), point.Timeline, point.Lsn),
            NextLsn = point.Lsn.Next,
        };
        new ManifestStore(_files, target.StagingPath).Write(restored, out _);
        GoOnArchiving(target, restored, replay.LastCrc);
        _files.WriteAtomically(Path.Combine(target.StagingPath, FileNames.Settings), manifest.Summary.SettingsBytes);
        meter.Finish();

        var report = IndexChecker.Check(_files, target.StagingPath, new CheckOptions { Verified = _verified }, progress, cancellationToken);
        if (!report.Healthy)
        {
            // What the device would not give back says nothing about the backup.
            if (report.Findings.FirstOrDefault(static f => CheckFindings.IsUnreadable(f.Code)) is { } unreadable)
            {
                throw new HestiaException(
                    HestiaErrorCode.IoError,
                    $"What was restored cannot be read back: {unreadable.Message}",
                    target.StagingPath,
                    "Nothing was replaced. Check the device and the system log, then try again.");
            }

            throw new HestiaException(
                HestiaErrorCode.BackupDamaged,
                $"Every object of backup {manifest.Summary.BackupId} is as it was written, and yet the index does not pass its check: "
                + report.Findings.First(static finding => finding.Severity == FindingSeverity.Error).Message,
                manifest.Summary.BackupId,
                "Nothing was replaced. Restore an earlier backup.");
        }

        target.CopyOwnership(_linked);
        target.SyncStaging();
        return (report, restored);
    }

    /// <summary>An index whose log was archived goes on being archived after it was restored in its place, on its new timeline.</summary>
    private void GoOnArchiving(RestoreTarget target, ManifestDocument restored, uint? lastCrc)
    {
        if (target.State != TargetState.Index) return;
        ArchiveState? before;
        try
        {
            before = ArchiveState.Read(_files, target.Path);
        }
        catch (Exception e) when (e is InvalidDataException or HestiaException or IOException or UnauthorizedAccessException)
        {
            before = null; // the index that is replaced is damaged, or a newer version's; the next shipment begins anew
        }

        if (before is null || before.IndexId != restored.IndexId) return;
        var targets = new List<ArchiveTarget>();
        foreach (var old in before.Targets)
            targets.Add(new ArchiveTarget(old.RepositoryId, restored.Timeline.Id, restored.Checkpoint, restored.LastCommitTime, lastCrc));
        (ArchiveKeeper.NewState(restored.IndexId, target.Path) with { QueueMaxBytes = before.QueueMaxBytes, Targets = targets })
            .Write(_files, target.StagingPath);
    }

    /// <summary>Which segments are here by name and size, and how many bytes are left to fetch.</summary>
    private (HashSet<SegmentId> Local, long BytesToFetch) Divide(BackupManifest manifest, RestoreTarget target)
    {
        var local = new HashSet<SegmentId>();
        var bytes = 0L;
        foreach (var segment in manifest.Segments)
        {
            var here = false;
            foreach (var folder in Sources(target)) here |= _files.FileLength(SegmentPath(folder, segment.Id)) == segment.Size;
            if (here) local.Add(segment.Id);
            else bytes += segment.Size;
        }

        return (local, bytes);
    }

    /// <summary>Where segments may be found without fetching: in the index that is replaced, and in what dead restores had staged.</summary>
    private static IEnumerable<string> Sources(RestoreTarget target)
    {
        if (target.State == TargetState.Index) yield return target.Path;
        foreach (var folder in target.Leftovers) yield return folder;
    }

    private bool TryReuse(ManifestSegment segment, RestoreTarget target, ProgressMeter meter, CancellationToken token)
    {
        foreach (var folder in Sources(target))
            if (TryReuse(segment, folder, target, meter, token)) return true;
        return false;
    }

    /// <summary>
    /// Takes over a segment that lies in another folder, if its bytes are what its name says: a second name for the file, or a copy.
    /// </summary>
    private bool TryReuse(ManifestSegment segment, string folder, RestoreTarget target, ProgressMeter meter, CancellationToken token)
    {
        var source = SegmentPath(folder, segment.Id);
        var destination = SegmentPath(target.StagingPath, segment.Id);
        var isOld = folder == target.Path;
        var before = 0L;
        try
        {
            if (_files.FileLength(source) != segment.Size) return false;
            // A file of a dead restore may never have been synced, or at its failed sync the kernel took it for written: a sync alone would
            // not write it, so its bytes are written over themselves.
            using var file = _files.Open(source, isOld ? FileOpenMode.ReadSequential : FileOpenMode.ReadWrite);
            if (VerifiedCopy.Run(file.Read, isOld ? null : file, segment.Id, segment.Size, Count, token) is null)
            {
                if (_files.TryLink(source, destination))
                {
                    if (!isOld) file.Sync();
                    else lock (_linked) _linked.Add(destination);
                    return true;
                }

                using var copy = _files.Open(destination, FileOpenMode.CreateNew);
                if (VerifiedCopy.Run(file.Read, copy, segment.Id, segment.Size, static _ => { }, token) is null)
                {
                    copy.Sync();
                    return true;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !IOErrors.IsDiskFull(e))
        {
            // Unreadable, or gone: the repository has it.
        }

        meter.AddBytes(-before);
        _files.DeleteFile(destination);
        return false;

        void Count(long bytes)
        {
            before += bytes;
            meter.AddBytes(bytes);
        }
    }

    private void Fetch(ManifestSegment segment, RestoreTarget target, ProgressMeter meter, CancellationToken token)
    {
        _fetch.Fetch(segment.Id, segment.Size, SegmentPath(target.StagingPath, segment.Id), meter, () => Examine(segment, target, token), token);
        Interlocked.Add(ref _bytesFetched, segment.Size);
        Interlocked.Increment(ref _fetched);
    }

    /// <summary>The engine's own check of a segment, by as many threads as fetch, while its bytes are at hand.</summary>
    private void Examine(ManifestSegment segment, RestoreTarget target, CancellationToken token) => _verified[segment.Id] = SegmentVerifier.Verify(
        _files, SegmentPath(target.StagingPath, segment.Id), SegmentsCheck.RelativePath(segment.Id), segment.Id, segment.Size, deep: false,
        progress: null, token);

    private static string SegmentPath(string index, SegmentId id) =>
        Path.Combine(index, FileNames.Segments, id + FileNames.SegmentExtension);
}
