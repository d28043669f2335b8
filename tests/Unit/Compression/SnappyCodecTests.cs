using System.Text;
using Hestia.Core.Compression;
using IronSnappy;

namespace Hestia.Unit.Compression;

public sealed class SnappyCodecTests
{
    public static TheoryData<int, int> Shapes()
    {
        var data = new TheoryData<int, int>();
        foreach (var length in new[] { 0, 1, 3, 4, 15, 16, 17, 60, 61, 64, 100, 256, 257, 1000, 4096, 65_535, 65_536, 65_537, 200_000, 1 << 20 })
            for (var shape = 0; shape < 6; shape++) data.Add(length, shape);
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Round_trips_and_agrees_with_another_implementation(int length, int shape)
    {
        var data = MakeData(length, shape, length * 7 + shape);
        var ours = Compress(data);
        Assert.Equal(data, Decompress(ours));
        if (length == 0) return; // the other implementation does not take nothing
        Assert.Equal(data, Snappy.Decode(ours));
        Assert.Equal(data, Decompress(Snappy.Encode(data)));
    }

    [Fact]
    public void Short_and_odd_inputs_round_trip()
    {
        var random = new Random(5);
        for (var round = 0; round < 3000; round++)
        {
            var data = MakeData(random.Next(0, 300), random.Next(6), round);
            Assert.Equal(data, Decompress(Compress(data)));
        }
    }

    [Fact]
    public void All_forms_of_copies_are_decoded()
    {
        // literal of 8, then copies with 1, 2 and 4 offset bytes, short periods included
        byte[] input = [30, 7 << 2, .. "abcdefgh"u8, 1 | 4 << 2, 8, 2 | 4 << 2, 3, 0, 3 | 6 << 2, 1, 0, 0, 0, 2 | 1 << 2, 20, 0];
        var output = new byte[30];
        Assert.True(SnappyCodec.TryDecompress(input, output));
        Assert.Equal("abcdefghabcdefghfghfghhhhhhhef"[..20], Encoding.ASCII.GetString(output)[..20]);
        Assert.Equal(Snappy.Decode(input), output);
    }

    [Fact]
    public void Every_period_and_length_is_repeated_right()
    {
        for (var period = 1; period <= 70; period++)
        {
            for (var length = 1; length <= 64; length++)
            {
                foreach (var room in new[] { 0, 10, 100 })
                {
                    var expected = new byte[period + length + room];
                    for (var i = 0; i < expected.Length; i++) expected[i] = (byte)(i < period ? i + 1 : i < period + length ? expected[i - period] : 200);
                    var input = new List<byte>();
                    var total = expected.Length;
                    for (; total >= 0x80; total >>= 7) input.Add((byte)(total | 0x80));
                    input.Add((byte)total);
                    AddLiteral(input, expected.AsSpan(0, period));
                    input.AddRange([(byte)(2 | (length - 1) << 2), (byte)period, 0]);
                    if (room > 0) AddLiteral(input, expected.AsSpan(period + length));
                    var output = new byte[expected.Length];
                    Assert.True(SnappyCodec.TryDecompress(input.ToArray(), output));
                    Assert.Equal(expected, output);
                }
            }
        }
    }

    [Fact]
    public void Mutated_input_is_refused_or_decoded_inside_its_bounds()
    {
        var random = new Random(11);
        for (var round = 0; round < 20_000; round++)
        {
            var input = Compress(MakeData(random.Next(1, 2000), random.Next(6), round));
            for (var i = random.Next(1, 4); i > 0; i--) input[random.Next(input.Length)] = (byte)random.Next(256);
            if (random.Next(3) == 0) input = input[..random.Next(input.Length)];
            DecodeBetweenGuards(input);
        }
    }

    [Fact]
    public void Random_input_is_refused_or_decoded_inside_its_bounds()
    {
        var random = new Random(12);
        for (var round = 0; round < 50_000; round++)
        {
            var input = new byte[random.Next(0, 80)];
            random.NextBytes(input);
            if (input.Length > 1) input[0] &= 0x7F;
            DecodeBetweenGuards(input);
        }
    }

    [Fact]
    public void A_length_that_could_never_come_out_is_refused()
    {
        Assert.False(SnappyCodec.TryGetUncompressedLength([0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0], out _));
        Assert.False(SnappyCodec.TryGetUncompressedLength([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], out _));
        Assert.False(SnappyCodec.TryGetUncompressedLength([0x80], out _));
        Assert.False(SnappyCodec.TryGetUncompressedLength([], out _));
        Assert.True(SnappyCodec.TryGetUncompressedLength([0], out var nothing));
        Assert.Equal(0, nothing);
    }

    [Fact]
    public void A_destination_of_another_length_is_refused()
    {
        var input = Compress(MakeData(100, 1, 1));
        Assert.False(SnappyCodec.TryDecompress(input, new byte[99]));
        Assert.False(SnappyCodec.TryDecompress(input, new byte[101]));
        Assert.Throws<ArgumentException>(() => SnappyCodec.Compress(new byte[100], new byte[100]));
    }

    private static void DecodeBetweenGuards(byte[] input)
    {
        if (!SnappyCodec.TryGetUncompressedLength(input, out var length)) return;
        const int Guard = 80;
        var buffer = new byte[length + 2 * Guard];
        buffer.AsSpan().Fill(0xA5);
        SnappyCodec.TryDecompress(input, buffer.AsSpan(Guard, length));
        Assert.False(buffer.AsSpan(0, Guard).ContainsAnyExcept((byte)0xA5));
        Assert.False(buffer.AsSpan(Guard + length).ContainsAnyExcept((byte)0xA5));
    }

    private static void AddLiteral(List<byte> input, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 60) input.AddRange([60 << 2, (byte)(bytes.Length - 1)]);
        else input.Add((byte)((bytes.Length - 1) << 2));
        input.AddRange(bytes);
    }

    private static byte[] Compress(byte[] data)
    {
        var buffer = new byte[SnappyCodec.MaxCompressedLength(data.Length)];
        return buffer[..SnappyCodec.Compress(data, buffer)];
    }

    private static byte[] Decompress(byte[] data)
    {
        Assert.True(SnappyCodec.TryGetUncompressedLength(data, out var length));
        var output = new byte[length];
        Assert.True(SnappyCodec.TryDecompress(data, output));
        return output;
    }

    private static byte[] MakeData(int length, int shape, int seed)
    {
        var random = new Random(seed);
        var data = new byte[length];
        switch (shape)
        {
            case 0: random.NextBytes(data); break;
            case 1: break; // zeros
            case 2: for (var i = 0; i < length; i++) data[i] = (byte)"the quick brown fox "[random.Next(20)]; break;
            case 3: for (var i = 0; i < length; i++) data[i] = (byte)(i % 7); break;
            case 4:
                var words = new[] { "index", "segment", "key-00012", "value", "{\"id\":", "backup", ",\n" };
                var text = new StringBuilder();
                while (text.Length < length) text.Append(words[random.Next(words.Length)]);
                Encoding.ASCII.GetBytes(text.ToString(0, length)).CopyTo(data, 0);
                break;
            default:
                for (var i = 0; i < length; i++) data[i] = i > 100 && random.Next(10) != 0 ? data[i - random.Next(1, 100)] : (byte)random.Next(256);
                break;
        }

        return data;
    }
}
