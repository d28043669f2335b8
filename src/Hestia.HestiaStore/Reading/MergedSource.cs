using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Reading;

/// <summary>Several sources as one, of which a later one hides the same key in all before it. Tombstones come through.</summary>
/// <param name="keyType">Whose order the sources are in.</param>
/// <param name="sources">Oldest first; taken over. They are few, so the smallest key is found by looking at each.</param>
internal sealed class MergedSource(StoreType keyType, IReadOnlyList<EntrySource> sources) : EntrySource
{
    private readonly bool[] _hasEntry = new bool[sources.Count];
    private readonly bool[] _isAtKey = new bool[sources.Count];
    private EntrySource? _current;
    private bool _began;

    public override ReadOnlySpan<byte> Key => _current!.Key;

    public override ReadOnlySpan<byte> Value => _current!.Value;

    public override bool IsTombstone => _current!.IsTombstone;

    public override bool MoveNext()
    {
        for (var i = 0; i < sources.Count; i++)
            if (!_began || _isAtKey[i]) _hasEntry[i] = sources[i].MoveNext();
        _began = true;
        _current = null;
        for (var i = sources.Count - 1; i >= 0; i--)
        {
            _isAtKey[i] = false;
            if (!_hasEntry[i]) continue;
            var order = _current is null ? -1 : keyType.Compare(sources[i].Key, _current.Key);
            if (order > 0) continue;
            _isAtKey[i] = true;
            if (order == 0) continue; // older than the one found
            if (_current is not null) Array.Clear(_isAtKey, i + 1, sources.Count - i - 1);
            _current = sources[i];
        }

        return _current is not null;
    }

    protected override void Dispose(bool disposing)
    {
        foreach (var source in sources) source.Dispose();
    }
}
