using System.Globalization;
using System.Text;

namespace Hestia.Bench.Reporting;

/// <summary>Each rate as the index grows: the runs that differ in nothing but the number of entries, side by side.</summary>
internal static class ScalingSection
{
    private const string Async = "Async";

    private static readonly string[] Engines = ["hestia", "rocksdb"];

    public static void Append(StringBuilder page, IReadOnlyList<BenchRun> runs)
    {
        var family = Family(runs);
        if (family.Count < 2) return;
        var smallest = family[0];
        page.Append("## As the index grows\n\n");
        page.Append("Each rate as a share of the same engine's rate in the smallest index; peak memory of the load and of all rows.\n\n");
        page.Append("| | engine |")
            .AppendJoin('|', family.Select(r => $" {r.Arguments.Entries.ToString("N0", CultureInfo.InvariantCulture)} "));
        page.Append("|\n|---|---|").Append(string.Concat(Enumerable.Repeat("---:|", family.Count))).Append('\n');
        var rows = smallest.Summary.Where(r => r.Engine == Engines[0] && r.Durability is null or Async);
        foreach (var key in rows.Select(r => r.Key).Distinct())
        {
            if (family.Count(r => Find(r, Engines[0], key) is not null) < 2) continue;
            foreach (var engine in Engines)
            {
                if (Find(smallest, engine, key) is not { } first) continue;
                page.Append(CultureInfo.InvariantCulture, $"| {RunSection.Label(key)} | {engine} |");
                foreach (var run in family)
                {
                    var row = Find(run, engine, key);
                    page.Append(CultureInfo.InvariantCulture, $" {row?.MedianPerSecond / first.MedianPerSecond:P0} |");
                }

                page.Append('\n');
            }
        }

        foreach (var engine in Engines)
        {
            page.Append(CultureInfo.InvariantCulture, $"| peak MiB | {engine} |");
            foreach (var run in family)
            {
                var all = run.Summary.Where(r => r.Engine == engine).ToList();
                page.Append(CultureInfo.InvariantCulture, $" {(all.Count == 0 ? null : all.Max(r => r.PeakRssBytes) >> 20):N0} |");
            }

            page.Append('\n');
        }

        page.Append('\n');
    }

    /// <summary>One run for each number of entries, with the same keys, values and cache; the one with most rows where several have.</summary>
    private static List<BenchRun> Family(IReadOnlyList<BenchRun> runs) =>
    [
        .. runs
            .Where(r => r.Arguments.Workloads.Contains("fillrandom") && r.Arguments.Workloads.Contains("readrandom"))
            .GroupBy(r => (r.Arguments.Keys, r.Arguments.ValueBytes, r.Arguments.Values, r.Arguments.CacheBytes))
            .OrderByDescending(g => g.Select(r => r.Arguments.Entries).Distinct().Count())
            .Take(1)
            .SelectMany(g => g.GroupBy(r => r.Arguments.Entries).Select(same => same.MaxBy(r => r.Summary.Count)!))
            .OrderBy(r => r.Arguments.Entries),
    ];

    private static BenchSummary? Find(BenchRun run, string engine, RowKey key) =>
        run.Summary.FirstOrDefault(r => r.Engine == engine && r.Key == key);
}
