using System.Buffers.Binary;
using Hestia.Core.Checksums;

namespace Hestia.Core.Segments;

/// <summary>The first bytes of a segment.</summary>
internal static class SegmentHeader
{
    public static void Encode(Span<byte> at)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(at, SegmentFormat.HeaderMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(at[8..], SegmentFormat.Version);
        BinaryPrimitives.WriteUInt32LittleEndian(at[12..], Crc32C.Compute(at[..12]));
    }

    /// <summary>Whether these are the first bytes of a segment of a version this code knows.</summary>
    public static bool IsValid(ReadOnlySpan<byte> at) =>
        at.Length >= SegmentFormat.HeaderBytes
        && BinaryPrimitives.ReadUInt64LittleEndian(at) == SegmentFormat.HeaderMagic
        && BinaryPrimitives.ReadUInt32LittleEndian(at[8..]) == SegmentFormat.Version
        && BinaryPrimitives.ReadUInt32LittleEndian(at[12..]) == Crc32C.Compute(at[..12]);
}
