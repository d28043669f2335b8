using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Unit.Backup;

public sealed class WorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(64)]
    public void Every_item_is_worked_on_once(int parallelism)
    {
        var counts = new int[1000];
        Workers.Run(Enumerable.Range(0, 1000).ToList(), parallelism, (i, _) => Interlocked.Increment(ref counts[i]), default);
        Assert.All(counts, c => Assert.Equal(1, c));
    }

    [Fact]
    public void The_first_failure_stops_the_rest_and_is_thrown_as_it_was()
    {
        var done = 0;
        var e = Assert.Throws<InvalidDataException>(() => Workers.Run(
            Enumerable.Range(0, 100_000).ToList(),
            4,
            (i, token) =>
            {
                if (i == 50) throw new InvalidDataException("fifty");
                token.ThrowIfCancellationRequested();
                Interlocked.Increment(ref done);
                Thread.SpinWait(1000);
            },
            default));
        Assert.Equal("fifty", e.Message);
        Assert.True(done < 100_000);
    }

    [Fact]
    public void A_cancellation_ends_it_as_one()
    {
        using var source = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Workers.Run(
            Enumerable.Range(0, 100).ToList(),
            4,
            (i, token) =>
            {
                if (i == 10) source.Cancel();
                token.ThrowIfCancellationRequested();
            },
            source.Token));
    }

    [Fact]
    public void Progress_is_reported_seldom_one_at_a_time_and_at_the_end()
    {
        var reports = new List<WorkProgress>();
        var inside = 0;
        var meter = new ProgressMeter(new Reporter(p =>
        {
            Assert.Equal(1, Interlocked.Increment(ref inside));
            reports.Add(p);
            Interlocked.Decrement(ref inside);
        }), "work", 4000, 4);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Parallel.For(0, 4, _ =>
        {
            for (var i = 0; i < 1000; i++)
            {
                meter.AddBytes(1);
                if (i % 10 == 0) Thread.Sleep(1);
            }

            meter.AddItem();
        });
        meter.Finish();
        Assert.Equal(new WorkProgress("work", 4000, 4000, 4, 4), reports[^1]);
        Assert.InRange(reports.Count, 2, (watch.ElapsedMilliseconds / 100) + 3);
        Assert.Equal(reports.Select(r => r.BytesDone).Order(), reports.Select(r => r.BytesDone));
    }

    internal sealed class Reporter(Action<WorkProgress> action) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => action(value);
    }
}
