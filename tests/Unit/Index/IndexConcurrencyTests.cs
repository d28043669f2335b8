using System.Buffers.Binary;
using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Unit.Index;

public sealed class IndexConcurrencyTests : IndexTestBase
{
    /// <summary>Level 0 is merged in between, so that they need not wait; that must not become all there is done.</summary>
    [Fact]
    public async Task A_full_compaction_ends_though_writers_press_on()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small);
        for (var round = 0; round < 2; round++)
            for (var i = 0; i < 20_000; i++) index.Put(Key(i), Bytes($"value {round} {i}"));
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 3).Select(writer => OnThread(() =>
        {
            var random = new Random(writer);
            var value = new byte[100];
            // All over the keys, and on behind them.
            for (var i = 20_000; !stop.IsCancellationRequested; i++) index.Put(Key(writer == 0 ? i : random.Next(20_000)), value);
        })).ToArray();
        try
        {
            await OnThread(() => index.Compact()).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(writers);
        }

        Assert.True(index.Check().Healthy);
    }

    [Theory]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Async)]
    [InlineData(Durability.Off)]
    public async Task Batches_are_seen_whole_and_in_order_by_readers_while_writers_flush_and_compact(Durability durability)
    {
        const int Writers = 4;
        const int KeysPerBatch = 5;
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = durability }, Small);
        using var stop = new CancellationTokenSource();
        var acknowledged = new long[Writers];
        var token = stop.Token;
        var writers = Enumerable.Range(0, Writers).Select(writer => OnThread(() =>
        {
            using var batch = new WriteBatch();
            var value = new byte[64];
            for (long round = 1; !token.IsCancellationRequested; round++)
            {
                batch.Clear();
                BinaryPrimitives.WriteInt64LittleEndian(value, round);
                for (var i = 0; i < KeysPerBatch; i++) batch.Put(Bytes($"w{writer}-{i}"), value);
                batch.Put(Bytes($"log{writer}-{round:D10}"), value);
                index.Write(batch);
                Volatile.Write(ref acknowledged[writer], round);
            }
        })).ToArray();
        var readers = Enumerable.Range(0, 2).Select(reader => OnThread(() =>
        {
            var random = new Random(reader);
            while (!token.IsCancellationRequested)
            {
                var writer = random.Next(Writers);
                var before = Volatile.Read(ref acknowledged[writer]);
                using var snapshot = index.CreateSnapshot();
                long? round = null;
                for (var i = 0; i < KeysPerBatch; i++)
                {
                    var value = snapshot.Get(Bytes($"w{writer}-{i}"));
                    var seen = value is null ? 0 : BinaryPrimitives.ReadInt64LittleEndian(value);
                    round ??= seen;
                    Assert.Equal(round.Value, seen); // a batch is there whole or not at all
                }

                Assert.True(round >= before, $"round {before} was acknowledged, {round} is seen");
                using var cursor = snapshot.Scan(new() { Prefix = Bytes($"log{writer}-"), Reverse = random.Next(2) == 0 });
                long count = 0;
                while (cursor.MoveNext()) count++;
                Assert.Equal(round.Value, count);
            }
        })).ToArray();
        var maintenance = OnThread(() =>
        {
            while (!token.IsCancellationRequested)
            {
                index.Flush(null, CancellationToken.None);
                Thread.Sleep(30);
                if (Random.Shared.Next(4) == 0) index.Compact(cancellationToken: CancellationToken.None);
            }
        });
        await Task.WhenAny(Task.WhenAny([.. writers, .. readers, maintenance]), Task.Delay(TimeSpan.FromSeconds(4), TestContext.Current.CancellationToken));
        await stop.CancelAsync();
        await Task.WhenAll([.. writers, .. readers, maintenance]);
        index.Close();
        using var again = HestiaIndex.Open(IndexPath);
        for (var writer = 0; writer < Writers; writer++)
        {
            var value = again.Get(Bytes($"w{writer}-0"));
            Assert.Equal(acknowledged[writer], BinaryPrimitives.ReadInt64LittleEndian(value));
        }
    }

    [Fact]
    public async Task Synced_writers_share_syncs()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Sync });
        const int Writers = 16;
        const int Each = 200;
        var tasks = Enumerable.Range(0, Writers).Select(w => OnThread(() =>
        {
            for (var i = 0; i < Each; i++) index.Put(Bytes($"{w}-{i}"), "v"u8);
        }));
        await Task.WhenAll(tasks);
        var statistics = index.GetStatistics();
        Assert.Equal(Writers * Each, (int)statistics.LastLsn.Value);
        Assert.Equal(statistics.LastLsn, statistics.DurableLsn);
        Assert.True(statistics.WalSyncs < Writers * Each, $"{statistics.WalSyncs} syncs for {Writers * Each} writes");
    }

    [Fact]
    public async Task Closing_in_the_middle_of_writes_ends_every_writer_with_a_clear_error_and_keeps_what_was_acknowledged()
    {
        var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Async }, Small);
        var acknowledged = new int[4];
        var writers = Enumerable.Range(0, 4).Select(w => OnThread(() =>
        {
            for (var i = 0; ; i++)
            {
                try
                {
                    index.Put(Bytes($"{w}-{i:D8}"), Key(i));
                    acknowledged[w] = i + 1;
                }
                catch (HestiaException e)
                {
                    Assert.Equal(HestiaErrorCode.IndexClosed, e.Code);
                    return;
                }
            }
        })).ToArray();
        await Task.Delay(500, TestContext.Current.CancellationToken);
        var cursor = index.Scan();
        Assert.True(cursor.MoveNext());
        index.Close();
        await Task.WhenAll(writers);
        while (cursor.MoveNext())
        {
            // a reader that outlives the index still sees its snapshot
        }

        cursor.Dispose();
        using var again = HestiaIndex.Open(IndexPath);
        for (var w = 0; w < 4; w++)
        {
            using var scan = again.Scan(new ScanOptions { Prefix = Bytes($"{w}-") });
            var count = 0;
            while (scan.MoveNext()) count++;
            Assert.Equal(acknowledged[w], count);
        }
    }

    [Fact]
    public async Task Compact_ends_although_writers_do_not()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small);
        using var stop = new CancellationTokenSource();
        using var tooLong = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var writers = Enumerable.Range(0, 2).Select(writer => OnThread(() =>
        {
            var random = new Random(writer);
            var value = new byte[200];
            while (!stop.IsCancellationRequested) index.Put(Bytes($"{writer}-{random.Next(2000):D4}"), value);
        })).ToArray();
        for (var i = 0; i < 5; i++) index.Compact(cancellationToken: tooLong.Token);
        await stop.CancelAsync();
        await Task.WhenAll(writers);
    }

    /// <summary>A thread of its own: work that never ends would starve the pool.</summary>
    private static Task OnThread(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
