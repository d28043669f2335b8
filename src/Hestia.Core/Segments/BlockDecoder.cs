using Hestia.Core.Compression;

namespace Hestia.Core.Segments;

/// <summary>From a block as stored to its payload, everything checked.</summary>
internal static class BlockDecoder
{
    /// <summary>
    /// Checks a whole stored block and says how long its payload is when decoded; null if it is right, otherwise what is wrong with it.
    /// </summary>
    public static string? Check(ReadOnlySpan<byte> block, long offset, BlockKind kind, int maxLength, out BlockFrame frame, out int length)
    {
        length = 0;
        if (!BlockFrame.TryRead(block, offset, out frame, out _)) return "the checksum of a block is wrong";
        if (frame.Kind != kind) return $"a block is of kind {frame.Kind} where {kind} is expected";
        length = frame.PayloadLength;
        if (frame.Codec == BlockCodec.Snappy && !SnappyCodec.TryGetUncompressedLength(BlockFrame.PayloadOf(block), out length)) return "a compressed block does not begin with its length";
        return length > maxLength ? $"a block of kind {kind} decodes to {length:N0} bytes, more than there can be" : null;
    }

    /// <summary>Decodes a block that <see cref="Check"/> found right into exactly as many bytes as it said; false if it is not valid.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> block, in BlockFrame frame, Span<byte> destination)
    {
        var payload = BlockFrame.PayloadOf(block);
        if (frame.Codec == BlockCodec.Snappy) return SnappyCodec.TryDecompress(payload, destination);
        payload.CopyTo(destination);
        return true;
    }
}
