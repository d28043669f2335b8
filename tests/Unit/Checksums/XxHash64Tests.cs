using System.Text;
using Hestia.Core.Checksums;

namespace Hestia.Unit.Checksums;

public sealed class XxHash64Tests
{
    [Theory] // published vectors, seed 0
    [InlineData("", 0xEF46DB3751D8E999)]
    [InlineData("a", 0xD24EC4F1A98C6E5B)]
    [InlineData("abc", 0x44BC2CF5AD770999)]
    [InlineData("Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1)]
    public void Published_vectors_come_out(string text, ulong expected) => Assert.Equal(expected, XxHash64.Compute(Encoding.ASCII.GetBytes(text)));

    [Theory] // the vectors of the reference implementation's own sanity check: its generator, seed 0
    [InlineData(1, 0xE934A84ADB052768)]
    [InlineData(14, 0x8282DCC4994E35C8)]
    [InlineData(222, 0xB641AE8CB691C174)]
    public void The_vectors_of_the_reference_come_out(int length, ulong expected)
    {
        var data = new byte[length];
        ulong generator = 2654435761;
        for (var i = 0; i < length; i++)
        {
            data[i] = (byte)(generator >> 56);
            generator *= 11400714785074694797;
        }

        Assert.Equal(expected, XxHash64.Compute(data));
    }
}
