using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Reading;

/// <summary>The entries of one sorted file (<c>-index.sst</c> or <c>-delta-NNNN.cache</c>), every checksum and the order checked on the way.</summary>
internal sealed class SortedFileSource : EntrySource
{
    private readonly ChunkReader _chunks;
    private readonly StoreManifest _manifest;
    private readonly string _name;
    private readonly DiffKeyParser _keys = new();
    private byte[] _before = [];
    private int _beforeLength = -1;
    private int _at;
    private int _valueAt;
    private int _valueLength;
    private bool _ended;

    public SortedFileSource(FileSystem files, string directory, string name, StoreManifest manifest, Action<long>? onRead = null)
    {
        _chunks = new ChunkReader(files, Path.Combine(directory, name), name, manifest.BlockBytes, manifest.DecodingFilters, onRead);
        _manifest = manifest;
        _name = name;
    }

    public override ReadOnlySpan<byte> Key => _keys.Key;

    public override ReadOnlySpan<byte> Value => _chunks.Payload.Slice(_valueAt, _valueLength);

    public override bool IsTombstone => _manifest.ValueType.IsTombstone(Value);

    /// <summary>Where the chunk of the current entry begins, as the sparse index names it.</summary>
    public long ChunkPosition => _chunks.Position;

    /// <summary>Whether the current entry is the last one of its chunk.</summary>
    public bool EndsChunk => _at == _chunks.Payload.Length;

    public override bool MoveNext()
    {
        if (_ended) return false;
        Remember();
        while (_at == _chunks.Payload.Length)
        {
            if (!_chunks.MoveNext())
            {
                _ended = true;
                return false;
            }

            _at = 0;
            _keys.Reset();
        }

        var payload = _chunks.Payload[_at..];
        var keyBytes = _keys.Read(payload, out var problem);
        if (keyBytes < 0) throw Damaged(problem + ".");
        if (!_manifest.KeyType.IsValid(Key)) throw Damaged($"a key of {Key.Length:N0} bytes is no {_manifest.KeyType.Name}.");
        if (!_manifest.ValueType.TryMeasureStored(payload[keyBytes..], out var header, out _valueLength))
            throw Damaged($"a value is no whole {_manifest.ValueType.Name}.");
        _valueAt = _at + keyBytes + header;
        _at = _valueAt + _valueLength;
        if (_beforeLength >= 0 && _manifest.KeyType.Compare(_before.AsSpan(0, _beforeLength), Key) >= 0)
            throw new StoreDamageException(StoreFindings.KeyOrder, "a key is not above the key before it.", _name, _chunks.FileOffset);
        return true;
    }

    protected override void Dispose(bool disposing) => _chunks.Dispose();

    private void Remember()
    {
        if (_chunks.Payload.IsEmpty) return;
        var key = Key;
        if (_before.Length < key.Length) _before = new byte[Math.Max(64, key.Length * 2)];
        key.CopyTo(_before);
        _beforeLength = key.Length;
    }

    private StoreDamageException Damaged(string message) => new(StoreFindings.ChunkDamaged, message, _name, _chunks.FileOffset);
}
