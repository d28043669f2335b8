namespace Hestia.Core.Compression;

/// <summary>
/// Raw Snappy (the block format without framing): a varint with the uncompressed length, then literals and copies.
/// The encoder is deterministic on every machine: segments are named by the hash of what it writes.
/// </summary>
internal static partial class SnappyCodec
{
    /// <summary>No element of the format makes more than 64 bytes out of 3, so a longer claim is a lie.</summary>
    private const int MaxExpansion = 22;

    /// <summary>The most bytes <see cref="Compress"/> may need for so many.</summary>
    public static int MaxCompressedLength(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return checked(32 + length + length / 6);
    }

    /// <summary>Reads the claimed uncompressed length; false where it is malformed or more than the input could ever expand to.</summary>
    public static bool TryGetUncompressedLength(ReadOnlySpan<byte> source, out int length) => TryReadLength(source, out length, out _);

    private static bool TryReadLength(ReadOnlySpan<byte> source, out int length, out int headerSize)
    {
        ulong value = 0;
        length = 0;
        for (headerSize = 0; headerSize < 5 && headerSize < source.Length;)
        {
            var b = source[headerSize];
            value |= (ulong)(b & 0x7F) << (7 * headerSize++);
            if (b >= 0x80) continue;
            if (value > int.MaxValue || value > (ulong)(source.Length - headerSize) * MaxExpansion) return false;
            length = (int)value;
            return true;
        }

        return false;
    }
}
