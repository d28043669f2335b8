using System.Buffers;
using Hestia.Core.Compression;

namespace Hestia.HestiaStore.Format;

/// <summary>One step between the entries of a chunk and its bytes on disk.</summary>
internal enum ChunkFilter
{
    DoNothing,
    Crc32,
    MagicNumber,
    Snappy,
    Xor,
}

/// <summary>The filters of HestiaStore's chunks: which ones a manifest asks for, and undoing them.</summary>
internal static class ChunkFilters
{
    /// <summary>No chunk that HestiaStore could still hold in one Java array twice over is larger.</summary>
    public const int MaxPayloadBytes = 1 << 30;

    private const ulong MagicFlag = 1 << 0;
    private const ulong CrcFlag = 1 << 1;
    private const ulong SnappyFlag = 1 << 3;
    private const ulong XorFlag = 1 << 4;
    private const ulong AesFlag = 1 << 5;
    private const ulong XorKey = 0x9E3779B97F4A7C15;
    private const string ClassPrefix = "org.hestiastore.index.chunkstore.ChunkFilter";

    /// <summary>Parses <c>p=crc32,p=snappy</c>; any other filter is refused by name.</summary>
    /// <exception cref="StoreDamageException">FormatUnsupported.</exception>
    public static ChunkFilter[] Parse(string specification)
    {
        var filters = new List<ChunkFilter>();
        foreach (var item in specification.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var name = item.StartsWith("p=", StringComparison.Ordinal) ? item[2..] : item;
            filters.Add(name switch
            {
                "do-nothing" or ClassPrefix + "DoNothing" => ChunkFilter.DoNothing,
                "crc32" or ClassPrefix + "Crc32Writing" or ClassPrefix + "Crc32Validation" => ChunkFilter.Crc32,
                "magic-number" or ClassPrefix + "MagicNumberWriting" or ClassPrefix + "MagicNumberValidation" => ChunkFilter.MagicNumber,
                "snappy" or ClassPrefix + "SnappyCompress" or ClassPrefix + "SnappyDecompress" => ChunkFilter.Snappy,
                "xor" or ClassPrefix + "XorEncrypt" or ClassPrefix + "XorDecrypt" => ChunkFilter.Xor,
                _ => throw StoreManifest.Unsupported(
                    $"its chunks go through the filter '{name}', which is not understood; crc32, magic-number, snappy, xor and do-nothing are."),
            });
        }

        return [.. filters];
    }

    /// <summary>Undoes the filters in the order a manifest lists them for decoding. Takes over <paramref name="payload"/>, a pooled array.</summary>
    /// <returns>What is wrong, or null; then <paramref name="payload"/> and <paramref name="length"/> are what was behind the filters.</returns>
    public static string? Decode(ReadOnlySpan<ChunkFilter> filters, ulong crc, ulong flags, ref byte[] payload, ref int length)
    {
        foreach (var filter in filters)
        {
            switch (filter)
            {
                case ChunkFilter.MagicNumber when (flags & MagicFlag) == 0: return "the chunk is not marked as having a magic number";
                case ChunkFilter.Crc32 when Crc32.Compute(payload.AsSpan(0, length)) != crc: return "the checksum of the chunk is wrong";
                case ChunkFilter.Snappy when (flags & SnappyFlag) == 0: return "the chunk is not marked as compressed";
                case ChunkFilter.Xor when (flags & XorFlag) == 0: return "the chunk is not marked as exclusive-ored";
                case ChunkFilter.Snappy:
                    flags &= ~SnappyFlag;
                    if (!TryDecompress(ref payload, ref length)) return "the chunk is no valid Snappy";
                    break;
                case ChunkFilter.Xor:
                    flags &= ~XorFlag;
                    for (var i = 0; i < length; i++) payload[i] ^= (byte)(XorKey >> (i % 8 * 8));
                    break;
            }
        }

        if ((flags & AesFlag) != 0) return "the chunk is encrypted, which its manifest does not say";
        return (flags & ~(MagicFlag | CrcFlag)) == 0 ? null : $"the chunk went through filters (flags {flags:X}) that its manifest does not list";
    }

    private static bool TryDecompress(ref byte[] payload, ref int length)
    {
        var source = payload.AsSpan(0, length);
        if (!SnappyCodec.TryGetUncompressedLength(source, out var decoded) || decoded > MaxPayloadBytes) return false;
        var target = ArrayPool<byte>.Shared.Rent(Math.Max(1, decoded));
        if (!SnappyCodec.TryDecompress(source, target.AsSpan(0, decoded)))
        {
            ArrayPool<byte>.Shared.Return(target);
            return false;
        }

        ArrayPool<byte>.Shared.Return(payload);
        payload = target;
        length = decoded;
        return true;
    }
}
