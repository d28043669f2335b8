using System.Runtime.CompilerServices;

namespace Hestia.Core.Segments;

/// <summary>Varints (little-endian base 128) through pointers, as blocks hold them.</summary>
internal static unsafe class Varint
{
    public const int MaxBytes32 = 5;
    public const int MaxBytes64 = 10;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Write(byte* at, uint value)
    {
        while (value >= 0x80)
        {
            *at++ = (byte)(value | 0x80);
            value >>= 7;
        }

        *at++ = (byte)value;
        return at;
    }

    public static byte* Write(byte* at, ulong value)
    {
        while (value >= 0x80)
        {
            *at++ = (byte)(value | 0x80);
            value >>= 7;
        }

        *at++ = (byte)value;
        return at;
    }

    /// <summary>Where the bytes behind the number begin, or null if none fits before <paramref name="end"/>.</summary>
    public static byte* Read(byte* at, byte* end, out uint value)
    {
        at = Read(at, end, out ulong wide);
        value = (uint)wide;
        return wide <= uint.MaxValue ? at : null;
    }

    /// <inheritdoc cref="Read(byte*, byte*, out uint)"/>
    public static byte* Read(byte* at, byte* end, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && at < end; shift += 7)
        {
            var b = *at++;
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return at;
        }

        return null;
    }
}
