using System.Text;
using Hestia.Core;
using Hestia.Core.Caching;
using Hestia.Core.Reading;
using Hestia.Core.Segments;

namespace Hestia.Unit.Segments;

public sealed class SegmentRoundTripTests : IDisposable
{
    private readonly SegmentFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    public static TheoryData<int> Seeds() => new(Enumerable.Range(1, 40));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Everything_written_is_read_back_in_every_way(int seed)
    {
        var random = new Random(seed);
        var options = new SegmentWriterOptions
        {
            BlockBytes = random.Next(3) switch { 0 => 1024, 1 => 4096, _ => random.Next(1024, 200_000) },
            RestartInterval = random.Next(4) switch { 0 => 1, 1 => 16, 2 => 256, _ => random.Next(1, 257) },
            BloomBitsPerKey = random.Next(4) switch { 0 => 0, 1 => 10, 2 => 32, _ => 1 },
            Codec = (BlockCodec)random.Next(2),
            DropLsn = random.Next(4) == 0,
        };
        var entries = SegmentFixture.MakeRandom(random, random.Next(1, 1500), large: seed % 3 == 0);
        var info = _fixture.Write(entries, options);
        if (options.DropLsn) entries = entries.ConvertAll(e => e with { Lsn = 0 });

        Assert.Equal(entries.Count, info.Entries);
        Assert.Equal(entries.Count(e => e.Kind == OperationKind.Delete), info.Tombstones);
        Assert.Equal(entries[0].Key, info.MinKey);
        Assert.Equal(entries[^1].Key, info.MaxKey);
        Assert.Equal(entries.Min(e => e.Lsn), info.MinLsn.Value);
        Assert.Equal(entries.Max(e => e.Lsn), info.MaxLsn.Value);
        Assert.Equal(info.Size, new FileInfo(_fixture.PathOf(info)).Length);
        Assert.Empty(Directory.GetFiles(_fixture.Folder, "*.tmp"));
        Assert.Empty(_fixture.Verify(info).Findings);

        using var cache = new BlockCache(random.Next(4) switch { 0 => 0, 1 => 20_000, _ => 8 << 20 });
        var reader = _fixture.Open(info, cache);
        var read = reader.ReadInfo();
        Assert.Equal(info.Id, read.Id);
        Assert.Equal(info.Entries, read.Entries);
        Assert.Equal(info.MaxKey, read.MaxKey);
        CheckGets(reader, entries, random);
        foreach (var (fillCache, readAhead) in new[] { (true, 0), (true, 256 << 10), (false, 0), (false, 64 << 10) })
        {
            using var cursor = reader.CreateCursor(fillCache, readAhead);
            CheckScans(cursor, entries);
            CheckWalk(cursor, entries, random);
        }

        reader.Release();
        Assert.False(reader.TryAcquire());
        Assert.Equal(cache.UsedBytes, cache.NativeBytes);
    }

    [Fact]
    public void The_longest_key_and_the_largest_value_fit()
    {
        var key = new byte[Limits.MaxKeyBytes];
        var next = new byte[Limits.MaxKeyBytes];
        next[^1] = 1;
        var value = new byte[Limits.MaxValueBytes];
        new Random(3).NextBytes(value.AsSpan(0, 1 << 20));
        foreach (var codec in new[] { BlockCodec.None, BlockCodec.Snappy })
        {
            List<Entry> entries =
                [new(key, 1, OperationKind.Put, value), new(next, 2, OperationKind.Put, new byte[Limits.LargeValueBytes - 1])];
            var info = _fixture.Write(entries, new SegmentWriterOptions { Codec = codec });
            Assert.Empty(_fixture.Verify(info).Findings);
            var reader = _fixture.Open(info);
            CheckGets(reader, entries, new Random(1));
            reader.Release();
        }
    }

