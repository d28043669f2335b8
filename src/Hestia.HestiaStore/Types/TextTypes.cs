using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hestia.HestiaStore.Types;

/// <summary>
/// Text in ISO-8859-1, ordered by its bytes. String stores a value behind a 32-bit length, ShortString behind one byte and at most 127
/// bytes of it; keys are stored the same by both.
/// </summary>
internal sealed class StringType(string name, bool isShort) : StoreType(name, typeof(string), TombstoneText.Bytes)
{
    private const int MaxShortValue = 127;

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => left.SequenceCompareTo(right);

    internal override bool TryMeasureStored(ReadOnlySpan<byte> source, out int header, out int length)
    {
        if (!isShort) return LengthPrefix.TryMeasure(source, out header, out length);
        header = 1;
        length = source.Length > 0 ? source[0] : -1;
        return length is >= 0 and <= MaxShortValue && source.Length >= header + length;
    }

    internal override byte[] StoredHeader(int length)
    {
        if (!isShort) return LengthPrefix.Make(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaxShortValue);
        return [(byte)length];
    }

    private protected override object DecodeValid(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    private protected override byte[] EncodeObject(object value)
    {
        var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        foreach (var c in text)
            if (c > 0xFF) throw new InvalidCastException($"the character U+{(int)c:X4} is not in ISO-8859-1.");
        return Encoding.Latin1.GetBytes(text);
    }
}

/// <summary>Bytes, ordered unsigned, stored behind a 32-bit length as values.</summary>
internal sealed class ByteArrayType() : StoreType("ByteArray", typeof(byte[]), TombstoneText.Bytes)
{
    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => left.SequenceCompareTo(right);

    internal override bool TryMeasureStored(ReadOnlySpan<byte> source, out int header, out int length) =>
        LengthPrefix.TryMeasure(source, out header, out length);

    internal override byte[] StoredHeader(int length) => LengthPrefix.Make(length);

    private protected override object DecodeValid(ReadOnlySpan<byte> bytes) => bytes.ToArray();

    private protected override byte[] EncodeObject(object value) =>
        value as byte[] ?? throw new InvalidCastException("only bytes (byte[]) can be given.");
}

/// <summary>The value by which text and byte arrays mark a deleted entry.</summary>
internal static class TombstoneText
{
    public static byte[] Bytes => Encoding.Latin1.GetBytes("(*&^%$#@!)-1eaa9b2c-3c11-11ee-be56-0242ac120002");
}

/// <summary>A length of 32 bits, big-endian and not negative.</summary>
internal static class LengthPrefix
{
    public static bool TryMeasure(ReadOnlySpan<byte> source, out int header, out int length)
    {
        header = sizeof(int);
        length = source.Length >= header ? BinaryPrimitives.ReadInt32BigEndian(source) : -1;
        return length >= 0 && source.Length - header >= length;
    }

    public static byte[] Make(int length)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        return bytes;
    }
}
