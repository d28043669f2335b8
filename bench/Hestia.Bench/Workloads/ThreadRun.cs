using System.Diagnostics;

namespace Hestia.Bench.Workloads;

/// <summary>What one thread of a row does: counts operations and takes the time of some of them.</summary>
internal sealed class ThreadRun(Stopwatch clock, TimeSpan limit, int sampleEvery)
{
    /// <summary>Every so many fast operations one is timed: enough for a p99.9, too few to slow what is measured.</summary>
    public const int Sampled = 16;

    /// <summary>Where the slowest of all must not be missed.</summary>
    public const int EveryOne = 1;

    private const int LimitCheckMask = 63;

    private long _started;

    public LatencyHistogram Latency { get; } = new();

    public long Operations { get; private set; }

    /// <summary>Looked at rarely: a clock read costs as much as a fast get.</summary>
    public bool TimeIsUp => (Operations & LimitCheckMask) == 0 && clock.Elapsed > limit;

    public void Begin()
    {
        if (Operations % sampleEvery == 0) _started = Stopwatch.GetTimestamp();
    }

    public void End()
    {
        if (Operations++ % sampleEvery == 0) Latency.Add(Stopwatch.GetTimestamp() - _started);
    }

    /// <summary>One timed operation that did the work of so many, for example a range of entries.</summary>
    public void End(long operations)
    {
        Latency.Add(Stopwatch.GetTimestamp() - _started);
        Operations += operations;
    }

    public void BeginTimed() => _started = Stopwatch.GetTimestamp();

    public void Count(long operations) => Operations = operations;
}
