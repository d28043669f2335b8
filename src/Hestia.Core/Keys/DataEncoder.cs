using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hestia.Core.Keys;

/// <summary>
/// Between the bytes an index works on and what people write. The encodings keep order: text by code point, integers by value, GUIDs by
/// their text. Thread-safe.
/// </summary>
public static class DataEncoder
{
    private const int Int64Bytes = 8;
    private const int GuidBytes = 16;
    private const ulong SignBit = 1UL << 63;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// The bytes of a value. Byte arrays are taken as they are in every encoding; text and numbers are converted with the invariant culture.
    /// </summary>
    /// <exception cref="HestiaException">EncodingMismatch: the value can't be written in this encoding.</exception>
    public static byte[] Encode(DataEncoding encoding, object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value is byte[] bytes) return bytes;
        try
        {
            return encoding switch
            {
                DataEncoding.Utf8 => Strict.GetBytes(Text(value)),
                DataEncoding.Int64 => EncodeInt64(value is string text
                    ? long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
                    : ToInt64(value)),
                DataEncoding.Guid => (value is Guid guid ? guid : Guid.Parse(Text(value), CultureInfo.InvariantCulture)).ToByteArray(bigEndian: true),
                DataEncoding.Bytes => value is string hex ? Strict.GetBytes(hex) : throw Mismatch(encoding, value, null),
                _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
            };
        }
        catch (Exception e) when (e is FormatException or OverflowException or InvalidCastException or EncoderFallbackException)
        {
            throw Mismatch(encoding, value, e);
        }
    }

    /// <summary>Text, a long, a Guid or a byte array; bytes that are not of the encoding come back as they are.</summary>
    public static object Decode(DataEncoding encoding, ReadOnlySpan<byte> bytes)
    {
        switch (encoding)
        {
            case DataEncoding.Utf8:
                return TryText(bytes) is { } text ? text : bytes.ToArray();
            case DataEncoding.Int64 when TryDecodeInt64(bytes, out var number):
                return number;
            case DataEncoding.Guid when bytes.Length == GuidBytes:
                return new Guid(bytes, bigEndian: true);
            default:
                return bytes.ToArray();
        }
    }

    /// <summary>For messages and tables: as people wrote it, control characters escaped, long ones cut with "…"; other bytes as 0x….</summary>
    public static string Display(DataEncoding encoding, ReadOnlySpan<byte> bytes, int maxLength = 64)
    {
        var cut = bytes.Length > maxLength * 4 && encoding is DataEncoding.Utf8 ? CutText(bytes, maxLength * 4) : bytes;
        var text = Decode(encoding, cut) switch
        {
            string s => Escape(s),
            long number => number.ToString(CultureInfo.InvariantCulture),
            Guid guid => guid.ToString("D"),
            _ => "0x" + Convert.ToHexString(bytes[..Math.Min(bytes.Length, Math.Max(1, maxLength / 2))]).ToLowerInvariant()
                + (bytes.Length > Math.Max(1, maxLength / 2) ? "…" : ""),
        };
        return text.Length <= maxLength ? text : string.Concat(text.AsSpan(0, maxLength - 1), "…");
    }

    /// <summary>The number in the bytes of an <see cref="DataEncoding.Int64"/>; false where they are none.</summary>
    internal static bool TryDecodeInt64(ReadOnlySpan<byte> bytes, out long number)
    {
        number = bytes.Length == Int64Bytes ? (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) ^ SignBit) : 0;
        return bytes.Length == Int64Bytes;
    }

    /// <summary>Writes the 8 bytes of an <see cref="DataEncoding.Int64"/>.</summary>
    internal static void EncodeInt64(long number, Span<byte> destination) =>
        BinaryPrimitives.WriteUInt64BigEndian(destination, (ulong)number ^ SignBit);

    private static byte[] EncodeInt64(long number)
    {
        var bytes = new byte[Int64Bytes];
        EncodeInt64(number, bytes);
        return bytes;
    }

    private static long ToInt64(object value) => value switch
    {
        long or int or short or sbyte or byte or ushort or uint => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        ulong large => checked((long)large),
        // A fraction would be lost silently.
        decimal or double or float when Convert.ToDecimal(value, CultureInfo.InvariantCulture) is var number && decimal.Truncate(number) == number => (long)number,
        _ => throw new InvalidCastException(),
    };

    private static string Text(object value) => value as string ?? Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private static string? TryText(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>Cuts between characters.</summary>
    private static ReadOnlySpan<byte> CutText(ReadOnlySpan<byte> bytes, int length)
    {
        while (length > 0 && (bytes[length] & 0xC0) == 0x80) length--;
        return bytes[..length];
    }

    private static string Escape(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\x1F') && !text.Contains('\x7F', StringComparison.Ordinal)) return text;
        var result = new StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            if (char.IsControl(c)) result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else result.Append(c);
        }

        return result.ToString();
    }

    private static HestiaException Mismatch(DataEncoding encoding, object value, Exception? cause)
    {
        var shown = Escape(Text(value));
        if (shown.Length > 40) shown = shown[..40] + "…";
        var expected = encoding switch
        {
            DataEncoding.Int64 => "a whole number of 64 bits",
            DataEncoding.Guid => "a GUID",
            DataEncoding.Utf8 => "text that is valid Unicode",
            _ => "a byte array or text",
        };
        return new HestiaException(
            HestiaErrorCode.EncodingMismatch,
            $"'{shown}' ({value.GetType().Name}) is not {expected}, which this index was created for.",
            shown,
            "Give a fitting value, or a byte array, which is taken as it is.",
            cause);
    }
}
