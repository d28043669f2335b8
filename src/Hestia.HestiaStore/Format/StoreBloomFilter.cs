using System.Buffers.Binary;
using System.Numerics;

namespace Hestia.HestiaStore.Format;

/// <summary>
/// HestiaStore's Bloom filter: bits and nothing else. Of a key come two Murmur3 hashes (x86, 32 bits; the second with the first as its seed),
/// and from those one bit per function, counted from 1: h1 + i * h2, inverted where negative, modulo the number of bits.
/// </summary>
internal sealed class StoreBloomFilter(byte[] bits, int hashFunctions)
{
    public byte[] Bits { get; } = bits;

    public void Add(ReadOnlySpan<byte> key)
    {
        var (h1, h2) = Hash(key);
        for (var i = 1; i <= hashFunctions; i++)
        {
            var bit = Bit(h1, h2, i);
            Bits[bit / 8] |= (byte)(1 << (int)(bit % 8));
        }
    }

    public bool MayContain(ReadOnlySpan<byte> key)
    {
        var (h1, h2) = Hash(key);
        for (var i = 1; i <= hashFunctions; i++)
        {
            var bit = Bit(h1, h2, i);
            if ((Bits[bit / 8] & (1 << (int)(bit % 8))) == 0) return false;
        }

        return true;
    }

    internal static uint Murmur3(ReadOnlySpan<byte> data, uint seed)
    {
        const uint C1 = 0xCC9E2D51, C2 = 0x1B873593;
        var hash = seed;
        var rest = data;
        for (; rest.Length >= 4; rest = rest[4..])
        {
            hash ^= BitOperations.RotateLeft(BinaryPrimitives.ReadUInt32LittleEndian(rest) * C1, 15) * C2;
            hash = BitOperations.RotateLeft(hash, 13) * 5 + 0xE6546B64;
        }

        uint tail = 0;
        for (var i = rest.Length - 1; i >= 0; i--) tail = (tail << 8) | rest[i];
        if (rest.Length > 0) hash ^= BitOperations.RotateLeft(tail * C1, 15) * C2;
        hash ^= (uint)data.Length;
        hash = (hash ^ (hash >> 16)) * 0x85EBCA6B;
        hash = (hash ^ (hash >> 13)) * 0xC2B2AE35;
        return hash ^ (hash >> 16);
    }

    private static (int First, int Second) Hash(ReadOnlySpan<byte> key)
    {
        var first = Murmur3(key, 0);
        return ((int)first, (int)Murmur3(key, first));
    }

    private long Bit(int h1, int h2, int i)
    {
        var combined = unchecked(h1 + i * h2);
        return (combined < 0 ? ~combined : combined) % (Bits.Length * 8L);
    }
}
