using System.Buffers;
using System.Diagnostics;
using Hestia.Backup.Format;
using Hestia.Backup.Pruning;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>
/// One backup from one repository to another. To the destination it is a backup like any other: marker, look, send, manifest, look again,
/// in that order and for the same reasons (see <see cref="BackupJob"/>). Its manifest goes byte for byte.
/// </summary>
internal sealed class CopyJob(
    RepositoryContext source, RepositoryContext destination, CopyOptions options, IProgress<WorkProgress>? progress,
    CancellationToken cancellationToken)
{
    private const int ReadBytes = 256 << 10;

    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly HashSet<SegmentId> _sent = [];
    private long _bytesSent;

    /// <summary>What is to be copied: a manifest as it stands in the source, and understood.</summary>
    private sealed record Copied(string Name, byte[] Bytes, BackupManifest Manifest)
    {
        public BackupSummary Summary => Manifest.Summary;
    }

    /// <summary>How the destination stands to the manifest.</summary>
    private enum Found
    {
        Nothing,
        Same,
        Damaged,
    }

    public CopyPlan Plan(string backupId)
    {
        RefuseItself();
        var copied = Read(backupId);
        var found = Look(copied);
        var (missing, bytes) = FindMissing(copied.Manifest, DamageNotes.Read(destination, cancellationToken), cancellationToken);
        return new CopyPlan(
            backupId, copied.Summary.IndexName, found == Found.Same, copied.Summary.Segments, copied.Summary.Bytes, missing.Count, bytes);
    }

    public CopyResult Run(string backupId)
    {
        var begun = Stopwatch.GetTimestamp();
        RefuseItself();
        var copied = Read(backupId);
        var started = destination.Clock.GetUtcNow();
        using var marker = BackupMarker.Write(destination, started, copied.Summary.IndexId, cancellationToken);
        var names = copied.Manifest.Segments.Select(segment => destination.ObjectName(segment.Id)).ToArray();
        Found found;
        ProgressMeter meter;
        do
        {
            marker.AvoidPrunes(names, cancellationToken);
            found = Look(copied);
            var notes = DamageNotes.Read(destination, cancellationToken);
            var (missing, bytesMissing) = FindMissing(copied.Manifest, notes, cancellationToken);
            RefuseIfFull(bytesMissing);
            meter = new ProgressMeter(progress, $"Copying {backupId}", bytesMissing, missing.Count);
            Send(missing, notes, meter, cancellationToken);
            if (options.Verify) VerifyAll(copied.Manifest);
            if (!destination.Store.Capabilities.DurableWhenStored) MakeDurable(copied.Manifest, marker.OthersRun(cancellationToken));
            notes.Remove(destination, missing.ConvertAll(segment => destination.ObjectName(segment.Id)));
        }
        while (!marker.Keep(cancellationToken)); // somebody took this copy for dead: what was found may have been removed since

        destination.EnsureSame(cancellationToken);
        var published = found != Found.Same && Publish(copied, found);
        marker.KeepComplete(
            names,
            () => FindMissing(copied.Manifest, DamageNotes.None, CancellationToken.None).Missing,
            missing =>
            {
                Send(missing, DamageNotes.None, null, CancellationToken.None);
                destination.Store.MakeDurable(missing.ConvertAll(s => destination.ObjectName(s.Id)), CancellationToken.None);
            },
            published ? () => destination.Store.Delete(copied.Name, CancellationToken.None) : null,
            () => new HestiaException(
                HestiaErrorCode.ObjectMissing,
                $"Objects of backup {backupId} disappear from '{destination.Location}' while it is copied.",
                destination.Location,
                "Find out who removes them, then try again."));
        meter.Finish();
        return new CopyResult
        {
            BackupId = backupId,
            IndexName = copied.Summary.IndexName,
            Source = source.Location,
            Destination = destination.Location,
            AlreadyThere = !published,
            Bytes = copied.Summary.Bytes,
            BytesSent = _bytesSent,
            SegmentsSent = _sent.Count,
            SegmentsReused = copied.Summary.Segments - _sent.Count,
            ObjectsVerified = options.Verify ? copied.Summary.Segments : 0,
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    private void RefuseItself()
    {
        var overlaps = source.Store.Capabilities.Remote || destination.Store.Capabilities.Remote
            ? source.Location == destination.Location && source.Descriptor.Id == destination.Descriptor.Id
            : source.Store.Overlaps(destination.Location);
        if (!overlaps) return;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"The repository '{source.Location}' cannot be copied to '{destination.Location}': one is the other, or lies in it.",
            destination.Location,
            "Copy to a repository in another place, best at another site.");
    }

    private Copied Read(string backupId)
    {
        var manifest = new BackupCatalog(source).Read(backupId, cancellationToken);
        var name = RepositoryNames.Backup(manifest.Summary.IndexId, backupId);
        // Byte for byte, so that members this version does not know arrive too.
        var bytes = source.Store.ReadAll(name, BackupManifest.MaxBytes, cancellationToken);
        if (bytes is not null && BackupManifest.Parse(bytes).Summary.Nonce == manifest.Summary.Nonce)
            return new Copied(name, bytes, manifest);
        throw new HestiaException(
            HestiaErrorCode.BackupNotFound,
            $"Backup {backupId} was removed from '{source.Location}' while it was looked at.",
            backupId,
            "Choose another.");
    }

    /// <summary>Whether the destination has this backup.</summary>
    /// <exception cref="HestiaException">BackupDiffers: it has another one of that id.</exception>
    private Found Look(Copied copied)
    {
        try
        {
            var bytes = destination.Store.ReadAll(copied.Name, BackupManifest.MaxBytes, cancellationToken);
            if (bytes is null) return Found.Nothing;
            if (copied.Bytes.AsSpan().SequenceEqual(bytes)) return Found.Same;
            BackupManifest.Parse(bytes);
        }
        catch (InvalidDataException)
        {
            return Found.Damaged; // here is the one it was, so it is put right
        }

        throw new HestiaException(
            HestiaErrorCode.BackupDiffers,
            $"The repository '{destination.Location}' has another backup with the id {copied.Summary.BackupId}. Nothing was copied.",
            copied.Summary.BackupId,
            "Find out where it came from; if it is not needed, remove it with Remove-HestiaBackup and copy again.");
    }

    private (List<BackupSegment> Missing, long Bytes) FindMissing(
        BackupManifest manifest, DamageNotes notes, CancellationToken token)
    {
        var ids = new SegmentId[manifest.Segments.Count];
        for (var i = 0; i < ids.Length; i++) ids[i] = manifest.Segments[i].Id;
        var sizes = destination.ObjectSizes(ids, _parallelism, token);
        var missing = new List<BackupSegment>();
        long bytes = 0;
        for (var i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] == manifest.Segments[i].Size && !(notes.Any && notes.Names(destination.ObjectName(ids[i])))) continue;
            missing.Add(manifest.Segments[i]);
            bytes += manifest.Segments[i].Size;
        }

        missing.Sort(static (a, b) => b.Size.CompareTo(a.Size)); // the largest first: no worker is left with one at the end
        return (missing, bytes);
    }

    private void RefuseIfFull(long bytes)
    {
        if (bytes == 0 || destination.Store.AvailableBytes() is not { } available || available >= bytes) return;
        throw new HestiaException(
            HestiaErrorCode.DiskFull,
            $"The copy has to send {bytes:N0} bytes and '{destination.Location}' has room for {available:N0}. Nothing was sent.",
            destination.Location,
            "Free space there, or use another repository.");
    }

    /// <summary>Sends segments. Without notes all are known to be damaged there.</summary>
    private void Send(List<BackupSegment> segments, DamageNotes? notes, ProgressMeter? meter, CancellationToken token) => Workers.Run(
        segments,
        _parallelism,
        (segment, stop) =>
        {
            var name = destination.ObjectName(segment.Id);
            var isDamaged = notes is null || notes.Names(name);
            using var content = new StoredContent(source, segment.Id, segment.Size, meter, stop)
            {
                TrustsSize = !isDamaged,
                Replaces = isDamaged,
            };
            DamageNotes.Put(destination, name, content, stop);
            lock (_sent)
                if (_sent.Add(segment.Id)) _bytesSent += segment.Size;
            meter?.AddItem();
        },
        token);

    /// <summary>Reads everything back; what is not as it was written is sent again, once.</summary>
    private void VerifyAll(BackupManifest manifest)
    {
        var damaged = FindDamaged(manifest.Segments, $"Verifying {manifest.Summary.BackupId}");
        if (damaged.Count == 0) return;
        Send(damaged, null, null, cancellationToken);
        damaged = FindDamaged(damaged, $"Verifying {manifest.Summary.BackupId} again");
        if (damaged.Count == 0) return;
        var name = destination.ObjectName(damaged[0].Id);
        throw new HestiaException(
            HestiaErrorCode.ObjectDamaged,
            $"Object {name} of the repository '{destination.Location}' was sent and is not given back as it was. No backup was copied.",
            name,
            "Check the device, share or service it is on, then copy again.");
    }

    private List<BackupSegment> FindDamaged(IReadOnlyList<BackupSegment> segments, string activity)
    {
        var damaged = new List<BackupSegment>();
        var meter = new ProgressMeter(progress, activity, segments.Sum(static s => s.Size), segments.Count);
        Workers.Run(
            segments,
            _parallelism,
            (segment, stop) =>
            {
                if (!IsSound(segment, meter, stop)) lock (damaged) damaged.Add(segment);
                meter.AddItem();
            },
            cancellationToken);
        meter.Finish();
        return damaged;
    }

    private bool IsSound(BackupSegment segment, ProgressMeter meter, CancellationToken stop)
    {
        using var content = new StoredContent(destination, segment.Id, segment.Size, meter, stop);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (content.Read(buffer.AsSpan(0, ReadBytes)) > 0) stop.ThrowIfCancellationRequested();
            content.Verify();
            return true;
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.ObjectDamaged or HestiaErrorCode.ObjectMissing)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>What was sent; all, while another backup runs, whose objects may be readable and not yet durable.</summary>
    private void MakeDurable(BackupManifest manifest, bool othersRun)
    {
        var names = new List<string>();
        foreach (var segment in manifest.Segments)
            if (othersRun || _sent.Contains(segment.Id)) names.Add(destination.ObjectName(segment.Id));
        if (names.Count > 0) destination.Store.MakeDurable(names, cancellationToken);
    }

    /// <summary>Creates the manifest; false if another copy of the same backup was faster.</summary>
    private bool Publish(Copied copied, Found found)
    {
        if (found == Found.Damaged) destination.Store.Delete(copied.Name, cancellationToken);
        if (destination.Store.TryCreate(copied.Name, copied.Bytes, cancellationToken)) return true;
        if (Look(copied) == Found.Same) return false;
        throw new HestiaException(
            HestiaErrorCode.IoError,
            $"The manifest of backup {copied.Summary.BackupId} could not be stored in '{destination.Location}'.",
            destination.Location,
            "Find out who else writes there, then copy again.");
    }
}
