using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Core.Repair;

/// <summary>
/// Segments of unknown rank as one run: of each key the entry with the highest LSN. Where nothing says which segment is newer than which,
/// the LSN of each entry does. Entries without an LSN are the oldest; among them the file written last wins. A segment is
/// open only while the merge is within its keys, so memory depends on how many overlap. Damaged blocks are passed over.
/// </summary>
internal sealed class EntryMerge : IDisposable
{
    private readonly FileSystem _files;
    private readonly ulong _after;
    private readonly CancellationToken _cancellation;
    private readonly List<Source> _waiting = []; // largest first key first
    private readonly List<Source> _active = [];
    private readonly byte[] _key = new byte[Limits.MaxKeyBytes];
    private int _keyLength;
    private Source? _current;

    /// <param name="files">Where the segments lie.</param>
    /// <param name="pathsNewestFirst">Their files, the one written last first.</param>
    /// <param name="after">Only entries with a higher LSN are given; None gives all.</param>
    /// <param name="cancellation">Ends it.</param>
    public EntryMerge(FileSystem files, IReadOnlyList<string> pathsNewestFirst, Lsn after, CancellationToken cancellation)
    {
        _files = files;
        _after = after.Value;
        _cancellation = cancellation;
        for (var i = 0; i < pathsNewestFirst.Count; i++)
        {
            using var probe = SegmentSalvage.Open(files, pathsNewestFirst[i], null, cancellation);
            // One that does not tell its first key is opened at once.
            _waiting.Add(new Source(pathsNewestFirst[i], i, probe.Properties?.MinKey ?? []));
        }

        _waiting.Sort(static (a, b) => b.FirstKey.AsSpan().SequenceCompareTo(a.FirstKey));
    }

    public ReadOnlySpan<byte> Key => _current!.Entries!.Key;

    public ReadOnlySpan<byte> Value => _current!.Entries!.Value;

    public ulong Lsn => _current!.Entries!.Lsn;

    public OperationKind Kind => _current!.Entries!.Kind;

    /// <summary>Goes to the next key; false at the end.</summary>
    public bool Next()
    {
        if (_current is not null)
        {
            Key.CopyTo(_key);
            _keyLength = Key.Length;
            for (var i = _active.Count - 1; i >= 0; i--)
            {
                if (_active[i].Entries!.Key.SequenceEqual(_key.AsSpan(0, _keyLength))) Advance(i);
            }
        }

        _current = Smallest();
        while (_waiting.Count > 0 && (_current is null || _waiting[^1].FirstKey.AsSpan().SequenceCompareTo(_current.Entries!.Key) <= 0))
        {
            var source = _waiting[^1];
            _waiting.RemoveAt(_waiting.Count - 1);
            source.Entries = SegmentSalvage.Open(_files, source.Path, null, _cancellation);
            _active.Add(source);
            Advance(_active.Count - 1);
            _current = Smallest();
        }

        return _current is not null;
    }

    public void Dispose()
    {
        foreach (var source in _active) source.Entries!.Dispose();
        _active.Clear();
    }

    private void Advance(int at)
    {
        var entries = _active[at].Entries!;
        while (entries.Next())
        {
            if (_after == 0 || entries.Lsn > _after) return;
        }

        entries.Dispose();
        _active.RemoveAt(at);
    }

    private Source? Smallest()
    {
        Source? best = null;
        foreach (var source in _active)
        {
            if (best is null)
            {
                best = source;
                continue;
            }

            var order = source.Entries!.Key.SequenceCompareTo(best.Entries!.Key);
            if (order < 0 || (order == 0 && IsNewer(source, best))) best = source;
        }

        return best;
    }

    private static bool IsNewer(Source source, Source other) =>
        source.Entries!.Lsn != other.Entries!.Lsn ? source.Entries.Lsn > other.Entries.Lsn : source.Rank < other.Rank;

    private sealed class Source(string path, int rank, byte[] firstKey)
    {
        public string Path { get; } = path;

        public int Rank { get; } = rank;

        public byte[] FirstKey { get; } = firstKey;

        public SegmentSalvage? Entries { get; set; }
    }
}
