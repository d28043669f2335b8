using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>
/// backup: bytes that the next backup adds to its folder for each logical byte changed, when a sixteenth of the entries was changed one
/// after the other, by Zipf or uniformly, in four flushes, and compaction has settled. backupflush: the same after one flush and with
/// compaction off. Counted in bytes added; engines without backups of their own have no row.
/// </summary>
internal static class BackupWorkload
{
    private const int Share = 16;
    private const int FlushesWithCompaction = 4;
    private const double ZipfSkew = 0.99;

    private static readonly string[] Kinds = ["sequential", "zipf", "uniform"];

    public static void Run(BenchSession session, string workload)
    {
        var compaction = workload == "backup";
        var settings = session.Settings(session.Arguments.Durabilities[0]) with { Compaction = compaction };
        session.EnsureFilled(settings, random: false);
        session.IsPristine = false;
        var path = Path.Combine(session.Folder, workload);
        using var backups = session.Engine.OpenBackups(path);
        if (backups is null) return;

        Backup("full", session.LogicalBytes, flushes: 0);
        foreach (var kind in Kinds)
        {
            var flushes = compaction ? FlushesWithCompaction : 1;
            Backup(kind, Change(session, kind, flushes) * session.Keys.EntryBytes, flushes);
        }

        void Backup(string kind, long changedBytes, int flushes)
        {
            if (compaction) session.Engine.Settle();
            var before = ProcessUsage.DirectoryBytes(path);
            var sent = 0L;
            var measured = Measurement.Of(TimeSpan.MaxValue, 1, (_, run) =>
            {
                backups.Backup();
                sent = ProcessUsage.DirectoryBytes(path) - before;
                run.Count(sent);
            });
            var facts = new Dictionary<string, double>
            {
                ["changedBytes"] = changedBytes,
                ["sentBytes"] = sent,
                ["flushes"] = flushes,
                ["backupAmplification"] = (double)sent / changedBytes,
            };
            session.Emit($"{workload} {kind}", session.Arguments.Durabilities[0], 1, measured, facts);
        }
    }

    /// <summary>Puts new values and returns how many entries differ now.</summary>
    private static long Change(BenchSession session, string kind, int flushes)
    {
        var filled = session.Filled;
        var changes = filled / Share;
        var changed = new HashSet<long>();
        var zipf = new ZipfNumbers(filled, ZipfSkew);
        var state = KeySpace.Mix(4711);
        var key = new byte[KeySpace.KeyBytes];
        var value = new byte[session.Keys.ValueBytes];
        for (var i = 0L; i < changes; i++)
        {
            state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
            var number = kind switch
            {
                "sequential" => filled / 4 + i,
                "zipf" => session.Scatter(zipf.Next(state)),
                _ => (long)((state >> 8) % (ulong)filled),
            };
            changed.Add(number);
            session.Keys.Key(number, key);
            session.Keys.Value(number + filled, value);
            session.Engine.Put(key, value);
            if ((i + 1) * flushes / changes > i * flushes / changes) session.Engine.Flush();
        }

        return changed.Count;
    }
}
