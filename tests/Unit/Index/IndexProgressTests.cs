using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Unit.Index;

/// <summary>What can take over a second says how far it is: opening, flushing, closing, checking the log.</summary>
public sealed class IndexProgressTests : IndexTestBase
{
    private const int Entries = 400;
    private const int ValueBytes = 50_000;

    [Fact]
    public void Opening_tells_the_bytes_of_the_log_as_they_are_checked_secured_and_replayed()
    {
        var told = new Told();
        using (HestiaIndex.Open(Crashed(), null, told, TestContext.Current.CancellationToken))
        {
            Assert.Equal(["Checking the log", "Making the log durable", "Replaying the log"], told.Activities);
            foreach (var activity in told.Activities) told.RunsThrough(activity, steps: 3);
        }
    }

    [Fact]
    public void Opening_for_reading_secures_nothing()
    {
        var told = new Told();
        using (HestiaIndex.Open(Crashed(), new IndexOptions { ReadOnly = true }, told, TestContext.Current.CancellationToken))
        {
            Assert.Equal(["Checking the log", "Replaying the log"], told.Activities);
        }
    }

    [Fact]
    public void Checking_a_log_tells_its_bytes()
    {
        var told = new Told();
        Assert.True(WalInspector.Check(Crashed(), told, TestContext.Current.CancellationToken).Healthy);
        Assert.Equal(["Checking the log"], told.Activities);
        told.RunsThrough("Checking the log", steps: 3);
    }

    [Theory]
    [InlineData("flush")]
    [InlineData("close")]
    [InlineData("compact")]
    public void Flushing_tells_the_bytes_of_the_memtables(string by)
    {
        var told = new Told();
        using var index = Filled();
        if (by == "flush") index.Flush(told, TestContext.Current.CancellationToken);
        else if (by == "close") index.Close(told);
        else index.Compact(told, TestContext.Current.CancellationToken);
        Assert.Equal("Writing segments", told.Activities[0]);
        told.RunsThrough("Writing segments", steps: 2);
    }

    private HestiaIndex Filled()
    {
        var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Async });
        var value = new byte[ValueBytes];
        for (var i = 0; i < Entries; i++) index.Put(Key(i), value);
        return index;
    }

    private string Crashed()
    {
        using var index = Filled();
        return CopyAsIs(index, "crashed");
    }

    private sealed class Told : IProgress<WorkProgress>
    {
        private readonly List<WorkProgress> _all = [];

        public List<string> Activities { get; } = [];

        public void Report(WorkProgress value)
        {
            if (Activities.Count == 0 || Activities[^1] != value.Activity) Activities.Add(value.Activity);
            _all.Add(value);
        }

        /// <summary>From nothing to (but for the last step) all of it, never backwards, and all of it is about what was written.</summary>
        public void RunsThrough(string activity, int steps)
        {
            var some = _all.FindAll(p => p.Activity == activity);
            Assert.True(some.Count >= steps, $"{activity}: {some.Count} reports");
            Assert.Single(some.Select(static p => p.BytesTotal).Distinct());
            // A log in use is longer than its records: space is reserved behind them, which a check looks through as well.
            Assert.InRange(some[0].BytesTotal, (long)Entries * ValueBytes, 4L * Entries * ValueBytes);
            Assert.Equal(0, some[0].BytesDone);
            for (var i = 1; i < some.Count; i++) Assert.InRange(some[i].BytesDone, some[i - 1].BytesDone, some[i].BytesTotal);
            Assert.InRange(some[^1].BytesDone, some[^1].BytesTotal * 3 / 4, some[^1].BytesTotal);
        }
    }
}
