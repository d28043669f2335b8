using System.Security.Cryptography;
using Hestia.Core.Caching;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>The bytes of a segment on their way to the file: buffered, hashed, never gone back to.</summary>
internal sealed unsafe class SegmentOutput : IDisposable
{
    private const int BufferBytes = 1 << 20;

    private readonly StorageFile _file;
    private readonly NativeBuffer _buffer = new(BufferBytes);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _used;
    private long _flushed;

    public SegmentOutput(StorageFile file) => _file = file;

    public long Position => _flushed + _used;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > BufferBytes - _used)
        {
            Flush();
            if (bytes.Length >= BufferBytes)
            {
                WriteThrough(bytes);
                return;
            }
        }

        bytes.CopyTo(new Span<byte>(_buffer.Pointer + _used, bytes.Length));
        _used += bytes.Length;
    }

    /// <summary>Writes a block: header, payload, trailer.</summary>
    public BlockLocation WriteBlock(BlockKind kind, BlockCodec codec, ReadOnlySpan<byte> payload)
    {
        var offset = Position;
        Span<byte> header = stackalloc byte[SegmentFormat.BlockHeaderBytes];
        var crc = BlockFrame.Checksum(BlockFrame.WriteHeader(header, kind, codec, payload.Length, offset), payload);
        Write(header);
        Write(payload);
        Span<byte> trailer = stackalloc byte[SegmentFormat.BlockTrailerBytes];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(trailer, crc);
        Write(trailer);
        return new BlockLocation(offset, Position - offset, crc);
    }

    /// <summary>Everything is in the file and synced; the hash of it all.</summary>
    public SegmentId Complete()
    {
        Flush();
        _file.Sync();
        Span<byte> hash = stackalloc byte[SegmentId.Size];
        _hash.GetHashAndReset(hash);
        return new SegmentId(hash);
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _hash.Dispose();
    }

    private void Flush()
    {
        if (_used == 0) return;
        WriteThrough(new ReadOnlySpan<byte>(_buffer.Pointer, _used));
        _used = 0;
    }

    private void WriteThrough(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _file.Write(_flushed, bytes);
        _flushed += bytes.Length;
    }
}
