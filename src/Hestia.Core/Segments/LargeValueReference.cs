using System.Buffers.Binary;

namespace Hestia.Core.Segments;

/// <summary>What an entry holds in place of a value that has a block of its own.</summary>
internal readonly record struct LargeValueReference(BlockLocation Block, int ValueLength)
{
    public void Encode(Span<byte> at)
    {
        BinaryPrimitives.WriteInt64LittleEndian(at, Block.Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(at[8..], (uint)Block.Length);
        BinaryPrimitives.WriteInt32LittleEndian(at[12..], ValueLength);
        BinaryPrimitives.WriteUInt32LittleEndian(at[16..], Block.Crc);
    }

    /// <summary>False if it names a place outside the data of the file, or a length no large value has.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> at, long dataEnd, out LargeValueReference reference)
    {
        reference = default;
        if (at.Length != SegmentFormat.LargeReferenceBytes) return false;
        var offset = BinaryPrimitives.ReadInt64LittleEndian(at);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(at[8..]);
        var valueLength = BinaryPrimitives.ReadInt32LittleEndian(at[12..]);
        if (valueLength is < Limits.LargeValueBytes or > Limits.MaxValueBytes) return false;
        if (offset < SegmentFormat.HeaderBytes || length < SegmentFormat.BlockOverhead || length > dataEnd - offset) return false;
        if (length > valueLength + SegmentFormat.BlockOverhead) return false;
        reference = new LargeValueReference(new BlockLocation(offset, length, BinaryPrimitives.ReadUInt32LittleEndian(at[16..])), valueLength);
        return true;
    }

    /// <summary>Whether a stored block, itself found right, is the one with this checksum.</summary>
    public static bool IsBlock(ReadOnlySpan<byte> stored, uint crc) =>
        BinaryPrimitives.ReadUInt32LittleEndian(stored[^SegmentFormat.BlockTrailerBytes..]) == crc;
}
