using System.Buffers.Binary;
using Hestia.Core.Checksums;

namespace Hestia.Core.Segments;

/// <summary>Where a block lies and what its trailer says.</summary>
internal readonly record struct BlockLocation(long Offset, long Length, uint Crc)
{
    public long End => Offset + Length;
}

/// <summary>
/// Header and trailer around every block. The header's checksum takes in the block's own offset and the trailer's goes on from it, so that
/// a block proves itself only where it was written: not a copy inside a value, not a misdirected write.
/// </summary>
internal readonly struct BlockFrame
{
    private BlockFrame(BlockKind kind, BlockCodec codec, int payloadLength, uint seed)
    {
        Kind = kind;
        Codec = codec;
        PayloadLength = payloadLength;
        Seed = seed;
    }

    public BlockKind Kind { get; }

    public BlockCodec Codec { get; }

    public int PayloadLength { get; }

    /// <summary>Checksum of the header; that of the payload goes on from it.</summary>
    public uint Seed { get; }

    public long TotalLength => (long)PayloadLength + SegmentFormat.BlockOverhead;

    /// <summary>Writes the 12 bytes of a header and returns the seed for <see cref="Checksum"/>.</summary>
    public static uint WriteHeader(Span<byte> destination, BlockKind kind, BlockCodec codec, int payloadLength, long offset)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(destination, SegmentFormat.BlockMagic);
        destination[2] = (byte)kind;
        destination[3] = (byte)codec;
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], (uint)payloadLength);
        var seed = HeaderChecksum(destination, offset);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], seed);
        return seed;
    }

    public static uint Checksum(uint seed, ReadOnlySpan<byte> payload) => Crc32C.Append(seed, payload);

    /// <summary>Reads a header; false if these 12 bytes are none for this offset.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> source, long offset, out BlockFrame frame)
    {
        frame = default;
        if (source.Length < SegmentFormat.BlockHeaderBytes || BinaryPrimitives.ReadUInt16LittleEndian(source) != SegmentFormat.BlockMagic) return false;
        if (source[2] is < (byte)BlockKind.Data or > (byte)BlockKind.Properties || source[3] > (byte)BlockCodec.Snappy) return false;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
        var seed = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        if (length > int.MaxValue - SegmentFormat.BlockOverhead || seed != HeaderChecksum(source, offset)) return false;
        frame = new BlockFrame((BlockKind)source[2], (BlockCodec)source[3], (int)length, seed);
        return true;
    }

    /// <summary>Checks a whole block, header to trailer; false if any byte of it is not what was written.</summary>
    public static bool TryRead(ReadOnlySpan<byte> block, long offset, out BlockFrame frame, out uint crc)
    {
        crc = 0;
        if (!TryReadHeader(block, offset, out frame) || frame.TotalLength != block.Length) return false;
        crc = Checksum(frame.Seed, block.Slice(SegmentFormat.BlockHeaderBytes, frame.PayloadLength));
        return crc == BinaryPrimitives.ReadUInt32LittleEndian(block[^SegmentFormat.BlockTrailerBytes..]);
    }

    public static ReadOnlySpan<byte> PayloadOf(ReadOnlySpan<byte> block) => block[SegmentFormat.BlockHeaderBytes..^SegmentFormat.BlockTrailerBytes];

    private static uint HeaderChecksum(ReadOnlySpan<byte> header, long offset)
    {
        Span<byte> input = stackalloc byte[16];
        header[..8].CopyTo(input);
        BinaryPrimitives.WriteInt64LittleEndian(input[8..], offset);
        return Crc32C.Compute(input);
    }
}
