using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>
/// overwrite: passes of as many uniform overwrites as there are entries, until what a pass writes per logical byte has become steady. The
/// row is the last pass; its facts are write amplification, and space amplification once all is settled.
/// </summary>
internal static class OverwriteWorkload
{
    private const int FewestPasses = 3;
    private const int MostPasses = 8;
    private const double Steady = 0.05;

    public static void Run(BenchSession session)
    {
        foreach (var durability in session.Arguments.Durabilities)
        {
            session.EnsureFilled(session.Settings(durability));
            session.IsPristine = false;
            Overwrite(session, durability);
        }
    }

    private static void Overwrite(BenchSession session, Durability durability)
    {
        var before = ProcessUsage.WrittenBytes();
        var logical = 0L;
        var last = 0.0;
        for (var pass = 1; ; pass++)
        {
            var measured = Pass(session, pass);
            var bytes = measured.Operations * session.Keys.EntryBytes;
            logical += bytes;
            var amplification = (double)(measured.WrittenBytes ?? 0) / bytes;
            var steady = pass >= FewestPasses && Math.Abs(amplification - last) <= Steady * last;
            last = amplification;
            if (!steady && pass < MostPasses) continue;

            var facts = new Dictionary<string, double>(session.Engine.Facts())
            {
                ["passes"] = pass,
                ["writeAmplificationOfLastPass"] = amplification,
            };
            var disk = ProcessUsage.DirectoryBytes(session.IndexPath);
            session.Engine.Flush();
            session.Engine.Settle();
            if (ProcessUsage.WrittenBytes() - before is { } written) facts["writeAmplification"] = (double)written / logical;
            session.Engine.DropRetired();
            var settled = ProcessUsage.DirectoryBytes(session.IndexPath);
            facts["settledDiskBytes"] = settled;
            facts["spaceAmplification"] = (double)settled / session.LogicalBytes;
            session.Emit("overwrite", durability, 1, measured, facts, disk);
            return;
        }
    }

    private static Measurement Pass(BenchSession session, int pass)
    {
        var keys = session.Keys;
        return session.Measure(1, (_, run) =>
        {
            var key = new byte[KeySpace.KeyBytes];
            var value = new byte[keys.ValueBytes];
            var state = KeySpace.Mix((ulong)pass);
            for (var i = 0L; i < session.Filled && !run.TimeIsUp; i++)
            {
                state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
                var number = (long)((state >> 8) % (ulong)session.Filled);
                keys.Key(number, key);
                keys.Value(number, value);
                run.Begin();
                session.Engine.Put(key, value);
                run.End();
            }
        });
    }
}
