using System.Diagnostics;
using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>fillrandom, fillseq: load time includes the final flush: writes that only wait in memory are not done yet.</summary>
internal static class FillWorkload
{
    public static void Run(BenchSession session, string workload)
    {
        foreach (var durability in session.Arguments.Durabilities)
        {
            foreach (var writers in session.Arguments.Writers)
            {
                session.CreateEmpty(workload == "fillrandom", session.Settings(durability));
                Fill(session, workload, durability, writers);
            }
        }
    }

    public static void Fill(BenchSession session, string workload, Durability durability, int writers)
    {
        var engine = session.Engine;
        var keys = session.Keys;
        var entries = session.Arguments.Entries;
        var before = ProcessUsage.WrittenBytes();
        var measured = session.Measure(writers, (writer, run) =>
        {
            var key = new byte[KeySpace.KeyBytes];
            var value = new byte[keys.ValueBytes];
            for (var i = (long)writer; i < entries && !run.TimeIsUp; i += writers)
            {
                keys.Key(i, key);
                keys.Value(i, value);
                run.Begin();
                engine.Put(key, value);
                run.End();
            }
        }, engine.Flush);
        // Writers that the clock stopped leave gaps: only a full index is one that others may read.
        session.Filled = measured.Operations == entries ? entries : 0;
        var peak = ProcessUsage.PeakBytes();
        var disk = ProcessUsage.DirectoryBytes(session.IndexPath);
        var facts = new Dictionary<string, double>(engine.Facts()) { ["peakLoadBytes"] = peak };
        if (session.Arguments.Settle)
        {
            var settling = Stopwatch.GetTimestamp();
            engine.Settle();
            facts["settleSeconds"] = Stopwatch.GetElapsedTime(settling).TotalSeconds;
            var logical = measured.Operations * keys.EntryBytes;
            if (ProcessUsage.WrittenBytes() - before is { } written && logical > 0) facts["writeAmplification"] = (double)written / logical;
            engine.DropRetired();
            facts["settledDiskBytes"] = ProcessUsage.DirectoryBytes(session.IndexPath);
        }

        session.Emit(workload, durability, writers, measured, facts, disk);
    }
}
