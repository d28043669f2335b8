using System.Buffers.Binary;
using System.Globalization;
using Hestia.Core;

namespace Hestia.HestiaStore.Types;

/// <summary>32 bits, big-endian.</summary>
internal sealed class IntegerType() : StoreType("Integer", typeof(int), Bytes(int.MinValue + 1))
{
    public override int? FixedLength => sizeof(int);

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        // HestiaStore subtracts and lets it overflow: farther apart, its order has a cycle, and no merge by it can be right.
        var difference = (long)BinaryPrimitives.ReadInt32BigEndian(left) - BinaryPrimitives.ReadInt32BigEndian(right);
        if (difference is >= int.MinValue and <= int.MaxValue) return (int)difference;
        throw new HestiaException(
            HestiaErrorCode.FormatUnsupported,
            $"Integer keys {BinaryPrimitives.ReadInt32BigEndian(left)} and {BinaryPrimitives.ReadInt32BigEndian(right)} are 2^31 or more apart, "
                + "which HestiaStore's own comparator cannot order.",
            Name,
            "Its files have no order that a reader could rely on; export the index with HestiaStore itself and compare the counts.");
    }

    private protected override object DecodeValid(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32BigEndian(bytes);

    private protected override byte[] EncodeObject(object value) => Bytes(Whole.Of<int>(value));

    private static byte[] Bytes(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}

/// <summary>64 bits, big-endian.</summary>
internal sealed class LongType() : StoreType("Long", typeof(long), Bytes(long.MinValue + 1))
{
    public override int? FixedLength => sizeof(long);

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        BinaryPrimitives.ReadInt64BigEndian(left).CompareTo(BinaryPrimitives.ReadInt64BigEndian(right));

    private protected override object DecodeValid(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64BigEndian(bytes);

    private protected override byte[] EncodeObject(object value) => Bytes(Whole.Of<long>(value));

    private static byte[] Bytes(long value)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }
}

/// <summary>
/// IEEE 754 binary64, big-endian. Java's order: -0.0 before 0.0, NaN last. The tombstone is Double.MAX_VALUE - 1, which is Double.MAX_VALUE.
/// </summary>
internal sealed class DoubleType() : StoreType("Double", typeof(double), Bytes(double.MaxValue))
{
    public override int? FixedLength => sizeof(double);

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var a = BinaryPrimitives.ReadDoubleBigEndian(left);
        var b = BinaryPrimitives.ReadDoubleBigEndian(right);
        if (a < b) return -1;
        if (a > b) return 1;
        if (double.IsNaN(a) || double.IsNaN(b)) return double.IsNaN(a).CompareTo(double.IsNaN(b));
        return BitConverter.DoubleToInt64Bits(a).CompareTo(BitConverter.DoubleToInt64Bits(b));
    }

    private protected override object DecodeValid(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadDoubleBigEndian(bytes);

    private protected override byte[] EncodeObject(object value) => Bytes(Convert.ToDouble(value, CultureInfo.InvariantCulture));

    private static byte[] Bytes(double value)
    {
        var bytes = new byte[sizeof(double)];
        // Java writes one NaN, whatever bits the value had.
        if (double.IsNaN(value)) BinaryPrimitives.WriteInt64BigEndian(bytes, 0x7FF8_0000_0000_0000);
        else BinaryPrimitives.WriteDoubleBigEndian(bytes, value);
        return bytes;
    }
}

/// <summary>One signed byte, in descending order.</summary>
internal sealed class ByteType() : StoreType("Byte", typeof(sbyte), [0x80])
{
    public override int? FixedLength => 1;

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => (sbyte)right[0] - (sbyte)left[0];

    private protected override object DecodeValid(ReadOnlySpan<byte> bytes) => (sbyte)bytes[0];

    private protected override byte[] EncodeObject(object value) => [(byte)Whole.Of<sbyte>(value)];
}

/// <summary>Converts to whole numbers and refuses to round.</summary>
internal static class Whole
{
    public static T Of<T>(object value)
    {
        if (value is double or float or decimal && Convert.ToDecimal(value, CultureInfo.InvariantCulture) % 1 != 0)
            throw new InvalidCastException("it has a fraction.");
        return (T)Convert.ChangeType(value, typeof(T), CultureInfo.InvariantCulture);
    }
}
