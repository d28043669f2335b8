using Hestia.Bench.Engines;
using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>scan, scanreverse: everything in order; scanrange, scanrangereverse: 100 entries from somewhere. Counted in entries.</summary>
internal static class ScanWorkload
{
    private const int RangeEntries = 100;
    private const long FewestRanges = 1_000;
    private const long MostRanges = 50_000;
    private const long MostWarmingEntries = 2_000_000;

    public static void Run(BenchSession session, string workload)
    {
        session.EnsureFilled(session.Settings(Durability.Off));
        var reverse = workload.EndsWith("reverse", StringComparison.Ordinal);
        if (!workload.StartsWith("scanrange", StringComparison.Ordinal)) Warm(session, reverse);
        var measured = workload.StartsWith("scanrange", StringComparison.Ordinal)
            ? Ranges(session, reverse)
            : Whole(session, session.Engine, reverse);
        session.Emit(workload, null, 1, measured);
    }

    /// <summary>As reads have a round that warms up: what is compiled at run time is compiled, the files are in the system's cache.</summary>
    private static void Warm(BenchSession session, bool reverse)
    {
        using var cursor = session.Engine.Scan(reverse);
        Walk(cursor, reverse, MostWarmingEntries, session.Keys.ValueBytes);
    }

    public static Measurement Whole(BenchSession session, IEngine engine, bool reverse) => session.Measure(1, (_, run) =>
    {
        using var cursor = engine.Scan(reverse);
        var count = Walk(cursor, reverse, long.MaxValue, session.Keys.ValueBytes);
        run.Count(count);
        if (count != session.Filled) throw new InvalidOperationException($"The scan showed {count:N0} of {session.Filled:N0} entries.");
    });

    private static Measurement Ranges(BenchSession session, bool reverse)
    {
        var ranges = Math.Clamp(session.Arguments.Entries / RangeEntries, FewestRanges, MostRanges);
        Measurement? measured = null;
        // The first of two rounds warms the cache with other ranges.
        foreach (var seed in (ReadOnlySpan<ulong>)[5, 6])
        {
            measured = session.Measure(1, (_, run) =>
            {
                Span<byte> from = stackalloc byte[KeySpace.KeyBytes];
                var state = KeySpace.Mix(seed);
                for (var i = 0L; i < ranges; i++)
                {
                    state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
                    session.Keys.Key((long)((state >> 8) % (ulong)session.Filled), from);
                    run.BeginTimed();
                    long count;
                    using (var cursor = session.Engine.Scan(reverse, from))
                    {
                        count = Walk(cursor, reverse, RangeEntries, session.Keys.ValueBytes);
                    }

                    run.End(count);
                    if (count == 0) throw new InvalidOperationException("A range that begins at a key that is there was empty.");
                    if (run.TimeIsUp) break;
                }
            });
        }

        return measured!;
    }

    private static long Walk(IEngineCursor cursor, bool reverse, long most, int valueBytes)
    {
        Span<byte> last = stackalloc byte[KeySpace.KeyBytes];
        var count = 0L;
        while (count < most && cursor.MoveNext())
        {
            var key = cursor.Key;
            var order = key.SequenceCompareTo(last);
            if (count > 0 && (reverse ? order >= 0 : order <= 0))
                throw new InvalidOperationException($"Key {count:N0} of the scan is out of order.");
            if (cursor.Value.Length != valueBytes)
                throw new InvalidOperationException($"Value {count:N0} of the scan has {cursor.Value.Length} bytes.");
            key.CopyTo(last);
            count++;
        }

        return count;
    }
}
