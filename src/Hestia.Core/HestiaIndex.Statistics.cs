using Hestia.Core.Compaction;
using Hestia.Core.Manifest;

namespace Hestia.Core;

/// <content>The index in numbers. Statistics and metrics read the same ones here.</content>
public sealed partial class HestiaIndex
{
    internal long LogSyncs => _log?.Syncs ?? 0;

    internal long LogBytesWritten => _log?.BytesWritten ?? 0;

    internal long LogBytesKept => (_log?.CurrentBytes ?? 0) + _retired.LogBytes;

    internal long FlushBytes => _flusher?.BytesWritten ?? 0;

    internal long CompactionBytes => _compactor?.BytesWritten ?? 0;

    internal long RetiredBytes => _retired.RetiredBytes;

    internal int OpenSnapshots => Volatile.Read(ref _snapshots);

    internal int HeldPins => Volatile.Read(ref _pins);

    internal long ArchiveQueueBytes => Archive.State is null ? 0 : _retired.UnshippedBytes;

    internal long MemtableBytes
    {
        get
        {
            var view = _live.Acquire();
            try
            {
                long bytes = 0;
                foreach (var memtable in view.Memtables) bytes += memtable.AllocatedBytes;
                return bytes;
            }
            finally
            {
                view.Release();
            }
        }
    }

    internal long CompactionDebt
    {
        get
        {
            var view = _live.Acquire();
            try
            {
                return CompactionPicker.Debt(view, _context.Options);
            }
            finally
            {
                view.Release();
            }
        }
    }

    internal IReadOnlyList<LevelStatistics> LevelsNow() => IndexDescription.LevelsOf(_live.Manifest.Segments);

    /// <summary>The index in numbers, those of the metrics of <see cref="Diagnostics.HestiaMeter"/>. Each is of one moment, not all of the same.</summary>
    /// <exception cref="HestiaException">IndexClosed.</exception>
    public IndexStatistics GetStatistics()
    {
        _context.Health.RequireReadable();
        var counters = _context.Counters;
        var view = _live.Acquire();
        try
        {
            long memtableBytes = 0, entries = 0, segmentBytes = 0;
            foreach (var memtable in view.Memtables)
            {
                memtableBytes += memtable.AllocatedBytes;
                entries += memtable.EntryCount;
            }

            var segments = new List<ManifestSegment>();
            foreach (var level in view.Levels)
            {
                foreach (var segment in level)
                {
                    segments.Add(segment.Manifest);
                    entries += segment.Manifest.Entries;
                    segmentBytes += segment.Manifest.Size;
                }
            }

            return new IndexStatistics
            {
                State = State,
                Durability = Durability,
                SuspendedUntil = Suspension?.Until,
                LastLsn = LastLsn,
                DurableLsn = DurableLsn,
                Checkpoint = view.Checkpoint,
                EntriesUpperBound = entries,
                SegmentBytes = segmentBytes,
                Levels = IndexDescription.LevelsOf(segments),
                MemtableBytes = memtableBytes,
                WalBytes = LogBytesKept,
                RetiredBytes = RetiredBytes,
                CompactionDebtBytes = CompactionPicker.Debt(view, _context.Options),
                Batches = counters.Batches,
                Operations = counters.Operations,
                BytesWritten = counters.Bytes,
                CommitsTimed = counters.CommitsTimed,
                CommitTime = counters.CommitTime,
                Reads = counters.Reads.Sum,
                Scans = counters.Snapshots.Sum,
                CacheHits = _context.Cache.Hits,
                CacheMisses = _context.Cache.Misses,
                CacheUsedBytes = _context.Cache.UsedBytes,
                WriteStalls = counters.Stalls,
                WriteStallTime = counters.StallTime,
                WalSyncs = LogSyncs,
                SyncFailures = counters.SyncFailures,
                WalBytesWritten = LogBytesWritten,
                Flushes = counters.Flushes,
                FlushFailures = counters.FlushFailures,
                FlushBytesWritten = FlushBytes,
                Compactions = counters.Compactions,
                CompactionFailures = counters.CompactionFailures,
                CompactionBytesWritten = CompactionBytes,
                OpenSnapshots = OpenSnapshots,
                Pins = HeldPins,
                ArchivedLsn = Archive.State?.ShippedEverywhere,
                ArchiveQueueBytes = ArchiveQueueBytes,
                ArchiveDroppedLsn = Archive.State is { } archived && archived.DroppedThrough > archived.ShippedEverywhere
                    ? archived.DroppedThrough
                    : null,
                FailureReason = _context.Health.Cause?.Message,
            };
        }
        finally
        {
            view.Release();
        }
    }
}
