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
    private readonly Action<StoreDamageException>? _onDamage;
    private readonly CancellationToken _cancellation;
    private bool _isDropped;
    private bool _ended;

    /// <param name="files">Where the file is.</param>
    /// <param name="directory">The index.</param>
    /// <param name="name">The file, relative to it.</param>
    /// <param name="manifest">How to read it.</param>
    /// <param name="onRead">Told of bytes as they are read, or null.</param>
    /// <param name="onDamage">To salvage: told of damage, behind which reading goes on where the next chunk begins. Null: damage ends it.</param>
    /// <param name="cancellation">Ends the search for that chunk.</param>
    public SortedFileSource(
        FileSystem files, string directory, string name, StoreManifest manifest, Action<long>? onRead = null, Action<StoreDamageException>? onDamage = null,
        CancellationToken cancellation = default)
    {
        _cancellation = cancellation;
        _onDamage = onDamage;
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
        while (!_ended)
        {
            try
            {
                return MoveNextEntry();
            }
            catch (StoreDamageException e) when (_onDamage is not null)
            {
                _onDamage(e);
                _isDropped = true;
                if (e.Code == StoreFindings.KeyOrder) continue; // only this entry is of no use
                _ended = !_chunks.Resume(_cancellation);
                _at = 0;
            }
        }

        return false;
    }

    private bool MoveNextEntry()
    {
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
        if (_isDropped || _chunks.Payload.IsEmpty)
        {
            _isDropped = false;
            return;
        }

        var key = Key;
        if (_before.Length < key.Length) _before = new byte[Math.Max(64, key.Length * 2)];
        key.CopyTo(_before);
        _beforeLength = key.Length;
    }

    private StoreDamageException Damaged(string message) => new(StoreFindings.ChunkDamaged, message, _name, _chunks.FileOffset);
}
