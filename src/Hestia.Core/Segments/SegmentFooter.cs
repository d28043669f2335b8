using System.Buffers.Binary;
using Hestia.Core.Checksums;

namespace Hestia.Core.Segments;

/// <summary>The last bytes of a segment: where filter, index and properties lie. Without a filter its length is 0.</summary>
internal sealed record SegmentFooter(BlockLocation Filter, BlockLocation Index, BlockLocation Properties, long FileLength, uint Version)
{
    /// <summary>Where the data and large-value blocks end.</summary>
    public long DataEnd => Filter.Offset;

    public void Encode(Span<byte> at)
    {
        WriteLocation(at, Filter);
        WriteLocation(at[16..], Index);
        WriteLocation(at[32..], Properties);
        BinaryPrimitives.WriteUInt32LittleEndian(at[48..], Filter.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(at[52..], Index.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(at[56..], Properties.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(at[60..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(at[64..], FileLength);
        BinaryPrimitives.WriteUInt64LittleEndian(at[72..], SegmentFormat.FooterMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(at[80..], Crc32C.Compute(at[..80]));
    }

    /// <summary>
    /// Reads the footer of a file of this length; null with the reason if it is damaged. A newer version is returned as it is: only
    /// magic, checksum and the version itself are then known to mean what they mean here.
    /// </summary>
    public static SegmentFooter? TryDecode(ReadOnlySpan<byte> at, long fileLength, out string problem)
    {
        problem = "";
        if (at.Length != SegmentFormat.FooterBytes || BinaryPrimitives.ReadUInt64LittleEndian(at[72..]) != SegmentFormat.FooterMagic)
        {
            problem = "its last bytes are no segment footer";
            return null;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(at[80..]) != Crc32C.Compute(at[..80]))
        {
            problem = "the checksum of its footer is wrong";
            return null;
        }

        var footer = new SegmentFooter(
            ReadLocation(at, at[48..]),
            ReadLocation(at[16..], at[52..]),
            ReadLocation(at[32..], at[56..]),
            BinaryPrimitives.ReadInt64LittleEndian(at[64..]),
            BinaryPrimitives.ReadUInt32LittleEndian(at[60..]));
        if (footer.Version > SegmentFormat.Version) return footer;
        if (footer.Version != SegmentFormat.Version || footer.FileLength != fileLength)
        {
            problem = $"its footer belongs to a file of {footer.FileLength:N0} bytes, the file has {fileLength:N0}";
            return null;
        }

        if (footer.FitsTogether(fileLength)) return footer;
        problem = "the places its footer names do not fit together";
        return null;
    }

    private bool FitsTogether(long fileLength)
    {
        // Differences, not sums: the numbers may be anything, and sums could overflow.
        if (Filter.Offset < SegmentFormat.HeaderBytes || Index.Offset < Filter.Offset || Properties.Offset < Index.Offset) return false;
        if (Properties.Offset > fileLength) return false;
        if (Filter.Length != Index.Offset - Filter.Offset || Index.Length != Properties.Offset - Index.Offset) return false;
        if (Properties.Length != fileLength - SegmentFormat.FooterBytes - Properties.Offset) return false;
        return Filter.Length is 0 or >= SegmentFormat.BlockOverhead and <= int.MaxValue
            && Index.Length is >= SegmentFormat.BlockOverhead and <= int.MaxValue
            && Properties.Length is >= SegmentFormat.BlockOverhead and <= SegmentFormat.BlockOverhead + SegmentFormat.PropertiesFixedBytes + 2 * Limits.MaxKeyBytes;
    }

    private static void WriteLocation(Span<byte> at, BlockLocation location)
    {
        BinaryPrimitives.WriteInt64LittleEndian(at, location.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(at[8..], location.Length);
    }

    private static BlockLocation ReadLocation(ReadOnlySpan<byte> at, ReadOnlySpan<byte> crc) => new(
        BinaryPrimitives.ReadInt64LittleEndian(at),
        BinaryPrimitives.ReadInt64LittleEndian(at[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(crc));
}
