using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Unit.Index;

/// <summary>Random work against a plain sorted map: what the index shows is what the map holds, through flushes, compactions, reopenings and kills.</summary>
public sealed class IndexModelTests : IndexTestBase
{
    [Theory]
    [InlineData(Durability.Sync, 1)]
    [InlineData(Durability.GroupSync, 2)]
    [InlineData(Durability.Async, 3)]
    [InlineData(Durability.Off, 4)]
    [InlineData(Durability.Async, 5)]
    [InlineData(Durability.Off, 6)]
    public void Index_equals_model_through_random_work(Durability durability, int seed)
    {
        var random = new Random(seed);
        var model = NewModel();
        var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = durability, BlockBytes = 1024 }, Small);
        try
        {
            var steps = durability is Durability.Sync or Durability.GroupSync ? 1500 : 4000;
            for (var step = 0; step < steps; step++)
            {
                switch (random.Next(100))
                {
                    case < 80:
                        WriteRandomBatch(random, index, model);
                        break;
                    case < 90:
                        CheckRandomGet(random, index, model);
                        break;
                    case < 95:
                        CheckRandomRange(random, index, model);
                        break;
                    case < 97:
                        Assert.True(index.Flush().Checkpoint >= index.DurableLsn);
                        break;
                    case < 98:
                        index.Compact();
                        AssertSame(model, index);
                        break;
                    default:
                        index.Close();
                        index = HestiaIndex.Open(IndexPath, Small);
                        Assert.Empty(index.Recovery.Notices);
                        break;
                }
            }

            AssertSame(model, index);
            index.Close();
            index = HestiaIndex.Open(IndexPath, Small);
            AssertSame(model, index);
        }
        finally
        {
            index.Dispose();
        }
    }

    [Theory]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Async)]
    public void Killed_process_loses_nothing_acknowledged(Durability durability)
    {
        var random = new Random(17);
        var model = NewModel();
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = durability }, Small);
        for (var round = 0; round < 8; round++)
        {
            for (var i = 0; i < 400; i++) WriteRandomBatch(random, index, model);
            var copy = CopyAsIs(index, "copy" + round);
            using var recovered = HestiaIndex.Open(copy, Small);
            AssertSame(model, recovered);
            Assert.Equal(index.LastLsn, recovered.LastLsn);
            recovered.Put("after"u8, "crash"u8);
            Assert.Equal(index.LastLsn.Next, recovered.LastLsn);
        }
    }

    [Fact]
    public void Off_keeps_everything_up_to_the_last_flush()
    {
        var model = NewModel();
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small with { MemtableBytes = 16 << 20 });
        for (var i = 0; i < 1000; i++)
        {
            index.Put(Key(i), Key(i));
            model[Key(i)] = Key(i);
        }

        var flushed = index.Flush().Checkpoint;
        index.Put("lost"u8, "by design"u8);
        using var recovered = HestiaIndex.Open(CopyAsIs(index, "copy"));
        AssertSame(model, recovered);
        Assert.Equal(flushed, recovered.LastLsn);
        Assert.Empty(Directory.GetFiles(Path.Combine(IndexPath, "wal")));
    }

    [Fact]
    public void Snapshots_stay_as_they_were_while_everything_else_moves()
    {
        var random = new Random(5);
        var model = NewModel();
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small);
        var snapshots = new List<(IndexSnapshot Snapshot, SortedDictionary<byte[], byte[]> Model)>();
        for (var round = 0; round < 12; round++)
        {
            for (var i = 0; i < 600; i++) WriteRandomBatch(random, index, model);
            var copy = NewModel();
            foreach (var (key, value) in model) copy[key] = value;
            snapshots.Add((index.CreateSnapshot(), copy));
        }

        index.Compact();
        foreach (var (snapshot, then) in snapshots)
        {
            using var cursor = snapshot.Scan();
            foreach (var (key, value) in then)
            {
                Assert.True(cursor.MoveNext());
                Assert.Equal(Text(key), Text(cursor.Key));
                Assert.True(value.AsSpan().SequenceEqual(cursor.Value));
                if (random.Next(50) == 0) Assert.Equal(value, snapshot.Get(key));
            }

            Assert.False(cursor.MoveNext());
            snapshot.Dispose();
        }

        AssertSame(model, index);
    }

    private static void WriteRandomBatch(Random random, HestiaIndex index, SortedDictionary<byte[], byte[]> model)
    {
        using var batch = new WriteBatch();
        var count = random.Next(10) == 0 ? random.Next(1, 200) : random.Next(1, 4);
        for (var i = 0; i < count; i++)
        {
            var key = Key(random.Next(5000));
            if (random.Next(4) == 0)
            {
                batch.Delete(key);
                model.Remove(key);
            }
            else
            {
                var value = new byte[random.Next(500) == 0 ? random.Next(32 << 10, 100 << 10) : random.Next(0, 80)];
                random.NextBytes(value.AsSpan(value.Length / 2));
                batch.Put(key, value);
                model[key] = value;
            }
        }

        var before = index.LastLsn;
        Assert.Equal(before.Value + (ulong)count, index.Write(batch).Value);
    }

    private static void CheckRandomGet(Random random, HestiaIndex index, SortedDictionary<byte[], byte[]> model)
    {
        var buffer = new byte[128 << 10];
        for (var i = 0; i < 20; i++)
        {
            var key = Key(random.Next(5200));
            var expected = model.GetValueOrDefault(key);
            var actual = index.Get(key, out _);
            Assert.Equal(expected is null, actual is null);
            if (expected is not null) Assert.True(expected.AsSpan().SequenceEqual(actual));
            var status = index.TryGet(key, buffer, out var length, out _);
            Assert.Equal(expected is null ? GetStatus.NotFound : GetStatus.Found, status);
            if (expected is not null) Assert.True(expected.AsSpan().SequenceEqual(buffer.AsSpan(0, length)));
        }
    }

    private static void CheckRandomRange(Random random, HestiaIndex index, SortedDictionary<byte[], byte[]> model)
    {
        int from = random.Next(5000), to = from + random.Next(300);
        var options = new ScanOptions
        {
            From = Key(from),
            To = Key(to),
            ToInclusive = random.Next(2) == 0,
            Reverse = random.Next(2) == 0,
            Limit = random.Next(3) == 0 ? random.Next(1, 20) : 0,
        };
        IEnumerable<byte[]> expected = model.Keys.Where(k =>
            k.AsSpan().SequenceCompareTo(Key(from)) >= 0
            && (options.ToInclusive ? k.AsSpan().SequenceCompareTo(Key(to)) <= 0 : k.AsSpan().SequenceCompareTo(Key(to)) < 0));
        if (options.Reverse) expected = expected.Reverse();
        if (options.Limit > 0) expected = expected.Take((int)options.Limit);
        var actual = new List<string>();
        using var cursor = index.Scan(options);
        while (cursor.MoveNext()) actual.Add(Text(cursor.Key));
        Assert.Equal(expected.Select(k => Text(k)), actual);
    }
}
