using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hestia.Core.Compression;

internal static unsafe partial class SnappyCodec
{
    /// <summary>Input is cut into fragments so that a position fits the 16 bits of the hash table and a copy its two offset bytes.</summary>
    private const int FragmentBytes = 1 << 16;

    private const int MinTableBits = 8;
    private const int MaxTableBits = 13;

    /// <summary>Input that a fragment leaves to its last literal, so that the matcher may always read 8 bytes ahead.</summary>
    private const int Margin = 16;

    /// <summary>Compresses and returns the length; <paramref name="destination"/> must have <see cref="MaxCompressedLength"/> bytes.</summary>
    [SkipLocalsInit]
    public static int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (destination.Length < MaxCompressedLength(source.Length)) throw new ArgumentException("The destination is too small.", nameof(destination));
        var bits = Math.Clamp(BitOperations.Log2((uint)Math.Max(source.Length, 1)) + 1, MinTableBits, MaxTableBits);
        var table = stackalloc ushort[1 << MaxTableBits];
        fixed (byte* input = source)
        fixed (byte* output = destination)
        {
            var at = output;
            var rest = (uint)source.Length;
            while (rest >= 0x80)
            {
                *at++ = (byte)(rest | 0x80);
                rest >>= 7;
            }

            *at++ = (byte)rest;
            for (var done = 0; done < source.Length; done += FragmentBytes)
            {
                new Span<ushort>(table, 1 << bits).Clear();
                at = CompressFragment(input + done, Math.Min(FragmentBytes, source.Length - done), at, table, 32 - bits);
            }

            return (int)(at - output);
        }
    }

    private static byte* CompressFragment(byte* start, int length, byte* output, ushort* table, int shift)
    {
        var end = start + length;
        var literal = start;
        if (length >= Margin)
        {
            var limit = end - Margin;
            var input = start + 1;
            while (true)
            {
                // Look for four bytes seen before; step wider the longer nothing is found, so that random data passes quickly.
                byte* candidate;
                var skip = 32;
                var next = input;
                var hash = Hash(ReadLittleEndian(input), shift);
                while (true)
                {
                    input = next;
                    next = input + (skip >> 5);
                    skip += skip >> 5;
                    if (next > limit) goto Remainder;
                    var nextHash = Hash(ReadLittleEndian(next), shift);
                    candidate = start + table[hash];
                    table[hash] = (ushort)(input - start);
                    hash = nextHash;
                    if (ReadLittleEndian(input) == ReadLittleEndian(candidate)) break;
                }

                output = EmitLiteral(literal, (int)(input - literal), output, end);
                do
                {
                    var matched = 4 + MatchLength(candidate + 4, input + 4, end);
                    output = EmitCopy((int)(input - candidate), matched, output);
                    input += matched;
                    literal = input;
                    if (input >= limit) goto Remainder;
                    table[Hash(ReadLittleEndian(input - 1), shift)] = (ushort)(input - 1 - start);
                    hash = Hash(ReadLittleEndian(input), shift);
                    candidate = start + table[hash];
                    table[hash] = (ushort)(input - start);
                }
                while (ReadLittleEndian(input) == ReadLittleEndian(candidate));
                input++;
            }
        }

    Remainder:
        return literal < end ? EmitLiteral(literal, (int)(end - literal), output, end) : output;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(uint value, int shift) => value * 0x9E3779B1u >> shift;

    /// <summary>How many bytes are equal; <paramref name="later"/> may run to <paramref name="end"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int MatchLength(byte* earlier, byte* later, byte* end)
    {
        var start = later;
        while (end - later >= 8)
        {
            var difference = Unsafe.ReadUnaligned<ulong>(earlier) ^ Unsafe.ReadUnaligned<ulong>(later);
            if (difference != 0)
            {
                var bits = BitConverter.IsLittleEndian ? BitOperations.TrailingZeroCount(difference) : BitOperations.LeadingZeroCount(difference);
                return (int)(later - start) + (bits >> 3);
            }

            earlier += 8;
            later += 8;
        }

        while (later < end && *earlier == *later)
        {
            earlier++;
            later++;
        }

        return (int)(later - start);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* EmitLiteral(byte* from, int length, byte* output, byte* inputEnd)
    {
        var value = (uint)length - 1;
        if (value < 16 && inputEnd - from >= 16)
        {
            // The 32 spare bytes of the destination take the part of the 16 that is not the literal's.
            *output = (byte)(value << 2);
            Vector128.Load(from).Store(output + 1);
            return output + 1 + length;
        }

        if (value < 60)
        {
            *output++ = (byte)(value << 2);
        }
        else if (value < 256)
        {
            *output++ = 60 << 2;
            *output++ = (byte)value;
        }
        else
        {
            *output++ = 61 << 2;
            *output++ = (byte)value;
            *output++ = (byte)(value >> 8);
        }

        Buffer.MemoryCopy(from, output, length, length);
        return output + length;
    }

    private static byte* EmitCopy(int offset, int length, byte* output)
    {
        // No rest shorter than 4 may remain: the short form of a copy begins there.
        while (length >= 68)
        {
            output = EmitLongCopy(offset, 64, output);
            length -= 64;
        }

        if (length > 64)
        {
            output = EmitLongCopy(offset, 60, output);
            length -= 60;
        }

        if (length < 12 && offset < 2048)
        {
            *output++ = (byte)(1 | (length - 4) << 2 | offset >> 8 << 5);
            *output++ = (byte)offset;
            return output;
        }

        return EmitLongCopy(offset, length, output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* EmitLongCopy(int offset, int length, byte* output)
    {
        output[0] = (byte)(2 | (length - 1) << 2);
        output[1] = (byte)offset;
        output[2] = (byte)(offset >> 8);
        return output + 3;
    }
}
