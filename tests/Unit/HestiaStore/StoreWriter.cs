using System.Buffers.Binary;
using System.Text;
using Hestia.HestiaStore.Types;

namespace Hestia.Unit.HestiaStore;

/// <summary>
/// Writes HestiaStore directories of any types and filters by docs/hestiastore-format.md alone, so that nothing of the code under test writes what it
/// reads. Text is Latin-1, a chunk holds two entries, so that small files have several.
/// </summary>
internal sealed class StoreWriter(string keyType, string valueType, params string[] filters)
{
    public const int BlockBytes = 4096;
    public const string Folder = "segment-00000";
    public const string Main = Folder + "/v01-index.sst";

    private const int HeaderBytes = 16;
    private const int EntriesPerChunk = 2;
    private const ulong XorKey = 0x9E3779B97F4A7C15;

    /// <summary>Version in the header of every chunk.</summary>
    public int ChunkVersion { get; init; } = 1;

    /// <summary>A directory of one segment without a log: a main file, delta files and everything that belongs to them.</summary>
    public SortedDictionary<string, byte[]> Image((byte[] Key, byte[] Value)[] main, params (byte[] Key, byte[] Value)[][] deltas)
    {
        var image = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var scarce = new MemoryStream();
        image[Main] = Sorted(main, scarce);
        image[Folder + "/v01-scarce.sst"] = scarce.ToArray();
        for (var i = 0; i < deltas.Length; i++) image[$"{Folder}/v01-delta-{i:D4}.cache"] = Sorted(deltas[i], new MemoryStream());
        var chunks = (main.Length + EntriesPerChunk - 1) / EntriesPerChunk;
        image[Folder + "/manifest.txt"] = Encoding.Latin1.GetBytes($"""
            #HestiaStore metadata. Numeric format: underscore (_) is thousands separator; dot (.) is decimal separator.
            numberOfKeysInDeltaCache={deltas.Sum(static d => d.Length)}
            segmentVersion=1
            numberOfKeysInMainIndex={main.Length}
            numberOfSegmentDeltaFiles={deltas.Length}
            schema.version=1
            schema.requiredKeys=numberOfKeysInDeltaCache,numberOfKeysInMainIndex,numberOfKeysInScarceIndex,numberOfSegmentDeltaFiles,segmentVersion
            numberOfKeysInScarceIndex={chunks}

            """);
        var map = new MemoryStream();
        WriteKey(map, [], main[^1].Key);
        map.Write(new byte[sizeof(int)]);
        image["index.map"] = map.ToArray();
        image["manifest.txt"] = Manifest();
        return image;
    }

    /// <summary>A sorted file of entries that are in order; the sparse index goes to <paramref name="scarce"/>.</summary>
    public byte[] Sorted((byte[] Key, byte[] Value)[] entries, MemoryStream scarce)
    {
        var stream = new MemoryStream();
        byte[] lastOfChunk = [];
        foreach (var chunk in entries.Chunk(EntriesPerChunk))
        {
            WriteKey(scarce, lastOfChunk, chunk[^1].Key);
            lastOfChunk = chunk[^1].Key;
            scarce.Write(Big((int)stream.Length));
            var payload = new MemoryStream();
            byte[] before = [];
            foreach (var (key, value) in chunk)
            {
                WriteKey(payload, before, key);
                before = key;
                if (valueType is "String" or "ByteArray") payload.Write(Big(value.Length));
                else if (valueType == "ShortString") payload.WriteByte((byte)value.Length);
                payload.Write(value);
            }

            WriteChunk(stream, payload.ToArray());
        }

        return Blocks(stream.ToArray());
    }

    public static (byte[] Key, byte[] Value)[] Entries(string keyType, object[] keys, string valueType, object[] values) =>
        [.. keys.Zip(values, (key, value) => (StoreType.Find(keyType).Encode(key), StoreType.Find(valueType).Encode(value)))];

    /// <summary>The checksum of a block made right again.</summary>
    public static void Seal(Span<byte> block) => BinaryPrimitives.WriteUInt64BigEndian(block[8..], Crc(block[HeaderBytes..BlockBytes]));

    private void WriteChunk(MemoryStream stream, byte[] payload)
    {
        ulong flags = 0, crc = 0;
        foreach (var filter in filters)
        {
            switch (filter)
            {
                case "crc32": crc = Crc(payload); break;
                case "magic-number": flags |= 1; break;
                case "snappy":
                    flags |= 8;
                    payload = Snappy(payload);
                    break;
                case "xor":
                    flags |= 16;
                    for (var i = 0; i < payload.Length; i++) payload[i] ^= (byte)(XorKey >> (8 * (i % 8)));
                    break;
            }
        }

        stream.Write(Big(0x7468656F646F7261));
        stream.Write(Big(ChunkVersion));
        stream.Write(Big(payload.Length));
        stream.Write(Big(crc));
        stream.Write(Big(flags));
        stream.Write(payload);
        stream.Write(new byte[(16 - payload.Length % 16) % 16]);
    }

    private static byte[] Blocks(byte[] payload)
    {
        const int PayloadBytes = BlockBytes - HeaderBytes;
        var result = new byte[(payload.Length + PayloadBytes - 1) / PayloadBytes * BlockBytes];
        for (var (from, to) = (0, 0); from < payload.Length; from += PayloadBytes, to += BlockBytes)
        {
            var block = result.AsSpan(to, BlockBytes);
            payload.AsSpan(from, Math.Min(PayloadBytes, payload.Length - from)).CopyTo(block[HeaderBytes..]);
            BinaryPrimitives.WriteUInt64BigEndian(block, 0x6E6963686F6C6173);
            Seal(block);
        }

        return result;
    }

    /// <summary>Literals only, which every decoder takes.</summary>
    private static byte[] Snappy(byte[] payload)
    {
        var result = new MemoryStream();
        for (var length = (uint)payload.Length; ; length >>= 7)
        {
            result.WriteByte((byte)(length < 0x80 ? length : length | 0x80));
            if (length < 0x80) break;
        }

        foreach (var literal in payload.Chunk(60))
        {
            result.WriteByte((byte)((literal.Length - 1) << 2));
            result.Write(literal);
        }

        return result.ToArray();
    }

    private byte[] Manifest() => Encoding.Latin1.GetBytes($"""
        bloomFilterNumberOfHashFunctions=2
        bloomFilterIndexSizeInBytes=0
        maxNumberOfKeysInSegmentChunk={EntriesPerChunk}
        keyTypeDescriptor={StoreType.Find(keyType).Descriptor}
        valueTypeDescriptor={StoreType.Find(valueType).Descriptor}
        diskIoBufferSizeInBytes=4_096
        indexName=made
        encodingChunkFilters={string.Join(',', filters.Select(static f => "p\\=" + f))}
        decodingChunkFilters={string.Join(',', filters.Reverse().Select(static f => "p\\=" + f))}
        wal.enabled=false
        schema.version=2
        schema.requiredKeys=keyTypeDescriptor,valueTypeDescriptor,indexName,encodingChunkFilters,decodingChunkFilters,wal.enabled

        """);

    private static void WriteKey(MemoryStream target, byte[] before, byte[] key)
    {
        var shared = 0;
        while (shared < Math.Min(before.Length, key.Length) && before[shared] == key[shared]) shared++;
        target.WriteByte((byte)shared);
        target.WriteByte((byte)(key.Length - shared));
        target.Write(key, shared, key.Length - shared);
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
        }

        return ~crc;
    }

    private static byte[] Big(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Big(ulong value)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
