using System.Diagnostics;
using System.Numerics;

namespace Hestia.Bench.Workloads;

/// <summary>
/// Counts durations in buckets 3 % wide, so that percentiles of any number of samples take 15 KiB. One per thread, merged at the end.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int StepBits = 5;
    private readonly long[] _buckets = new long[(64 - StepBits) << StepBits];
    private long _count;
    private long _largest;

    public void Add(long ticks)
    {
        _buckets[BucketOf(ticks)]++;
        _count++;
        if (ticks > _largest) _largest = ticks;
    }

    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _buckets.Length; i++) _buckets[i] += other._buckets[i];
        _count += other._count;
        _largest = Math.Max(_largest, other._largest);
    }

    /// <summary>The duration that so many of all were not above, in microseconds; null without a sample.</summary>
    public double? Microseconds(double fraction)
    {
        if (_count == 0) return null;
        if (fraction >= 1) return ToMicroseconds(_largest);
        var left = (long)Math.Ceiling(fraction * _count);
        for (var i = 0; i < _buckets.Length; i++)
        {
            left -= _buckets[i];
            if (left <= 0) return ToMicroseconds(UpperBound(i));
        }

        return ToMicroseconds(_largest);
    }

    private static double ToMicroseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;

    private static int BucketOf(long ticks)
    {
        var value = (ulong)Math.Max(ticks, 0);
        var magnitude = BitOperations.Log2(value | 1);
        if (magnitude < StepBits) return (int)value;
        var shift = magnitude - StepBits;
        return ((shift + 1) << StepBits) + (int)(value >> shift) - (1 << StepBits);
    }

    private static long UpperBound(int bucket)
    {
        if (bucket < 1 << StepBits) return bucket;
        var shift = (bucket >> StepBits) - 1;
        return (((bucket & ((1L << StepBits) - 1)) + (1L << StepBits) + 1) << shift) - 1;
    }
}
