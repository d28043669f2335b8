using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using Hestia.Core.Checksums;
using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>The constants of the log's file format, in one place; docs/format-wal.md tells the whole.</summary>
internal static class WalFormat
{
    public const uint Version = 1;

    /// <summary>Bytes of the file header; the first record starts here.</summary>
    public const int FileHeaderBytes = 128;

    public const int RecordHeaderBytes = 40;

    public const int MaxPayloadBytes = Limits.MaxBatchBytes;

    /// <summary>The smallest operation: a delete of a one-byte key. Bounds the operation count that a payload can hold.</summary>
    public const int MinOperationBytes = 3;

    /// <summary>Longest header that a later version may have and still be recognised as "newer" rather than as damaged.</summary>
    public const int MaxLaterHeaderBytes = 4096;

    private const int NameDigits = 20;

    public static ReadOnlySpan<byte> Magic => "HESTWAL1"u8;

    /// <summary>The name of the file whose first record has this LSN.</summary>
    public static string FileName(Lsn firstLsn) => firstLsn.Value.ToString("D20", CultureInfo.InvariantCulture) + FileNames.WalExtension;

    /// <summary>Reads a name that <see cref="FileName"/> makes; false for any other.</summary>
    public static bool TryParseFileName(string name, out Lsn firstLsn)
    {
        firstLsn = Lsn.None;
        if (name.Length != NameDigits + FileNames.WalExtension.Length || !name.EndsWith(FileNames.WalExtension, StringComparison.Ordinal))
            return false;
        if (!ulong.TryParse(name.AsSpan(0, NameDigits), NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value == 0)
            return false;
        firstLsn = new Lsn(value);
        return true;
    }

    /// <summary>CRC-32C of the salt: what every checksum of the file's records continues from.</summary>
    public static uint SeedOf(ulong salt)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, salt);
        return Crc32C.Compute(bytes);
    }

    /// <summary>UTC microseconds since the Unix epoch.</summary>
    public static long ToMicroseconds(DateTimeOffset time) =>
        (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>The time of that many microseconds; what no calendar holds becomes the nearest time it holds.</summary>
    public static DateTimeOffset FromMicroseconds(long microseconds)
    {
        const long Smallest = -62_135_596_800_000_000;
        const long Largest = 253_402_300_799_999_999;
        return DateTimeOffset.UnixEpoch.AddTicks(Math.Clamp(microseconds, Smallest, Largest) * TimeSpan.TicksPerMicrosecond);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PayloadChecksum(uint seed, ReadOnlySpan<byte> payload) => Crc32C.Append(seed, payload);
}
