namespace Hestia.Bench.Reporting;

/// <summary>Medians over rounds.</summary>
internal static class Summary
{
    private const string Peer = "rocksdb";

    /// <summary>One row per engine, workload, durability and number of threads, in the order in which they first ran.</summary>
    public static List<BenchSummary> Of(IReadOnlyList<BenchResult> rows)
    {
        var measured = rows.Where(r => r.Failure is null && r.Absence is null).ToList();
        var summary = new List<BenchSummary>();
        foreach (var group in measured.GroupBy(r => (r.Engine, r.Workload, r.Durability, r.Threads)))
        {
            var all = group.ToList();
            var rates = all.Select(r => r.PerSecond).ToList();
            summary.Add(new BenchSummary
            {
                Engine = group.Key.Engine,
                Workload = group.Key.Workload,
                Durability = group.Key.Durability,
                Threads = group.Key.Threads,
                Rounds = all.Select(r => r.Round).Distinct().Count(),
                MedianPerSecond = Median(rates)!.Value,
                LowestPerSecond = rates.Min(),
                HighestPerSecond = rates.Max(),
                RatioToRocksDb = group.Key.Engine == Peer ? 1 : Ratio(all, measured, r => r.Engine == Peer && IsSameRow(r, all[0])),
                RatioToReference = all[0].Durability is null ? null : Ratio(all, measured, r => r.Beside == all[0].Engine),
                P50Microseconds = Median(all, r => r.P50Microseconds),
                P99Microseconds = Median(all, r => r.P99Microseconds),
                P999Microseconds = Median(all, r => r.P999Microseconds),
                MaxMicroseconds = Median(all, r => r.MaxMicroseconds),
                PeakRssBytes = all.Max(r => r.PeakRssBytes),
                DiskBytes = Median(all, r => r.DiskBytes)!.Value,
                Facts = Facts(all),
            });
        }

        return summary;
    }

    public static double? Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        if (sorted.Length == 0) return null;
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static double? Median(List<BenchResult> rows, Func<BenchResult, double?> value) =>
        Median(rows.Select(value).Where(v => v is not null).Select(v => v!.Value));

    /// <summary>Each round against the same round, so that a machine that slows down meanwhile slows both sides.</summary>
    private static double? Ratio(List<BenchResult> rows, List<BenchResult> all, Func<BenchResult, bool> isPeer)
    {
        var ratios = new List<double>();
        foreach (var round in rows.GroupBy(r => r.Round))
        {
            var peer = Median(all.Where(r => r.Round == round.Key && isPeer(r)).Select(r => r.PerSecond));
            if (peer > 0) ratios.Add(Median(round.Select(r => r.PerSecond))!.Value / peer.Value);
        }

        return Median(ratios);
    }

    private static bool IsSameRow(BenchResult one, BenchResult other) =>
        one.Workload == other.Workload && one.Durability == other.Durability && one.Threads == other.Threads;

    private static Dictionary<string, double> Facts(List<BenchResult> rows)
    {
        var facts = new Dictionary<string, double>();
        foreach (var name in rows.SelectMany(r => r.Facts?.Keys ?? []).Distinct())
            facts[name] = Median(rows.Where(r => r.Facts?.ContainsKey(name) == true).Select(r => r.Facts![name]))!.Value;
        return facts;
    }
}