    [Fact]
    public void Equal_entries_and_options_give_the_same_file_under_one_name()
    {
        var entries = SegmentFixture.MakeRandom(new Random(7), 800, large: true);
        var first = _fixture.Write(entries);
        var bytes = File.ReadAllBytes(_fixture.PathOf(first));
        File.WriteAllBytes(_fixture.PathOf(first), new byte[bytes.Length]); // what is there is replaced, not trusted
        var second = _fixture.Write(entries);
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(bytes, File.ReadAllBytes(_fixture.PathOf(second)));
        Assert.Equal(first.Id.ToString(), Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes)).ToLowerInvariant());
        Assert.NotEqual(first.Id, _fixture.Write(entries, new SegmentWriterOptions { RestartInterval = 8 }).Id);
        Assert.Equal(2, Directory.GetFiles(_fixture.Folder).Length);
    }

    [Fact]
    public void The_format_does_not_drift()
    {
        // These bytes are a promise: a change here is a new format version.
        var info = _fixture.Write(SegmentFixture.MakeSimple(500), new SegmentWriterOptions { Codec = BlockCodec.Snappy });
        Assert.Equal("6a23738b441f9112e7c62c19f47aa4a4ed1e9c75016abd0b03f0c95fdbfba629", info.Id.ToString());
    }

    [Fact]
    public void A_file_of_that_name_with_another_size_is_replaced()
    {
        var entries = SegmentFixture.MakeSimple(10);
        var info = _fixture.Write(entries);
        File.WriteAllBytes(_fixture.PathOf(info), [1, 2, 3]);
        _fixture.Write(entries);
        Assert.Empty(_fixture.Verify(info).Findings);
    }

    [Fact]
    public void Keys_out_of_order_are_refused_and_an_unfinished_segment_leaves_nothing()
    {
        using (var writer = new SegmentWriter(Hestia.Core.IO.FileSystem.Physical, _fixture.Folder, new SegmentWriterOptions()))
        {
            writer.Add("b"u8, 1, OperationKind.Put, default);
            Assert.Throws<HestiaException>(() => writer.Add("b"u8, 2, OperationKind.Put, default));
            Assert.Throws<HestiaException>(() => writer.Add("a"u8, 2, OperationKind.Put, default));
            Assert.Throws<HestiaException>(() => writer.Add(default, 2, OperationKind.Put, default));
            writer.Add("ba"u8, 2, OperationKind.Put, default);
            Assert.Throws<HestiaException>(() => writer.Add("b"u8, 3, OperationKind.Put, default));
            Assert.Single(Directory.GetFiles(_fixture.Folder, "*.tmp"));
        }

        Assert.Empty(Directory.GetFiles(_fixture.Folder));
    }

    [Fact]
    public void More_segments_than_file_handles_can_be_read_at_once()
    {
        var files = new OpenFileLimit(3);
        var readers = new List<SegmentReader>();
        var content = new List<List<Entry>>();
        using var cache = new BlockCache(0);
        for (var i = 0; i < 10; i++)
        {
            content.Add(SegmentFixture.MakeSimple(100 + i));
            var info = _fixture.Write(content[^1]);
            readers.Add(SegmentReader.Open(Hestia.Core.IO.FileSystem.Physical, _fixture.PathOf(info), info.Id, info.Size, cache, files));
        }

        Parallel.For(0, 4, thread =>
        {
            var random = new Random(thread);
            for (var round = 0; round < 2000; round++)
            {
                var i = random.Next(10);
                CheckGet(readers[i], content[i][random.Next(100)]);
            }
        });
        Assert.InRange(files.OpenFiles, 1, 3);
        foreach (var reader in readers) reader.Release();
        Assert.Equal(0, files.OpenFiles);
    }

    [Fact]
    public void A_missing_file_and_a_wrong_size_are_refused()
    {
        var info = _fixture.Write(SegmentFixture.MakeSimple(10));
        Assert.Equal(HestiaErrorCode.SegmentDamaged,
            Assert.Throws<HestiaException>(() => _fixture.Open(info with { Size = info.Size + 1 })).Code);
        File.Delete(_fixture.PathOf(info));
        Assert.Equal(HestiaErrorCode.SegmentMissing, Assert.Throws<HestiaException>(() => _fixture.Open(info)).Code);
    }

    [Fact]
    public void A_large_value_stored_as_it_is_takes_one_buffer_and_no_copy()
    {
        var random = new byte[1 << 20];
        new Random(25).NextBytes(random);
        List<Entry> entries =
        [
            new([1], 1, OperationKind.Put, random),
            new([2], 2, OperationKind.Put, new byte[1 << 20]), // compressed
            new([3], 3, OperationKind.Put, random[..Limits.LargeValueBytes]),
        ];
        var reader = _fixture.Open(_fixture.Write(entries));
        foreach (var e in entries) CheckGet(reader, e);
        using (var cursor = reader.CreateCursor(fillCache: false, 0))
        {
            cursor.SeekToFirst();
            foreach (var e in entries)
            {
                SegmentFixture.AssertAt(cursor, e);
                cursor.Next();
            }
        }

        var before = NativeBuffer.AllocatedByThread;
        CheckGet(reader, entries[0]);
        Assert.InRange(NativeBuffer.AllocatedByThread - before, 1 << 20, (1 << 20) + 4096);
        reader.Release();
    }

    [Fact]
    public void The_filter_lets_about_one_absent_key_in_a_hundred_pass()
    {
        var info = _fixture.Write(SegmentFixture.MakeSimple(100_000));
        var reader = _fixture.Open(info);
        var passed = 0;
        for (var i = 0; i < 200_000; i++)
            passed += reader.MayContain(SegmentReader.HashKey(Encoding.ASCII.GetBytes($"absent-{i}"))) ? 1 : 0;
        Assert.InRange(passed / 200_000.0, 0.002, 0.014);
        reader.Release();
    }

    private static void CheckGets(SegmentReader reader, List<Entry> entries, Random random)
    {
        foreach (var e in entries) CheckGet(reader, e);
        for (var i = 0; i < 500; i++)
        {
            var key = (byte[])entries[random.Next(entries.Count)].Key.Clone();
            key[random.Next(key.Length)] ^= (byte)(1 << random.Next(8));
            if (random.Next(3) == 0 && key.Length > 1) key = key[..^1];
            if (entries.BinarySearch(new Entry(key, 0, default, []), EntryComparer) >= 0) continue;
            Assert.False(reader.TryGet(key, SegmentReader.HashKey(key), out _));
        }
    }

    private static void CheckGet(SegmentReader reader, Entry e)
    {
        Assert.True(reader.TryGet(e.Key, SegmentReader.HashKey(e.Key), out var value));
        using (value)
        {
            Assert.Equal(e.Lsn, value.Lsn);
            Assert.Equal(e.Kind, value.Kind);
            Assert.True(value.Value.SequenceEqual(e.Value));
        }
    }

    private static void CheckScans(EntryCursor cursor, List<Entry> entries)
    {
        Assert.False(cursor.IsValid);
        cursor.SeekToFirst();
        foreach (var e in entries)
        {
            SegmentFixture.AssertAt(cursor, e);
            cursor.Next();
        }

        Assert.False(cursor.IsValid);
        cursor.SeekToLast();
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            SegmentFixture.AssertAt(cursor, entries[i]);
            cursor.Previous();
        }

        Assert.False(cursor.IsValid);
    }

    private static void CheckWalk(EntryCursor cursor, List<Entry> entries, Random random)
    {
        var at = -1;
        for (var step = 0; step < 600; step++)
        {
            var choice = random.Next(10);
            if (at < 0 || at >= entries.Count || choice == 0)
            {
                var key = (byte[])entries[random.Next(entries.Count)].Key.Clone();
                if (random.Next(2) == 0) key[random.Next(key.Length)] = (byte)random.Next(256);
                if (random.Next(4) == 0) key = key[..random.Next(1, key.Length + 1)];
                var found = entries.BinarySearch(new Entry(key, 0, default, []), EntryComparer);
                if (random.Next(2) == 0)
                {
                    cursor.Seek(key);
                    at = found >= 0 ? found : ~found;
                }
                else
                {
                    cursor.SeekForPrevious(key);
                    at = found >= 0 ? found : ~found - 1;
                }
            }
            else if (choice < 6)
            {
                cursor.Next();
                at++;
            }
            else
            {
                cursor.Previous();
                at--;
            }

            if (at < 0 || at >= entries.Count) Assert.False(cursor.IsValid);
            else SegmentFixture.AssertAt(cursor, entries[at]);
        }
    }

    private static readonly Comparer<Entry> EntryComparer = Comparer<Entry>.Create((a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
}
