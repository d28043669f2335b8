using System.Runtime.CompilerServices;

namespace Hestia.Core.Writing;

/// <summary>
/// One operation as batches and the log store it: kind (1 byte), varint key length, for a put varint value length, key bytes, value bytes.
/// Varints are little-endian base 128 (LEB128), shortest form, at most 5 bytes.
/// </summary>
internal static class OperationEncoding
{
    /// <summary>Refuses what no index takes.</summary>
    public static void Validate(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if ((uint)(key.Length - 1) >= Limits.MaxKeyBytes) ThrowKey(key);
        if (value.Length > Limits.MaxValueBytes) ThrowValue(value.Length);
    }

    public static int SizeOf(OperationKind kind, int keyLength, int valueLength) => kind == OperationKind.Delete
        ? 1 + VarintSize((uint)keyLength) + keyLength
        : 1 + VarintSize((uint)keyLength) + VarintSize((uint)valueLength) + keyLength + valueLength;

    /// <summary>Writes one operation and returns its size.</summary>
    public static int Write(Span<byte> destination, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        destination[0] = (byte)kind;
        var at = 1 + WriteVarint(destination[1..], (uint)key.Length);
        if (kind == OperationKind.Put) at += WriteVarint(destination[at..], (uint)value.Length);
        key.CopyTo(destination[at..]);
        at += key.Length;
        if (kind == OperationKind.Put)
        {
            value.CopyTo(destination[at..]);
            at += value.Length;
        }

        return at;
    }

    /// <summary>Reads one operation from the front of <paramref name="source"/>; false if the bytes are no operation within the limits.</summary>
    public static bool TryRead(
        ReadOnlySpan<byte> source,
        out OperationKind kind,
        out ReadOnlySpan<byte> key,
        out ReadOnlySpan<byte> value,
        out int size)
    {
        kind = default;
        key = value = default;
        size = 0;
        if (source.IsEmpty || source[0] > (byte)OperationKind.Delete) return false;
        kind = (OperationKind)source[0];
        var at = 1;
        if (!TryReadVarint(source[at..], out var keyLength, out var used)) return false;
        at += used;
        uint valueLength = 0;
        if (kind == OperationKind.Put)
        {
            if (!TryReadVarint(source[at..], out valueLength, out used)) return false;
            at += used;
        }

        if (keyLength - 1 >= Limits.MaxKeyBytes || valueLength > Limits.MaxValueBytes) return false;
        if ((long)at + keyLength + valueLength > source.Length) return false;
        key = source.Slice(at, (int)keyLength);
        value = source.Slice(at + (int)keyLength, (int)valueLength);
        size = at + (int)keyLength + (int)valueLength;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int VarintSize(uint value) => value < 1u << 7 ? 1 : value < 1u << 14 ? 2 : value < 1u << 21 ? 3 : value < 1u << 28 ? 4 : 5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WriteVarint(Span<byte> destination, uint value)
    {
        var i = 0;
        while (value >= 0x80)
        {
            destination[i++] = (byte)(value | 0x80);
            value >>= 7;
        }

        destination[i] = (byte)value;
        return i + 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadVarint(ReadOnlySpan<byte> source, out uint value, out int size)
    {
        ulong result = 0;
        for (size = 0; size < 5 && size < source.Length;)
        {
            var b = source[size];
            result |= (ulong)(b & 0x7F) << (7 * size);
            size++;
            if (b < 0x80)
            {
                value = (uint)result;
                return result <= uint.MaxValue && (b != 0 || size == 1); // one value, one form
            }
        }

        value = 0;
        return false;
    }

    private static void ThrowKey(ReadOnlySpan<byte> key)
    {
        if (key.IsEmpty) throw new HestiaException(HestiaErrorCode.KeyEmpty, "The key is empty.", action: "Give every entry a key of 1 to 65,535 bytes.");
        throw new HestiaException(
            HestiaErrorCode.KeyTooLong,
            $"The key is {key.Length:N0} bytes long (it starts with 0x{Convert.ToHexString(key[..16])}); at most {Limits.MaxKeyBytes:N0} are taken.",
            action: "Shorten the key, for example by using a hash of it.");
    }

    private static void ThrowValue(int length) => throw new HestiaException(
        HestiaErrorCode.ValueTooLarge,
        $"The value is {length:N0} bytes long; at most {Limits.MaxValueBytes:N0} (64 MiB) are taken.",
        action: "Split the value over several keys, or keep it in a file and store the path.");
}
