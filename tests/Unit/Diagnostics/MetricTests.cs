using Hestia.Core;
using Hestia.Core.Reading;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Diagnostics;

/// <summary>Metrics and statistics show the same numbers, and the numbers are true.</summary>
public sealed class MetricTests : IDisposable
{
    private static readonly IndexOptions s_small = new() { MemtableBytes = 64 << 10, Level0Trigger = 2, BackgroundCompaction = false };

    private readonly TemporaryFolder _folder = new();

    private string IndexPath => _folder["orders"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Numbers_are_those_of_the_work_done()
    {
        using var index = HestiaIndex.Create(IndexPath, options: s_small);
        using var metrics = new MetricRecorder(IndexPath);
        index.Put("a"u8, "1"u8);
        using (var batch = new WriteBatch())
        {
            for (var i = 0; i < 9; i++) batch.Put([(byte)i], new byte[100]);
            index.Write(batch);
        }

        Assert.NotNull(index.Get("a"u8));
        Assert.Equal(GetStatus.Found, index.TryGet("a"u8, new byte[1], out _, out _));
        using (index.Scan())
        {
        }

        index.Flush();
        index.Get("a"u8);
        index.Get("a"u8);
        index.Delete("a"u8);
        index.Compact();
        using var pin = index.Pin();
        using var snapshot = index.CreateSnapshot();

        var now = metrics.Collect();
        Assert.Equal(3, now["hestia.index.writes"]);
        Assert.Equal(11, now["hestia.index.write.operations"]);
        Assert.InRange(now["hestia.index.write.io"], 900, 1000);
        Assert.Equal(4, now["hestia.index.reads"]);
        Assert.Equal(2, now["hestia.index.scans"]);
        Assert.Equal(1, now["hestia.index.cache.lookups/miss"]);
        Assert.Equal(1, now["hestia.index.cache.lookups/hit"]);
        Assert.InRange(now["hestia.index.wal.syncs"], 3, 10);
        Assert.Equal(0, now["hestia.index.sync.failures"]);
        Assert.Equal(2, now["hestia.index.flushes"]);
        Assert.Equal(1, now["hestia.index.compactions"]);
        Assert.Equal(1, now["hestia.index.pins"]);
        Assert.Equal(1, now["hestia.index.snapshots"]);
        Assert.Equal(11, now["hestia.index.lsn/last"]);
        Assert.Equal(11, now["hestia.index.lsn/durable"]);
        Assert.Equal(11, now["hestia.index.lsn/checkpoint"]);
        Assert.Equal(1, now["hestia.index.state/ready"]);
        Assert.Equal(0, now["hestia.index.state/failed"]);
        Assert.Equal(1, now["hestia.index.segments/1"]);
        Assert.Equal(3, metrics.Recorded["hestia.index.wal.sync.duration"].Count);
        Assert.Equal(3, metrics.Recorded["hestia.index.commit.duration"].Count);
        Assert.Equal(2, metrics.Recorded["hestia.index.flush.duration"].Count);
        Assert.Single(metrics.Recorded["hestia.index.compaction.duration"]);
        Assert.All(metrics.Recorded.Values.SelectMany(static v => v), static seconds => Assert.InRange(seconds, 0.0, 30.0));
    }

    [Fact]
    public void Statistics_say_the_same()
    {
        using var index = HestiaIndex.Create(IndexPath, options: s_small);
        for (var i = 0; i < 2000; i++) index.Put(BitConverter.GetBytes(i), new byte[100]);
        index.Flush();
        index.Compact();
        for (var i = 0; i < 100; i++) index.Get(BitConverter.GetBytes(i));
        index.Put("last"u8, default);
        using var metrics = new MetricRecorder(IndexPath);
        var now = metrics.Collect();
        var statistics = index.GetStatistics();
        Assert.Equal(statistics.Batches, now["hestia.index.writes"]);
        Assert.Equal(statistics.Operations, now["hestia.index.write.operations"]);
        Assert.Equal(statistics.BytesWritten, now["hestia.index.write.io"]);
        Assert.Equal(statistics.Reads, now["hestia.index.reads"]);
        Assert.Equal(statistics.CacheHits, now["hestia.index.cache.lookups/hit"]);
        Assert.Equal(statistics.CacheMisses, now["hestia.index.cache.lookups/miss"]);
        Assert.Equal(statistics.CacheUsedBytes, now["hestia.index.cache.usage"]);
        Assert.Equal(statistics.WalSyncs, now["hestia.index.wal.syncs"]);
        Assert.Equal(statistics.WalBytesWritten, now["hestia.index.wal.io"]);
        Assert.Equal(statistics.WalBytes, now["hestia.index.wal.usage"]);
        Assert.Equal(statistics.Flushes, now["hestia.index.flushes"]);
        Assert.Equal(statistics.FlushBytesWritten, now["hestia.index.flush.io"]);
        Assert.Equal(statistics.Compactions, now["hestia.index.compactions"]);
        Assert.Equal(statistics.CompactionBytesWritten, now["hestia.index.compaction.io"]);
        Assert.Equal(statistics.CompactionDebtBytes, now["hestia.index.compaction.debt"]);
        Assert.Equal(statistics.MemtableBytes, now["hestia.index.memtable.usage"]);
        Assert.Equal(statistics.RetiredBytes, now["hestia.index.retired.usage"]);
        Assert.Equal(statistics.WriteStalls, now["hestia.index.write.stalls"]);
        Assert.Equal(statistics.WriteStallTime.TotalSeconds, now["hestia.index.write.stall.time"]);
        foreach (var level in statistics.Levels)
        {
            Assert.Equal(level.Segments, now[$"hestia.index.segments/{level.Level}"]);
            Assert.Equal(level.Bytes, now[$"hestia.index.segment.usage/{level.Level}"]);
        }
    }

    [Fact]
    public void Writers_that_wait_for_a_flush_are_counted()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, s_small with { MaxMemtables = 2 });
        var value = new byte[30_000];
        for (var i = 0; i < 60; i++) index.Put(BitConverter.GetBytes(i), value);
        var statistics = index.GetStatistics();
        Assert.InRange(statistics.WriteStalls, 1, 60);
        Assert.True(statistics.WriteStallTime > TimeSpan.Zero);
        Assert.True(statistics.Flushes > 5);
        Assert.Equal(0, statistics.WalSyncs);
    }

    [Fact]
    public void Closed_index_is_observed_no_more()
    {
        using var metrics = new MetricRecorder(IndexPath);
        HestiaIndex.Create(IndexPath).Close();
        Assert.Empty(metrics.Collect());
    }

    [Fact]
    public void Documentation_names_every_instrument_and_no_other()
    {
        using var index = HestiaIndex.Create(IndexPath);
        using var metrics = new MetricRecorder(IndexPath);
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "HestiaPS.slnx"))) folder = Path.GetDirectoryName(folder)!;
        var documented = File.ReadLines(Path.Combine(folder, "docs", "metrics.md"))
            .TakeWhile(static line => !line.StartsWith("## What to alarm on", StringComparison.Ordinal))
            .Where(static line => line.StartsWith("| `hestia.index.", StringComparison.Ordinal))
            .Select(static line => line.Split('|').Select(static cell => cell.Trim().Trim('`')).ToArray())
            .Select(static cells => $"{cells[1]} {cells[3]}")
            .Order(StringComparer.Ordinal);
        Assert.Equal(metrics.Instruments.Select(static i => $"{i.Name} {i.Unit}").Order(StringComparer.Ordinal), documented);
    }
}
