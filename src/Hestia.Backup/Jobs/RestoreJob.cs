using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using Hestia.Backup.Format;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>
/// One restore: claim the place, look at every object, stage, verify every byte, open and check through the engine, swap. The target
/// changes only in the swap.
/// </summary>
internal sealed class RestoreJob(
    RepositoryContext repository, RestoreOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    private const int CopyBytes = 1 << 20;

    /// <summary>Room for the small files of an index beside its segments.</summary>
    private const long Overhead = 1 << 20;

    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly FileSystem _files = repository.Files;
    private readonly HashSet<string> _linked = new(StringComparer.Ordinal);
    private long _bytesFetched;
    private int _fetched;
    private int _reused;

    public RestorePlan Plan(string backupId, string targetPath)
    {
        var manifest = new BackupCatalog(repository).Read(backupId, cancellationToken);
        RefuseOverlap(targetPath);
        using var target = RestoreTarget.Inspect(_files, targetPath, options.Force);
        var (local, bytesToFetch) = Divide(manifest, target);
        return new RestorePlan(
            backupId,
            target.Path,
            target.State == TargetState.Index,
            manifest.Segments.Count,
            local.Count,
            manifest.Summary.Bytes,
            bytesToFetch,
            Available(target.Path));
    }

    public RestoreResult Run(string backupId, string targetPath)
    {
        var begun = Stopwatch.GetTimestamp();
        var manifest = new BackupCatalog(repository).Read(backupId, cancellationToken);
        RefuseOverlap(targetPath);
        using var target = RestoreTarget.Claim(_files, targetPath, options.Force);
        var (local, bytesToFetch) = Divide(manifest, target);
        RefuseIncomplete(manifest);
        RefuseIfFull(target.Path, bytesToFetch);

        CheckReport report;
        try
        {
            report = Stage(manifest, target, local);
            cancellationToken.ThrowIfCancellationRequested();
            target.Swap();
        }
        catch (Exception e)
        {
            target.Discard();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, target.StagingPath, "writing");
            throw;
        }

        return new RestoreResult
        {
            BackupId = backupId,
            IndexName = manifest.Summary.IndexName,
            Path = target.Path,
            Lsn = manifest.Summary.Lsn,
            PointInTime = DateTimeOffset.UnixEpoch.AddMicroseconds(manifest.Summary.CheckpointTime),
            Entries = report.Entries,
            Bytes = manifest.Summary.Bytes,
            BytesFetched = _bytesFetched,
            SegmentsFetched = _fetched,
            SegmentsReused = _reused,
            ObjectsVerified = _fetched + _reused,
            ReplacedIndex = target.State == TargetState.Index,
            Findings = target.RemoveReplaced() is { } finding ? [finding] : [],
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    private CheckReport Stage(BackupManifest manifest, RestoreTarget target, HashSet<SegmentId> local)
    {
        target.CreateStaging();
        var segments = new List<ManifestSegment>(manifest.IndexManifest.Segments);
        segments.Sort(static (a, b) => b.Size.CompareTo(a.Size));
        var meter = new ProgressMeter(progress, $"Restoring {manifest.Summary.IndexName}", manifest.Summary.Bytes, segments.Count);
        Workers.Run(
            segments,
            _parallelism,
            (segment, token) =>
            {
                if (local.Contains(segment.Id) && TryReuse(segment, target, meter, token)) Interlocked.Increment(ref _reused);
                else Fetch(segment, target, meter, token);
                meter.AddItem();
            },
            cancellationToken);

        // A restore begins a timeline of its own: writes to it and further writes to the source must never pass for one history.
        var old = manifest.IndexManifest;
        var restored = old with { Number = old.Number + 1, Timeline = old.Timeline.Branch(old.Checkpoint), NextLsn = old.Checkpoint.Next };
        new ManifestStore(_files, target.StagingPath).Write(restored, out _);
        _files.WriteAtomically(Path.Combine(target.StagingPath, FileNames.Settings), manifest.Summary.SettingsBytes);
        meter.Finish();

        var report = IndexChecker.Check(_files, target.StagingPath, new CheckOptions(), progress, cancellationToken);
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
        return report;
    }

    /// <summary>Which segments the index at the target has by name and size, and how many bytes are left to fetch.</summary>
    private (HashSet<SegmentId> Local, long BytesToFetch) Divide(BackupManifest manifest, RestoreTarget target)
    {
        var local = new HashSet<SegmentId>();
        var bytes = 0L;
        foreach (var segment in manifest.Segments)
        {
            if (target.State == TargetState.Index && _files.FileLength(SegmentPath(target.Path, segment.Id)) == segment.Size)
                local.Add(segment.Id);
            else bytes += segment.Size;
        }

        return (local, bytes);
    }

    /// <summary>
    /// Takes over a segment of the index that is replaced, if its bytes are what its name says: a second name for the file, or a copy.
    /// </summary>
    private bool TryReuse(ManifestSegment segment, RestoreTarget target, ProgressMeter meter, CancellationToken token)
    {
        var source = SegmentPath(target.Path, segment.Id);
        var destination = SegmentPath(target.StagingPath, segment.Id);
        var before = 0L;
        try
        {
            using var file = _files.Open(source, FileOpenMode.ReadSequential);
            if (CopyVerified(file.Read, null, segment, Count, token) is null)
            {
                if (_files.TryLink(source, destination))
                {
                    lock (_linked) _linked.Add(destination);
                    return true;
                }

                using var copy = _files.Open(destination, FileOpenMode.CreateNew);
                if (CopyVerified(file.Read, copy, segment, static _ => { }, token) is null)
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
        var name = repository.ObjectName(segment.Id);
        using var reader = repository.Store.OpenRead(name, 0, token) ?? throw Missing(name);
        var path = SegmentPath(target.StagingPath, segment.Id);
        try
        {
            using var file = _files.Open(path, FileOpenMode.CreateNew);
            if (CopyVerified((_, buffer) => reader.Read(buffer), file, segment, meter.AddBytes, token) is { } wrong)
            {
                Pruning.DamageNotes.Add(repository, name, token);
                throw Damaged(name, wrong);
            }

            file.Sync();
        }
        catch (InvalidDataException e)
        {
            throw Damaged(name, "does not hold what was written into it: " + e.Message.TrimEnd('.'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "writing");
        }

        Interlocked.Add(ref _bytesFetched, segment.Size);
        Interlocked.Increment(ref _fetched);
    }

    private delegate int ReadAt(long offset, Span<byte> buffer);

    /// <summary>
    /// Reads to the end, hashes, and writes where <paramref name="destination"/> is given; null if name and bytes agree, else what is
    /// wrong.
    /// </summary>
    private static string? CopyVerified(
        ReadAt read, StorageFile? destination, ManifestSegment segment, Action<long> progress, CancellationToken token)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            long offset = 0;
            for (int count; (count = read(offset, buffer.AsSpan(0, CopyBytes))) > 0; offset += count)
            {
                token.ThrowIfCancellationRequested();
                if (offset + count > segment.Size) return $"is longer than {segment.Size:N0} bytes";
                hash.AppendData(buffer, 0, count);
                destination?.Write(offset, buffer.AsSpan(0, count));
                progress(count);
            }

            if (offset != segment.Size) return $"is {offset:N0} bytes long instead of {segment.Size:N0}";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Span<byte> result = stackalloc byte[SegmentId.Size];
        hash.GetHashAndReset(result);
        return new SegmentId(result) == segment.Id
            ? null
            : $"does not hold what was written into it: its SHA-256 is {new SegmentId(result)}";
    }

    /// <summary>
    /// Before anything is fetched: every object is there and has its size. Objects of reused segments too, as those may turn out
    /// damaged.
    /// </summary>
    private void RefuseIncomplete(BackupManifest manifest)
    {
        var ids = new SegmentId[manifest.Segments.Count];
        for (var i = 0; i < ids.Length; i++) ids[i] = manifest.Segments[i].Id;
        var sizes = repository.ObjectSizes(ids, _parallelism, cancellationToken);
        for (var i = 0; i < sizes.Length; i++)
        {
            var name = repository.ObjectName(ids[i]);
            if (sizes[i] < 0) throw Missing(name);
            if (sizes[i] != manifest.Segments[i].Size)
                throw Damaged(name, $"is {sizes[i]:N0} bytes long instead of {manifest.Segments[i].Size:N0}");
        }
    }

    private void RefuseIfFull(string path, long bytes)
    {
        var available = Available(path);
        if (available >= bytes + Overhead) return;
        throw new HestiaException(
            HestiaErrorCode.DiskFull,
            $"The restore needs {bytes + Overhead:N0} bytes beside '{path}' and {available:N0} are free there. Nothing was changed.",
            path,
            "Free space there, or restore to another file system.");
    }

    private long Available(string path)
    {
        try
        {
            return _files.AvailableBytes(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "asking for the free space of");
        }
    }

    private void RefuseOverlap(string targetPath)
    {
        if (!repository.Store.Overlaps(targetPath)) return;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"The target '{targetPath}' and the repository '{repository.Location}' lie one inside the other.",
            targetPath,
            "Restore to another folder.");
    }

    private static string SegmentPath(string index, SegmentId id) =>
        Path.Combine(index, FileNames.Segments, id + FileNames.SegmentExtension);

    private HestiaException Missing(string name) => new(
        HestiaErrorCode.ObjectMissing,
        $"Object {name} is missing from the repository '{repository.Location}', so this backup cannot be restored. Nothing was changed.",
        name,
        "Test-HestiaBackup names the backups that are whole; back up the index again if it still exists.");

    private HestiaException Damaged(string name, string what) => new(
        HestiaErrorCode.ObjectDamaged,
        $"Object {name} of the repository '{repository.Location}' {what}, so this backup cannot be restored. Nothing was changed.",
        name,
        "Test-HestiaBackup -Deep names the backups that are whole; back up the index again if it still exists.");
}
