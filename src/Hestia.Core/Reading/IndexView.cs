using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Segments;

namespace Hestia.Core.Reading;

/// <summary>
/// Everything a reader looks at: the memtables, newest first, and the live segments of one manifest. Immutable but for the entries that
/// the active memtable still takes, which a reader tells apart by LSN. Counted: what it shows stays until the last reader is gone, so a
/// snapshot is a view and an LSN, and neither flush nor compaction has to know of snapshots.
/// </summary>
internal sealed class IndexView
{
    private readonly SegmentTable _table;
    private readonly Action<IndexView>? _released;
    private int _references = 1;

    /// <summary>Takes over one reference on each memtable and each segment.</summary>
    public IndexView(SegmentTable table, MemTable[] memtables, LiveSegment[][] levels, Lsn checkpoint, Action<IndexView>? released)
    {
        _table = table;
        _released = released;
        Memtables = memtables;
        Levels = levels;
        Checkpoint = checkpoint;
    }

    /// <summary>Newest first; the first one is the active one.</summary>
    public MemTable[] Memtables { get; }

    /// <summary>Level 0 newest first; deeper levels by key, without overlap.</summary>
    public LiveSegment[][] Levels { get; }

    /// <summary>The LSN up to which <see cref="Levels"/> hold everything.</summary>
    public Lsn Checkpoint { get; }

    /// <summary>Another reference, unless the last one is gone already (then there is a newer view).</summary>
    public bool TryAcquire()
    {
        var current = Volatile.Read(ref _references);
        while (current > 0)
        {
            var seen = Interlocked.CompareExchange(ref _references, current + 1, current);
            if (seen == current) return true;
            current = seen;
        }

        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0) return;
        foreach (var memtable in Memtables) memtable.Release();
        foreach (var level in Levels)
            foreach (var segment in level) _table.Release(segment);
        _released?.Invoke(this);
    }

    /// <summary>The segments of one level below 0 that can hold a key in [lower, upper], as a range of indexes.</summary>
    public static (int First, int End) Overlapping(LiveSegment[] level, ReadOnlySpan<byte> lower, ReadOnlySpan<byte> upper)
    {
        var first = FirstAtOrAfter(level, lower);
        var end = first;
        while (end < level.Length && level[end].Manifest.LowerBound.AsSpan().SequenceCompareTo(upper) <= 0) end++;
        return (first, end);
    }

    /// <summary>Index of the first segment whose upper bound is at or after <paramref name="key"/>.</summary>
    public static int FirstAtOrAfter(LiveSegment[] level, ReadOnlySpan<byte> key)
    {
        int low = 0, high = level.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (level[middle].Manifest.UpperBound.AsSpan().SequenceCompareTo(key) < 0) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    /// <summary>
    /// The newest operation on a key up to an LSN. The result points into memory the view keeps alive; dispose it before releasing the view.
    /// </summary>
    public bool TryGet(ReadOnlySpan<byte> key, ulong snapshotLsn, out FoundEntry found)
    {
        foreach (var memtable in Memtables)
        {
            if (memtable.TryGet(key, snapshotLsn, out var record))
            {
                found = new FoundEntry(record);
                return true;
            }
        }

        var hash = SegmentReader.HashKey(key);
        foreach (var segment in Levels[0])
        {
            if (segment.MayContain(key) && segment.Reader.TryGet(key, hash, out var value))
            {
                found = new FoundEntry(value);
                return true;
            }
        }

        for (var i = 1; i < Levels.Length; i++)
        {
            var level = Levels[i];
            if (level.Length == 0) continue;
            // Bounds are shortened outward, so a key on a border can lie in either neighbour.
            for (var at = FirstAtOrAfter(level, key); at < level.Length; at++)
            {
                if (level[at].Manifest.LowerBound.AsSpan().SequenceCompareTo(key) > 0) break;
                if (level[at].Reader.TryGet(key, hash, out var value))
                {
                    found = new FoundEntry(value);
                    return true;
                }
            }
        }

        found = default;
        return false;
    }

    /// <summary>One cursor over everything, newest operation per key, tombstones shown. The caller holds the view while it lives.</summary>
    public EntryCursor CreateCursor(ulong snapshotLsn, bool fillCache, int readAheadBytes)
    {
        var cursors = new List<EntryCursor>(Memtables.Length + Levels[0].Length + Levels.Length);
        foreach (var memtable in Memtables)
            if (memtable.OperationCount > 0) cursors.Add(memtable.CreateCursor(snapshotLsn));
        foreach (var segment in Levels[0]) cursors.Add(segment.Reader.CreateCursor(fillCache, readAheadBytes));
        for (var i = 1; i < Levels.Length; i++)
            if (Levels[i].Length > 0) cursors.Add(new LevelCursor(Levels[i], fillCache, readAheadBytes));
        return cursors.Count == 1 ? cursors[0] : new MergingCursor([.. cursors]);
    }
}

/// <summary>A found operation, in a memtable or in a pinned block. Dispose it to unpin.</summary>
internal ref struct FoundEntry
{
    private readonly MemRecord _record;
    private readonly SegmentValue _value;
    private readonly bool _inSegment;

    public FoundEntry(MemRecord record) => _record = record;

    public FoundEntry(SegmentValue value)
    {
        _value = value;
        _inSegment = true;
    }

    public readonly OperationKind Kind => _inSegment ? _value.Kind : _record.Kind;

    public readonly ulong Lsn => _inSegment ? _value.Lsn : _record.Lsn;

    public readonly ReadOnlySpan<byte> Value => _inSegment ? _value.Value : _record.Value;

    public void Dispose()
    {
        if (_inSegment) _value.Dispose();
    }
}
