using Hestia.Core.Caching;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Segments;
using Hestia.Core.Wal;

namespace Hestia.Core.Consistency;

/// <summary>Counts the keys a reader would see: segments and replayed log merged, tombstones and overwritten entries left out.</summary>
internal sealed class EntryCounter : IDisposable
{
    private const long MemtableBytes = 64L << 20;
    private const int ReadAheadBytes = 1 << 20;
    private const int CheckEvery = 4096;

    private readonly FileSystem _files;
    private readonly BlockCache _cache = new(0);
    private readonly SegmentTable _table;
    private readonly List<MemTable> _memtables = []; // oldest first

    public EntryCounter(FileSystem files, string indexPath)
    {
        _files = files;
        _table = new SegmentTable(files, indexPath, _cache, new OpenFileLimit(64));
    }

    /// <summary>Takes the log above the checkpoint into memory, as a read-only open does.</summary>
    public void Replay(WalScanResult scan, Lsn checkpoint, CancellationToken cancellation)
    {
        if (scan.Records == 0 || scan.LastLsn <= checkpoint) return;
        var visitor = new Visitor(_memtables);
        WalReplay.Run(_files, scan, checkpoint, ref visitor, cancellation);
    }

    /// <summary>Counts; the segments are whole.</summary>
    public long Count(IReadOnlyList<ManifestSegment> segments, ByteProgress progress, CancellationToken cancellation)
    {
        if (CountWithoutReading(segments) is { } known) return known;
        long bytes = 0;
        foreach (var segment in segments) bytes += segment.Size;
        progress.Begin("Counting entries", bytes, 0);
        var memtables = _memtables.ToArray();
        Array.Reverse(memtables);
        var lists = new List<LiveSegment>[ManifestFormat.Levels];
        for (var i = 0; i < lists.Length; i++) lists[i] = [];
        try
        {
            foreach (var segment in segments) lists[segment.Level].Add(_table.Acquire(segment));
            // Not released as a view: segments and memtables are given back here.
            var view = new IndexView(_table, memtables, Array.ConvertAll(lists, static l => l.ToArray()), Lsn.None, null);
            using var cursor = view.CreateCursor(ulong.MaxValue, fillCache: false, ReadAheadBytes);
            return CountVisible(cursor, progress, cancellation);
        }
        finally
        {
            foreach (var list in lists)
                foreach (var segment in list) _table.Release(segment);
        }
    }

    /// <summary>Counts what a cursor shows.</summary>
    public static long CountVisible(EntryCursor cursor, ByteProgress progress, CancellationToken cancellation)
    {
        long entries = 0, seen = 0, bytes = 0;
        for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next())
        {
            if (cursor.Kind == OperationKind.Put) entries++;
            bytes += cursor.Key.Length + cursor.Value.Length;
            if (++seen % CheckEvery != 0) continue;
            cancellation.ThrowIfCancellationRequested();
            progress.AddBytes(bytes);
            bytes = 0;
        }

        return entries;
    }

    public void Dispose()
    {
        foreach (var memtable in _memtables) memtable.Release();
        _cache.Dispose();
    }

    /// <summary>Where no two runs can share a key, the verified counts say it.</summary>
    private long? CountWithoutReading(IReadOnlyList<ManifestSegment> segments)
    {
        if (_memtables.Count > 0) return null;
        long entries = 0;
        foreach (var segment in segments)
        {
            if (segment.Level != segments[0].Level || (segment.Level == 0 && segments.Count > 1)) return null;
            entries += segment.Entries - segment.Tombstones;
        }

        return entries;
    }

    private readonly struct Visitor(List<MemTable> memtables) : IWalVisitor
    {
        public void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            if (memtables.Count == 0 || memtables[^1].AllocatedBytes > MemtableBytes) memtables.Add(new MemTable());
            memtables[^1].Add(key, value, lsn, kind);
        }

        public void EndRecord(ulong lastLsn, long commitMicroseconds)
        {
        }
    }
}
