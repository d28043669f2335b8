using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Repair;

namespace Hestia.Unit.Index;

/// <summary>Keys that share more bytes than a manifest keeps of a key: many segments of a level have the same bounds, and only their order tells them apart.</summary>
public sealed class LongKeyOrderTests : IndexTestBase
{
    private static readonly IndexOptions s_options = new()
    {
        MemtableBytes = 4 << 20,
        Level0Trigger = 2,
        Level1Bytes = 16 << 10,
        SegmentBytes = 4 << 10,
        CacheBytes = 256 << 10,
        RetiredBytes = 0,
    };

    /// <summary>Moves of up to 16 segments were sorted as they were by luck; what cleans the deepest level afterwards put each behind its equals.</summary>
    [Theory]
    [InlineData(12)]
    [InlineData(40)]
    public void Order_is_kept_by_moves_and_by_cleaning_the_deepest_level(int count)
    {
        var model = NewModel();
        using (var index = HestiaIndex.Create(IndexPath, null, s_options))
        {
            // Something in level 2 first, so that what comes next does not yet reach the bottom and keeps its LSNs. It is long enough for a segment of its own.
            Put(index, model, Bytes("a"), 20 << 10);
            index.Flush();
            Put(index, model, Bytes("a"), 20 << 10);
            index.Flush();
            index.WaitForBackgroundWork();
            Put(index, model, Bytes("a"), 20 << 10);
            for (var i = 0; i < count; i += 2) Put(index, model, LongKey(i), 2200);
            index.Flush();
            for (var i = 1; i < count; i += 2) Put(index, model, LongKey(i), 2200);
            index.Flush();
            index.WaitForBackgroundWork();
            Assert.True(index.GetStatistics().Levels.Where(l => l.Level >= 2).Sum(l => l.Segments) > count, "the segments are no longer moved down by name");
            AssertSame(model, index);

            index.Compact();
            AssertSame(model, index);
        }

        var report = IndexChecker.Check(IndexPath);
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        Assert.Equal(model.Count, report.Entries);
    }

    [Fact]
    public void Repair_adopts_segments_in_the_order_of_their_keys()
    {
        var model = NewModel();
        using (var index = HestiaIndex.Create(IndexPath, null, s_options))
        {
            for (var i = 0; i < 40; i++) Put(index, model, LongKey(i), 2200);
            index.Compact();
        }

        Directory.Delete(Path.Combine(IndexPath, "manifest"), recursive: true);
        Directory.Delete(Path.Combine(IndexPath, "wal"), recursive: true);
        var repaired = IndexRepairer.Repair(IndexPath, new RepairOptions { AllowLoss = true });
        Assert.Contains(repaired.Actions, a => a.Code == RepairActions.AdoptSegments);
        var report = IndexChecker.Check(IndexPath);
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        using (var index = HestiaIndex.Open(IndexPath, s_options)) AssertSame(model, index);
    }

    private static byte[] LongKey(int number) => Bytes(new string('p', 300) + number.ToString("D6", System.Globalization.CultureInfo.InvariantCulture));

    private static void Put(HestiaIndex index, SortedDictionary<byte[], byte[]> model, byte[] key, int valueBytes)
    {
        var value = new byte[valueBytes];
        new Random(valueBytes + model.Count).NextBytes(value); // nothing to compress
        index.Put(key, value);
        model[key] = value;
    }
}
