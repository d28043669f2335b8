using System.Buffers;
using System.Buffers.Binary;
using Hestia.Core.IO;

namespace Hestia.HestiaStore.Format;

/// <summary>
/// Writes a sorted file as HestiaStore does: entries in chunks of so many keys, chunks in checked blocks, the last block filled with zeros.
/// No entry makes an empty file. Holds one chunk and one block.
/// </summary>
internal sealed class SortedFileWriter : IDisposable
{
    private readonly StoreManifest _manifest;
    private readonly int _keysPerChunk;
    private readonly Action<byte[], int> _onChunk;
    private readonly StorageFile _file;
    private readonly ArrayBufferWriter<byte> _chunk = new();
    private readonly byte[] _block;
    private byte[] _lastKey = [];
    private int _keysInChunk;
    private int _at = BlockReader.HeaderBytes;
    private long _blocks;

    /// <param name="files">Where to write.</param>
    /// <param name="path">A file that must not exist.</param>
    /// <param name="manifest">Block size, filters and types.</param>
    /// <param name="keysPerChunk">Entries of a chunk.</param>
    /// <param name="onChunk">Told the last key and the position of every chunk, for the sparse index.</param>
    public SortedFileWriter(FileSystem files, string path, StoreManifest manifest, int keysPerChunk, Action<byte[], int> onChunk)
    {
        _manifest = manifest;
        _keysPerChunk = keysPerChunk;
        _onChunk = onChunk;
        _block = new byte[manifest.BlockBytes];
        _file = files.Open(path, FileOpenMode.CreateNew);
    }

    public long Entries { get; private set; }

    private int PayloadBytes => _manifest.BlockBytes - BlockReader.HeaderBytes;

    /// <summary>Adds the next entry.</summary>
    /// <exception cref="InvalidDataException">A key longer than 255 bytes where a chunk begins, which the format cannot hold.</exception>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var shared = _keysInChunk == 0 ? 0 : _lastKey.AsSpan().CommonPrefixLength(key);
        if (shared > byte.MaxValue || key.Length - shared > byte.MaxValue) throw new InvalidDataException($"a key of {key.Length:N0} bytes cannot stand where a chunk begins");
        var header = _manifest.ValueType.StoredHeader(value.Length);
        var target = _chunk.GetSpan(2 + key.Length + header.Length + value.Length);
        target[0] = (byte)shared;
        target[1] = (byte)(key.Length - shared);
        key[shared..].CopyTo(target[2..]);
        var at = 2 + key.Length - shared;
        header.CopyTo(target[at..]);
        value.CopyTo(target[(at + header.Length)..]);
        _chunk.Advance(at + header.Length + value.Length);
        _lastKey = key.ToArray();
        Entries++;
        if (++_keysInChunk == _keysPerChunk) EndChunk();
    }

    /// <summary>Writes what is left and makes the file durable.</summary>
    public void Complete()
    {
        if (_keysInChunk > 0) EndChunk();
        if (_at > BlockReader.HeaderBytes) EndBlock();
        _file.Sync();
    }

    public void Dispose() => _file.Dispose();

    private void EndChunk()
    {
        var position = _blocks * PayloadBytes + _at - BlockReader.HeaderBytes;
        var stored = ChunkFilters.Encode(_manifest.EncodingFilters, _chunk.WrittenMemory, out var crc, out var flags);
        Span<byte> header = stackalloc byte[ChunkReader.HeaderBytes];
        BinaryPrimitives.WriteUInt64BigEndian(header, ChunkReader.Magic);
        BinaryPrimitives.WriteInt32BigEndian(header[8..], 1);
        BinaryPrimitives.WriteInt32BigEndian(header[12..], stored.Length);
        BinaryPrimitives.WriteUInt64BigEndian(header[16..], crc);
        BinaryPrimitives.WriteUInt64BigEndian(header[24..], flags);
        Write(header);
        Write(stored.Span);
        Span<byte> padding = stackalloc byte[ChunkReader.Alignment];
        padding.Clear();
        Write(padding[..((ChunkReader.Alignment - stored.Length % ChunkReader.Alignment) % ChunkReader.Alignment)]);
        _onChunk(_lastKey, checked((int)position));
        _chunk.ResetWrittenCount();
        _keysInChunk = 0;
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_at == _block.Length) EndBlock();
            var count = Math.Min(bytes.Length, _block.Length - _at);
            bytes[..count].CopyTo(_block.AsSpan(_at));
            _at += count;
            bytes = bytes[count..];
        }
    }

    private void EndBlock()
    {
        _block.AsSpan(_at).Clear();
        BinaryPrimitives.WriteUInt64BigEndian(_block, BlockReader.Magic);
        BinaryPrimitives.WriteUInt64BigEndian(_block.AsSpan(8), Crc32.Compute(_block.AsSpan(BlockReader.HeaderBytes)));
        _file.Write(_blocks * _block.Length, _block);
        _blocks++;
        _at = BlockReader.HeaderBytes;
    }
}
