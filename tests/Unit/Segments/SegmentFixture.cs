using System.Text;
using Hestia.Core;
using Hestia.Core.Caching;
using Hestia.Core.IO;
using Hestia.Core.Reading;
using Hestia.Core.Segments;

namespace Hestia.Unit.Segments;

internal sealed record Entry(byte[] Key, ulong Lsn, OperationKind Kind, byte[] Value);

/// <summary>A folder of its own for one test, and what writes and opens segments in it.</summary>
internal sealed class SegmentFixture : IDisposable
{
    public SegmentFixture()
    {
        Folder = Path.Combine(Path.GetTempPath(), "hestia-segments-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Folder);
    }

    public string Folder { get; }

    public OpenFileLimit Files { get; } = new(64);

    public BlockCache Cache { get; } = new(4 << 20);

    public static Comparer<byte[]> KeyComparer { get; } = Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b));

    public SegmentInfo Write(IEnumerable<Entry> entries, SegmentWriterOptions? options = null)
    {
        using var writer = new SegmentWriter(FileSystem.Physical, Folder, options ?? new SegmentWriterOptions());
        foreach (var e in entries) writer.Add(e.Key, e.Lsn, e.Kind, e.Value);
        return writer.Finish();
    }

    public string PathOf(SegmentInfo info) => Path.Combine(Folder, info.Id + ".seg");

    public SegmentReader Open(SegmentInfo info, BlockCache? cache = null) =>
        SegmentReader.Open(FileSystem.Physical, PathOf(info), info.Id, info.Size, cache ?? Cache, Files);

    public SegmentReader OpenBytes(byte[] bytes)
    {
        var path = Path.Combine(Folder, Guid.NewGuid().ToString("N") + ".seg");
        File.WriteAllBytes(path, bytes);
        return SegmentReader.Open(FileSystem.Physical, path, default, bytes.Length, Cache, Files);
    }

    public SegmentVerification Verify(SegmentInfo info, bool deep = true) =>
        SegmentVerifier.Verify(FileSystem.Physical, PathOf(info), "segments/x.seg", info.Id, info.Size, deep);

    public SegmentVerification VerifyBytes(byte[] bytes)
    {
        var path = Path.Combine(Folder, "damaged.seg");
        File.WriteAllBytes(path, bytes);
        return SegmentVerifier.Verify(FileSystem.Physical, path, "segments/damaged.seg", null, null, deep: false);
    }

    public (List<Entry> Entries, IReadOnlyList<LostRange> Lost) SalvageBytes(byte[] bytes)
    {
        var path = Path.Combine(Folder, "damaged.seg");
        File.WriteAllBytes(path, bytes);
        using var salvage = SegmentSalvage.Open(FileSystem.Physical, path);
        var entries = new List<Entry>();
        while (salvage.Next()) entries.Add(new Entry(salvage.Key.ToArray(), salvage.Lsn, salvage.Kind, salvage.Value.ToArray()));
        Assert.Equal(entries.Count, salvage.Entries);
        return (entries, salvage.Lost);
    }

    public void Dispose()
    {
        Cache.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    public static void AssertAt(EntryCursor cursor, Entry expected)
    {
        Assert.True(cursor.IsValid);
        Assert.True(cursor.Key.SequenceEqual(expected.Key));
        Assert.Equal(expected.Lsn, cursor.Lsn);
        Assert.Equal(expected.Kind, cursor.Kind);
        Assert.True(cursor.Value.SequenceEqual(expected.Value));
    }

    public static void AssertEqual(Entry expected, Entry actual)
    {
        Assert.Equal(expected.Key, actual.Key);
        Assert.Equal(expected.Lsn, actual.Lsn);
        Assert.Equal(expected.Kind, actual.Kind);
        Assert.True(expected.Value.AsSpan().SequenceEqual(actual.Value));
    }

    /// <summary>Entries <c>key-00000000</c> … with every 13th a tombstone; LSNs in no order.</summary>
    public static List<Entry> MakeSimple(int count)
    {
        var entries = new List<Entry>(count);
        for (var i = 0; i < count; i++)
        {
            var deleted = i % 13 == 5;
            entries.Add(new Entry(
                Encoding.ASCII.GetBytes($"key-{i:D8}"),
                (ulong)(1000 + i * 7919L % 5003),
                deleted ? OperationKind.Delete : OperationKind.Put,
                deleted ? [] : Encoding.ASCII.GetBytes($"value of {i}")));
        }

        return entries;
    }

    /// <summary>Entries of many shapes: short and long keys, prefixes of each other, empty, long and large values, tombstones.</summary>
    public static List<Entry> MakeRandom(Random random, int count, bool large)
    {
        var keys = new SortedSet<byte[]>(KeyComparer);
        byte[] previous = [1];
        while (keys.Count < count)
        {
            byte[] key;
            switch (random.Next(6))
            {
                case 0:
                    key = new byte[random.Next(1, 12)];
                    random.NextBytes(key);
                    break;
                case 1:
                    key = [.. previous, (byte)random.Next(3)]; // one is a prefix of the other
                    break;
                case 2:
                    key = new byte[random.Next(1, 40)];
                    for (var i = 0; i < key.Length; i++) key[i] = (byte)random.Next(2);
                    break;
                case 3:
                    key = Encoding.ASCII.GetBytes($"user/{random.Next(50):D4}/item/{random.Next(100_000)}");
                    break;
                case 4 when large && random.Next(20) == 0:
                    key = new byte[random.Next(60_000, Limits.MaxKeyBytes + 1)];
                    key[0] = (byte)random.Next(256);
                    key[^1] = (byte)random.Next(256);
                    break;
                default:
                    key = new byte[random.Next(1, 300)];
                    key.AsSpan().Fill((byte)random.Next(4));
                    key[^1] = (byte)random.Next(256);
                    break;
            }

            if (key.Length > Limits.MaxKeyBytes) continue;
            keys.Add(key);
            previous = key.Length < 500 ? key : [2];
        }

        var entries = new List<Entry>(count);
        foreach (var key in keys)
        {
            var kind = random.Next(7) == 0 ? OperationKind.Delete : OperationKind.Put;
            byte[] value = [];
            if (kind == OperationKind.Put)
            {
                value = random.Next(40) switch
                {
                    0 => new byte[random.Next(4000, Limits.LargeValueBytes)],
                    1 when large => new byte[random.Next(Limits.LargeValueBytes, 3 * Limits.LargeValueBytes)],
                    2 => [],
                    _ => new byte[random.Next(0, 200)],
                };
                random.NextBytes(value.AsSpan(0, random.Next(value.Length + 1)));
            }

            entries.Add(new Entry(key, random.Next(3) == 0 ? (ulong)random.NextInt64(long.MaxValue)
                : (ulong)random.Next(1, 100_000), kind, value));
        }

        return entries;
    }

    /// <summary>Where the blocks of a whole segment are.</summary>
    public static List<(int Offset, int Length)> FindBlocks(byte[] bytes)
    {
        var blocks = new List<(int Offset, int Length)>();
        var at = SegmentFormat.HeaderBytes;
        while (at < bytes.Length - SegmentFormat.FooterBytes && BlockFrame.TryReadHeader(bytes.AsSpan(at), at, out var frame))
        {
            blocks.Add((at, frame.PayloadLength));
            at += (int)frame.TotalLength;
        }

        return blocks;
    }

    /// <summary>Makes every checksum right again, as whoever changes a file on purpose does.</summary>
    public static void Seal(byte[] bytes, List<(int Offset, int Length)> blocks)
    {
        var footer = bytes.AsSpan(bytes.Length - SegmentFormat.FooterBytes);
        for (var i = 0; i < blocks.Count; i++)
        {
            var (offset, length) = blocks[i];
            BlockFrame.TryReadHeader(bytes.AsSpan(offset), offset, out var frame);
            var crc = BlockFrame.Checksum(frame.Seed, bytes.AsSpan(offset + SegmentFormat.BlockHeaderBytes, length));
            BitConverter.TryWriteBytes(bytes.AsSpan(offset + SegmentFormat.BlockHeaderBytes + length), crc);
            if (i >= blocks.Count - 3) BitConverter.TryWriteBytes(footer[(48 + 4 * (i - (blocks.Count - 3)))..], crc);
        }

        BitConverter.TryWriteBytes(footer[80..], Core.Checksums.Crc32C.Compute(footer[..80]));
    }
}
