using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Unit.Index;

/// <summary>What opening, creating and closing owe to others: files that are not ours, work under way, an index made a moment ago.</summary>
public sealed class IndexLifecycleTests : IndexTestBase
{
    [Fact]
    public void Opening_removes_only_the_unfinished_files_that_are_its_own()
    {
        HestiaIndex.Create(IndexPath, null, Small).Close();
        string[] ours = ["0123456789abcdef0123456789abcdef.tmp", "index.json.0123abcd.tmp"];
        string[] others = ["notes.tmp", "00000000000000000001.wal.tmp", "0123456789ABCDEF0123456789ABCDEF.tmp", ".0123abcd.tmp"];
        string[] folders = [IndexPath, Path.Combine(IndexPath, "wal"), Path.Combine(IndexPath, "segments"), Path.Combine(IndexPath, "manifest")];
        foreach (var folder in folders)
            foreach (var name in ours.Concat(others)) File.WriteAllText(Path.Combine(folder, name), "x");
        using (var index = HestiaIndex.Open(IndexPath, Small))
        {
            Assert.Contains(index.Recovery.Notices, n => n.Code == "TemporaryFilesRemoved");
            foreach (var folder in folders)
            {
                foreach (var name in ours) Assert.False(File.Exists(Path.Combine(folder, name)), name);
                foreach (var name in others) Assert.True(File.Exists(Path.Combine(folder, name)), name);
            }
        }
    }

    [Fact]
    public void A_segment_that_nothing_names_stays_for_the_grace_period()
    {
        var options = Small with { RetiredAge = TimeSpan.FromMinutes(15), BackgroundCompaction = false };
        string lost;
        using (var index = HestiaIndex.Create(IndexPath, null, options))
        {
            index.Put(Key(1), Bytes("x"));
            index.Flush();
            lost = Assert.Single(Directory.GetFiles(Path.Combine(IndexPath, "segments"), "*.seg"));
            index.Close();
        }

        // As after a compaction that was cut short: a whole segment, and no manifest that names it.
        var name = Path.Combine(IndexPath, "segments");
        using (var other = HestiaIndex.Create(Path.Combine(Root, "other"), null, options))
        {
            other.Put(Key(1), Bytes("another"));
            other.Flush();
            var made = Assert.Single(Directory.GetFiles(Path.Combine(Root, "other", "segments"), "*.seg"));
            name = Path.Combine(name, Path.GetFileName(made));
            File.Copy(made, name);
        }

        using (var index = HestiaIndex.Open(IndexPath, options))
        {
            Assert.Contains(index.Recovery.Notices, n => n.Code == "OrphanSegments");
            index.PruneRetired();
            Assert.True(File.Exists(name));
        }

        File.SetLastWriteTimeUtc(name, DateTime.UtcNow.AddMinutes(-16));
        using (var index = HestiaIndex.Open(IndexPath, options)) index.PruneRetired();
        Assert.False(File.Exists(name));
        Assert.True(File.Exists(lost));
    }

    [Fact]
    public async Task Closing_waits_for_a_compaction_that_another_thread_runs()
    {
        var options = Small with { BackgroundCompaction = false };
        for (var round = 0; round < 8; round++)
        {
            var path = Path.Combine(Root, $"close-{round}");
            var index = HestiaIndex.Create(path, new IndexSettings { Durability = Durability.Off }, options);
            for (var i = 0; i < 20_000; i++) index.Put(Key(i * 7919 % 20_000), Bytes($"value {i}"));
            var merging = new ManualResetEventSlim();
            var compaction = Task.Factory.StartNew(
                () =>
                {
                    merging.Set();
                    index.Compact();
                },
                TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            merging.Wait(TestContext.Current.CancellationToken);
            await Task.Delay(round * 5, TestContext.Current.CancellationToken);
            index.Close();
            // From here on the directory belongs to whoever opens it next.
            var before = Names(path);
            try
            {
                await compaction;
            }
            catch (HestiaException e)
            {
                Assert.Equal(HestiaErrorCode.IndexClosed, e.Code);
            }

            Assert.Equal(before, Names(path));
            using var again = HestiaIndex.Open(path, options with { ReadOnly = true });
            Assert.Equal(Bytes($"value {0}"), again.Get(Key(0)));
        }

        static string[] Names(string path) => [.. Directory.GetFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public void A_flush_counts_what_it_wrote_however_soon_its_waiter_is_awake()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small);
        for (var i = 0; i < 200; i++)
        {
            index.Put(Key(i), Bytes("value"));
            var flush = index.Flush();
            Assert.Equal((1, new Lsn((ulong)i + 1)), (flush.SegmentsWritten, flush.Checkpoint));
            Assert.True(flush.BytesWritten > 0);
        }
    }

    [Fact]
    public void A_full_compaction_takes_level_0_along_that_grows_meanwhile()
    {
        var options = Small with { BackgroundCompaction = false, Level0Trigger = 4, Level0Slowdown = 1024 };
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, options);
        // Two levels to begin with, so that there is merging to do behind level 0.
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 20_000; i++) index.Put(Key(i), Bytes($"value {round} {i}"));
            index.Compact();
        }

        for (var i = 0; i < 20_000; i += 2) index.Put(Key(i), Bytes($"last {i}"));
        var flushed = 0;
        index.Compact(new Each(() =>
        {
            for (var i = 0; i < 5 && flushed < 40; i++)
            {
                index.Put(Key(flushed++), Bytes("meanwhile"));
                index.Flush();
            }
        }));
        Assert.Equal(40, flushed);
        var level0 = index.GetStatistics().Levels.Where(static l => l.Level == 0).Sum(static l => l.Segments);
        Assert.True(level0 < 40, $"{level0} segments of level 0 waited for the end");
        Assert.Equal(Bytes("meanwhile"), index.Get(Key(39)));
        Assert.Equal(Bytes("last 40"), index.Get(Key(40)));
        Assert.True(index.Check().Healthy);
    }

    private sealed class Each(Action step) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => step();
    }

    [Fact]
    public void Many_flushes_within_the_grace_period_leave_the_states_before_them_whole()
    {
        using var index = HestiaIndex.Create(IndexPath, null, Small with { BackgroundCompaction = false, Level0Slowdown = 1024 });
        index.Put(Key(0), Bytes("first"));
        index.Flush();
        var first = Directory.GetFiles(Path.Combine(IndexPath, "manifest")).Max(StringComparer.Ordinal)!;
        for (var i = 1; i <= 100; i++)
        {
            index.Put(Key(i), Bytes("more"));
            index.Flush();
        }

        index.PruneRetired();
        Assert.True(File.Exists(first));
        Assert.True(ManifestFormat.TryParseFileName(Path.GetFileName(first), out _, out _));
    }

    [Fact]
    public void Of_several_that_create_an_index_in_one_folder_one_does()
    {
        for (var round = 0; round < 10; round++)
        {
            var path = Path.Combine(Root, $"race-{round}");
            var made = 0;
            Parallel.For(0, 4, _ =>
            {
                try
                {
                    IndexCreation.Create(path, new IndexSettings(), FileSystem.Physical);
                    Interlocked.Increment(ref made);
                }
                catch (HestiaException e)
                {
                    Assert.Contains(e.Code, (HestiaErrorCode[])[HestiaErrorCode.IndexExists, HestiaErrorCode.IndexInUse]);
                }
            });
            Assert.Equal(1, made);
        }
    }
}
