using System.Buffers.Binary;

namespace Hestia.HestiaStore.Format;

/// <summary>CRC-32 (the one of zlib and of java.util.zip.CRC32), eight bytes at a time by tables.</summary>
internal static class Crc32
{
    private const int Lanes = 8;

    private static readonly uint[] s_tables = MakeTables();

    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    /// <summary>The checksum of what <paramref name="crc"/> is the checksum of, followed by <paramref name="data"/>. Start with 0.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        var tables = s_tables;
        var state = ~crc;
        while (data.Length >= Lanes)
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(data) ^ state;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            state = tables[7 * 256 + (byte)low] ^ tables[6 * 256 + (byte)(low >> 8)]
                ^ tables[5 * 256 + (byte)(low >> 16)] ^ tables[4 * 256 + (int)(low >> 24)]
                ^ tables[3 * 256 + (byte)high] ^ tables[2 * 256 + (byte)(high >> 8)]
                ^ tables[256 + (byte)(high >> 16)] ^ tables[(int)(high >> 24)];
            data = data[Lanes..];
        }

        foreach (var b in data) state = tables[(byte)(state ^ b)] ^ (state >> 8);
        return ~state;
    }

    private static uint[] MakeTables()
    {
        var tables = new uint[Lanes * 256];
        for (uint i = 0; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
            tables[i] = value;
        }

        for (var lane = 1; lane < Lanes; lane++)
        {
            for (var i = 0; i < 256; i++)
            {
                var before = tables[(lane - 1) * 256 + i];
                tables[lane * 256 + i] = tables[(byte)before] ^ (before >> 8);
            }
        }

        return tables;
    }
}
