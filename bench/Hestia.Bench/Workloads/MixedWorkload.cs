namespace Hestia.Bench.Workloads;

/// <summary>
/// mixed: two threads, each a put of an entry that is there and a get in turns, so that the mix is 50/50 for every engine. Every
/// operation is timed: the slowest ones are what this is about. One row for each side.
/// </summary>
internal static class MixedWorkload
{
    private const int Threads = 2;

    public static void Run(BenchSession session)
    {
        foreach (var durability in session.Arguments.Durabilities)
        {
            session.EnsureFilled(session.Settings(durability));
            var engine = session.Engine;
            var keys = session.Keys;
            var filled = session.Filled;
            var pairs = session.Arguments.Entries / Threads;
            var reads = new LatencyHistogram[Threads];
            var writes = new LatencyHistogram[Threads];
            session.IsPristine = false;
            var measured = session.Measure(Threads, (thread, run) =>
            {
                var key = new byte[KeySpace.KeyBytes];
                var value = new byte[Math.Max(keys.ValueBytes, 1)];
                var (read, write) = (reads[thread] = new LatencyHistogram(), writes[thread] = new LatencyHistogram());
                var state = KeySpace.Mix((ulong)thread + 177);
                for (var i = 0L; i < pairs && !run.TimeIsUp; i++)
                {
                    state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
                    var number = (long)((state >> 8) % (ulong)filled);
                    keys.Key(number, key);
                    keys.Value(number, value);
                    var began = System.Diagnostics.Stopwatch.GetTimestamp();
                    engine.Put(key, value.AsSpan(0, keys.ValueBytes));
                    var put = System.Diagnostics.Stopwatch.GetTimestamp();
                    write.Add(put - began);

                    state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
                    keys.Key((long)((state >> 8) % (ulong)filled), key);
                    began = System.Diagnostics.Stopwatch.GetTimestamp();
                    var length = engine.Get(key, value);
                    read.Add(System.Diagnostics.Stopwatch.GetTimestamp() - began);
                    run.Count(i + 1);
                    if (length != keys.ValueBytes) throw new InvalidOperationException($"Get under mixed load returned {length}.");
                }
            });
            var facts = engine.Facts();
            session.Emit("mixed writes", durability, Threads, measured.Side(measured.Operations, Sum(writes)), facts);
            session.Emit("mixed reads", durability, Threads, measured.Side(measured.Operations, Sum(reads)), facts);
        }
    }

    private static LatencyHistogram Sum(LatencyHistogram[] parts)
    {
        var sum = new LatencyHistogram();
        foreach (var part in parts) sum.Add(part);
        return sum;
    }
}
