using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hestia.Core.Segments;

/// <summary>Unsigned bytewise order of keys, for short keys in native memory.</summary>
internal static unsafe class KeyOrder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Compare(byte* left, int leftLength, byte* right, int rightLength)
    {
        var common = Math.Min(leftLength, rightLength);
        var at = 0;
        for (; at <= common - 8; at += 8)
        {
            var a = ReadBigEndian(left + at);
            var b = ReadBigEndian(right + at);
            if (a != b) return a < b ? -1 : 1;
        }

        for (; at < common; at++)
        {
            if (left[at] != right[at]) return left[at] - right[at];
        }

        return leftLength - rightLength;
    }

    /// <summary>How many leading bytes are equal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CommonPrefix(byte* left, byte* right, int length)
    {
        var at = 0;
        for (; at <= length - 8; at += 8)
        {
            var difference = ReadBigEndian(left + at) ^ ReadBigEndian(right + at);
            if (difference != 0) return at + (System.Numerics.BitOperations.LeadingZeroCount(difference) >> 3);
        }

        while (at < length && left[at] == right[at]) at++;
        return at;
    }

    /// <summary>The first 8 bytes as a number in key order, zeros behind a shorter key: unequal numbers decide, equal ones do not.</summary>
    public static ulong Prefix(byte* key, int length)
    {
        if (length >= 8) return ReadBigEndian(key);
        ulong prefix = 0;
        for (var i = 0; i < length; i++) prefix |= (ulong)key[i] << (56 - 8 * i);
        return prefix;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ReadBigEndian(byte* at)
    {
        var value = Unsafe.ReadUnaligned<ulong>(at);
        return BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
    }
}
