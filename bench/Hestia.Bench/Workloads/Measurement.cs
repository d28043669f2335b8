using System.Diagnostics;

namespace Hestia.Bench.Workloads;

/// <summary>Runs threads against the clock.</summary>
internal sealed class Measurement
{
    private Measurement(double seconds, long operations, LatencyHistogram latency, long? writtenBytes)
    {
        Seconds = seconds;
        Operations = operations;
        Latency = latency;
        WrittenBytes = writtenBytes;
    }

    public double Seconds { get; init; }

    public long Operations { get; init; }

    public LatencyHistogram Latency { get; init; }

    /// <summary>Bytes the process wrote meanwhile, where the system counts them.</summary>
    public long? WrittenBytes { get; }

    public static Measurement Of(
        TimeSpan limit, int threads, Action<int, ThreadRun> body, Action? final = null, int sampleEvery = ThreadRun.Sampled)
    {
        GC.Collect();
        ProcessUsage.ResetPeak();
        var written = ProcessUsage.WrittenBytes();
        var clock = Stopwatch.StartNew();
        var runs = new ThreadRun[threads];
        for (var i = 0; i < threads; i++) runs[i] = new ThreadRun(clock, limit, sampleEvery);
        Parallel(threads, i => body(i, runs[i]));
        final?.Invoke();
        var seconds = clock.Elapsed.TotalSeconds;
        var latency = new LatencyHistogram();
        var operations = 0L;
        foreach (var run in runs)
        {
            latency.Add(run.Latency);
            operations += run.Operations;
        }

        return new Measurement(seconds, operations, latency, ProcessUsage.WrittenBytes() - written);
    }

    /// <summary>The same period seen from one of its sides.</summary>
    public Measurement Side(long operations, LatencyHistogram latency) => new(Seconds, operations, latency, WrittenBytes);

    /// <summary>The same period with other totals, for turns that took only part of it; without latencies.</summary>
    public Measurement As(double seconds, long operations) => new(seconds, operations, new LatencyHistogram(), WrittenBytes);

    /// <summary>One thread stays on the caller; more get threads of their own.</summary>
    public static void Parallel(int threads, Action<int> body)
    {
        if (threads == 1)
        {
            body(0);
            return;
        }

        var tasks = new Task[threads];
        for (var i = 0; i < threads; i++)
        {
            var number = i;
            tasks[i] = Task.Factory.StartNew(() => body(number), TaskCreationOptions.LongRunning);
        }

        Task.WaitAll(tasks);
    }
}
