using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>readrandom, readmissing, readcold: point reads of a settled index, after a round that warms the cache.</summary>
internal static class ReadWorkload
{
    private const long MostWarmingReads = 1_000_000;
    private const int ColdShare = 10;

    public static void Run(BenchSession session, string workload)
    {
        var settings = session.Settings(Durability.Off);
        if (workload == "readcold")
        {
            var data = session.Arguments.Entries * (KeySpace.KeyBytes + session.Arguments.ValueBytes);
            settings = settings with { CacheBytes = data / ColdShare };
        }

        session.EnsureFilled(settings);
        var missPercent = workload == "readmissing" ? 100 : session.Arguments.MissPercent;
        foreach (var readers in session.Arguments.Readers)
        {
            var warming = Math.Min(session.Arguments.Entries, MostWarmingReads);
            Read(session, 1, warming, missPercent, seed: 991);
            var measured = Read(session, readers, (session.Arguments.Reads ?? session.Arguments.Entries) / readers, missPercent, seed: 77);
            session.Emit(workload, null, readers, measured);
        }
    }

    private static Measurement Read(BenchSession session, int readers, long perReader, int missPercent, int seed)
    {
        var engine = session.Engine;
        var keys = session.Keys;
        var filled = session.Filled;
        return session.Measure(readers, (reader, run) =>
        {
            var key = new byte[KeySpace.KeyBytes];
            var value = new byte[Math.Max(keys.ValueBytes, 1)];
            var state = KeySpace.Mix((ulong)(reader + seed));
            for (var i = 0L; i < perReader && !run.TimeIsUp; i++)
            {
                state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
                var miss = (int)(state % 100) < missPercent;
                var number = (long)((state >> 8) % (ulong)filled);
                keys.Key(miss ? filled + number : number, key);
                run.Begin();
                var length = engine.Get(key, value);
                run.End();
                if (length != (miss ? -1 : keys.ValueBytes))
                    throw new InvalidOperationException($"Get of entry {number:N0} ({(miss ? "absent" : "present")}) returned {length}.");
            }
        });
    }
}
