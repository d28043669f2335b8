using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hestia.Core.Compression;

internal static unsafe partial class SnappyCodec
{
    // Per tag byte of a copy: length in bits 0-7, offset bits already in the tag in bits 8-10, bytes that follow in bits 12-14.
    private static readonly ushort[] CopyTags = MakeCopyTags();

    // For offsets 1 to 15: which byte of the 16 before stands at each of the next 16, and how far a whole number of periods reaches.
    private static readonly byte[] PatternIndexes = MakePatternIndexes();

    /// <summary>
    /// Decodes into <paramref name="destination"/>, which must be exactly as long as the input claims; false if the input is not valid
    /// Snappy of that length. Never reads or writes outside the two spans; on failure the destination holds anything.
    /// </summary>
    [SkipLocalsInit]
    public static bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (!TryReadLength(source, out var length, out var headerSize) || length != destination.Length) return false;
        fixed (byte* input = source)
        fixed (byte* output = destination)
        {
            return Decode(input + headerSize, input + source.Length, output, output + length);
        }
    }

    private static bool Decode(byte* input, byte* inputEnd, byte* start, byte* end)
    {
        var output = start;
        fixed (ushort* copyTags = CopyTags)
        {
            while (input < inputEnd)
            {
                uint tag = *input++;
                if ((tag & 3) == 0)
                {
                    long length = (tag >> 2) + 1;
                    if (length <= 16 && inputEnd - input >= 16 && end - output >= 16)
                    {
                        Copy16(input, output);
                        input += length;
                        output += length;
                        continue;
                    }

                    if (length > 60)
                    {
                        var bytes = (int)length - 60;
                        if (inputEnd - input < bytes) return false;
                        length = 0;
                        for (var i = 0; i < bytes; i++) length |= (long)input[i] << (8 * i);
                        length++;
                        input += bytes;
                    }

                    if (length > inputEnd - input || length > end - output) return false;
                    Buffer.MemoryCopy(input, output, end - output, length);
                    input += length;
                    output += length;
                    continue;
                }

                uint entry = copyTags[tag];
                var extra = (int)(entry >> 12);
                uint offset;
                if (inputEnd - input >= 4)
                {
                    offset = ReadLittleEndian(input) & (uint)((1UL << (8 * extra)) - 1);
                }
                else
                {
                    if (inputEnd - input < extra) return false;
                    offset = 0;
                    for (var i = 0; i < extra; i++) offset |= (uint)input[i] << (8 * i);
                }

                input += extra;
                offset |= entry & 0x700;
                int copyLength = (byte)entry;
                // offset - 1 wraps for an offset of 0, which is as invalid as one before the start.
                if (offset - 1UL >= (ulong)(output - start) || copyLength > end - output) return false;
                var from = output - offset;
                if (end - output >= 64)
                {
                    if (offset >= 16)
                    {
                        Copy16(from, output);
                        if (copyLength > 16)
                        {
                            Copy16(from + 16, output + 16);
                            if (copyLength > 32)
                            {
                                Copy16(from + 32, output + 32);
                                Copy16(from + 48, output + 48);
                            }
                        }
                    }
                    else
                    {
                        RepeatPattern(from, output, (int)offset, copyLength);
                    }

                    output += copyLength;
                }
                else
                {
                    for (var stop = output + copyLength; output < stop;) *output++ = *from++;
                }
            }
        }

        return output == end;
    }

    /// <summary>A copy that overlaps what it writes: the last few bytes, over and over. At least 64 bytes may be written.</summary>
    private static void RepeatPattern(byte* from, byte* output, int offset, int length)
    {
        fixed (byte* indexes = PatternIndexes)
        {
            var pattern = Vector128.Shuffle(Vector128.Load(from), Vector128.Load(indexes + 16 * offset));
            var stride = 16 / offset * offset;
            for (var done = 0; done < length; done += stride)
            {
                // The last store may begin below 64 and would then end behind it.
                if (done > 48)
                {
                    for (; done < length; done++) output[done] = output[done - offset];
                    return;
                }

                pattern.Store(output + done);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy16(byte* from, byte* to) => Vector128.Load(from).Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ReadLittleEndian(byte* at)
    {
        var value = Unsafe.ReadUnaligned<uint>(at);
        return BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);
    }

    private static ushort[] MakeCopyTags()
    {
        var tags = new ushort[256];
        for (var tag = 0; tag < 256; tag++)
        {
            tags[tag] = (tag & 3) switch
            {
                1 => (ushort)(((tag >> 2) & 7) + 4 | (tag >> 5) << 8 | 1 << 12),
                2 => (ushort)((tag >> 2) + 1 | 2 << 12),
                3 => (ushort)((tag >> 2) + 1 | 4 << 12),
                _ => 0,
            };
        }

        return tags;
    }

    private static byte[] MakePatternIndexes()
    {
        var indexes = new byte[16 * 16];
        for (var offset = 1; offset < 16; offset++)
            for (var i = 0; i < 16; i++) indexes[16 * offset + i] = (byte)(i % offset);
        return indexes;
    }
}
