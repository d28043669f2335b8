using System.Diagnostics;
using Hestia.Backup.Archive;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Backup.Pruning;

/// <summary>
/// One prune: condemn what no manifest names, say so in a marker, wait until every backup that is marked by then has ended, read the
/// manifests that came since, and delete what is still not named. A backup either wrote its marker before this one looked, and is waited
/// for; or finds this marker after it wrote its own, and does not rely on what is condemned until this marker is gone.
/// </summary>
internal sealed class PruneJob(
    RepositoryContext repository, PruneOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    /// <summary>Deletions between two looks at the own marker.</summary>
    private const int Batch = 64;

    /// <summary>Waited where a list may be an old one and nothing can be done about it: longer than clients of Windows shares keep one.</summary>
    private static readonly TimeSpan s_listAge = TimeSpan.FromSeconds(15);

    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly MarkerBoard _board = new(repository);
    private readonly RepositoryReferences _references = new(repository, options.Parallelism);
    private readonly List<StoredItem> _condemned = [];
    private long _objects;
    private long _bytes;
    private int _young;

    public PrunePlan Plan()
    {
        Condemn();
        var running = _board.List(cancellationToken).FindAll(static m => !m.IsPrune);
        return new PrunePlan(
            _objects, _bytes, _condemned.Count, Bytes(_condemned), _young,
            ArchiveRetention.FindRemovable(repository, null, cancellationToken).Count,
            running.Count == 0 ? null : _board.Describe(running, cancellationToken));
    }

    public PruneResult Run()
    {
        var begun = Stopwatch.GetTimestamp();
        repository.EnsureSame(cancellationToken);
        Condemn();
        var markers = RemoveDeadMarkers();
        var gone = new List<StoredItem>();
        var meter = new ProgressMeter(progress, "Pruning", Bytes(_condemned), _condemned.Count);
        for (var from = 0; from < _condemned.Count; from += CondemnedSet.MaxObjects)
        {
            var round = _condemned.GetRange(from, Math.Min(CondemnedSet.MaxObjects, _condemned.Count - from));
            gone.AddRange(RunRound(round, meter));
        }

        RemoveStaleNotes(gone.ConvertAll(static item => item.Name));
        var pieces = RemoveArchived();
        var bytesRemoved = Bytes(gone);
        var unfinished = repository.Store.RemoveUnfinished(RepositoryStore.DeadAfter, cancellationToken);
        meter.Finish();
        return new PruneResult
        {
            Repository = repository.Location,
            ObjectsRemoved = gone.Count,
            BytesRemoved = bytesRemoved,
            ObjectsKept = _objects - gone.Count,
            BytesKept = _bytes - bytesRemoved,
            ObjectsSpared = _condemned.Count - gone.Count,
            ObjectsYoung = _young,
            MarkersRemoved = markers,
            UnfinishedRemoved = unfinished,
            ArchivePiecesRemoved = pieces,
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    /// <summary>The objects first, then the manifests: what was published between the two is not condemned.</summary>
    private void Condemn()
    {
        var newest = options.MinimumAge > TimeSpan.Zero
            ? repository.Store.ReadClock(cancellationToken) - options.MinimumAge
            : DateTime.MaxValue;
        foreach (var item in repository.Store.List(RepositoryNames.Objects, cancellationToken))
        {
            if (!RepositoryNames.IsObject(item.Name)) continue;
            _objects++;
            _bytes += item.Size;
            _condemned.Add(item);
        }

        _references.Refresh(cancellationToken);
        _condemned.RemoveAll(item => _references.Contains(item.Name));
        _young = _condemned.RemoveAll(item => item.StoredAt > newest);
        _condemned.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name)); // neighbors share a folder
    }

    private int RemoveDeadMarkers()
    {
        var removed = 0;
        foreach (var marker in _board.List(cancellationToken))
            if (_board.RemoveIfDead(marker, cancellationToken)) removed++;
        foreach (var mark in _board.ListWaiting(cancellationToken)) _board.RemoveIfDead(mark, cancellationToken);
        return removed;
    }

    private void RevalidateLists(params ReadOnlySpan<string> prefixes)
    {
        var old = false;
        foreach (var prefix in prefixes) old |= !repository.Store.Revalidate(prefix, cancellationToken);
        if (old) repository.Markers.Sleep(s_listAge, cancellationToken);
    }

    private List<StoredItem> RunRound(List<StoredItem> condemned, ProgressMeter meter)
    {
        using var marker = PruneMarker.Write(repository, condemned.ConvertAll(static item => item.Name), cancellationToken);

        // The order is everything: marker, look for backups, wait, manifests.
        var running = _board.List(cancellationToken).FindAll(static m => !m.IsPrune);
        if (running.Count > 0) _board.WaitUntilGone(running, options.WaitTime, cancellationToken);
        RevalidateLists(RepositoryNames.Backups);
        _references.Refresh(cancellationToken);
        var doomed = condemned.FindAll(item => !_references.Contains(item.Name));
        var batches = new List<List<StoredItem>>();
        for (var i = 0; i < doomed.Count; i += Batch) batches.Add(doomed.GetRange(i, Math.Min(Batch, doomed.Count - i)));
        Workers.Run(
            batches,
            _parallelism,
            (batch, token) =>
            {
                RequireMarker(marker, token);
                repository.Store.Delete(batch.ConvertAll(static item => item.Name), token);
                foreach (var item in batch)
                {
                    meter.AddBytes(item.Size);
                    meter.AddItem();
                }
            },
            cancellationToken);
        return doomed;
    }

    private void RequireMarker(PruneMarker marker, CancellationToken token)
    {
        if (marker.Stands(token)) return;
        throw new HestiaException(
            HestiaErrorCode.RepositoryBusy,
            $"This prune of '{repository.Location}' was taken for dead and its marker removed, so it stops.",
            repository.Location,
            "Run it again. If the machine was suspended meanwhile, verify the newest backups with Test-HestiaBackup.");
    }

    /// <summary>The log that lies before the oldest backup of its index: no restore begins there. Not where a backup of it is at work.</summary>
    private int RemoveArchived()
    {
        var removable = ArchiveRetention.FindRemovable(
            repository, () => RevalidateLists(RepositoryNames.Locks, RepositoryNames.Backups), cancellationToken);
        var names = removable.ConvertAll(static item => item.Name);
        for (var i = 0; i < names.Count; i += Batch)
            repository.Store.Delete(names.GetRange(i, Math.Min(Batch, names.Count - i)), cancellationToken);
        RemoveStaleNotes(names);
        return names.Count;
    }

    /// <summary>Notes on what is gone say nothing any more.</summary>
    private void RemoveStaleNotes(List<string> gone)
    {
        if (gone.Count == 0) return;
        var notes = DamageNotes.Read(repository, cancellationToken);
        if (notes.Any) notes.Remove(repository, gone);
    }

    private static long Bytes(List<StoredItem> items)
    {
        var bytes = 0L;
        foreach (var item in items) bytes += item.Size;
        return bytes;
    }
}
