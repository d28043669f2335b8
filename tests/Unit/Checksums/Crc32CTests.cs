using Hestia.Core.Checksums;

namespace Hestia.Unit.Checksums;

public sealed class Crc32CTests
{
    [Fact]
    public void The_published_check_value_comes_out() => Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));

    [Theory] // RFC 3720, B.4
    [InlineData(0x00, 0x8A9136AAu)]
    [InlineData(0xFF, 0x62A8AB43u)]
    public void The_vectors_of_iSCSI_come_out(byte fill, uint expected)
    {
        var data = new byte[32];
        data.AsSpan().Fill(fill);
        Assert.Equal(expected, Crc32C.Compute(data));
    }

    [Fact]
    public void Every_length_equals_the_bitwise_definition()
    {
        var random = new Random(1);
        var data = new byte[8200];
        random.NextBytes(data);
        var state = uint.MaxValue;
        for (var length = 0; length < data.Length; length++)
        {
            Assert.Equal(~state, Crc32C.Compute(data.AsSpan(0, length)));
            state = Step(state, data[length]);
        }
    }

    [Fact]
    public void Appending_in_parts_equals_the_whole()
    {
        var random = new Random(2);
        var data = new byte[20_000];
        random.NextBytes(data);
        var whole = Crc32C.Compute(data);
        for (var round = 0; round < 200; round++)
        {
            var crc = 0u;
            for (var at = 0; at < data.Length;)
            {
                var part = Math.Min(random.Next(0, 5000), data.Length - at);
                crc = Crc32C.Append(crc, data.AsSpan(at, part));
                at += part;
            }

            Assert.Equal(whole, crc);
        }
    }

    private static uint Step(uint state, byte value)
    {
        state ^= value;
        for (var bit = 0; bit < 8; bit++) state = (state & 1) != 0 ? (state >> 1) ^ 0x82F63B78 : state >> 1;
        return state;
    }
}
