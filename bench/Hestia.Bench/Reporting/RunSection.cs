using System.Globalization;
using System.Text;

namespace Hestia.Bench.Reporting;

/// <summary>One run on the page: its command, a chart of the ratios, tables.</summary>
internal static class RunSection
{
    private const string Subject = "hestia";
    private const string Peer = "rocksdb";
    private const double MiB = 1 << 20;

    /// <summary>Facts with a column of their own where a row has them, and how they are written.</summary>
    private static readonly (string Fact, string Title, double Unit, string Format)[] FactColumns =
    [
        ("level0Segments", "level-0 files", 1, "N0"),
        ("compactionDebtBytes", "debt MiB", MiB, "N0"),
        ("writeStallSeconds", "stalled s", 1, "F2"),
        ("settleSeconds", "settled after s", 1, "F1"),
        ("settledDiskBytes", "settled MiB", MiB, "N1"),
        ("writeAmplification", "write amplification", 1, "F2"),
        ("spaceAmplification", "space amplification", 1, "F2"),
        ("passes", "passes", 1, "N0"),
        ("shareOfLoop", "share of the loop", 1, "F2"),
        ("firstGetSeconds", "first get ms", 1e-3, "F2"),
        ("changedBytes", "changed MiB", MiB, "N1"),
        ("sentBytes", "sent MiB", MiB, "N1"),
    ];

    public static void Append(StringBuilder page, BenchRun run, string chartFolder)
    {
        page.Append(CultureInfo.InvariantCulture, $"## {Title(run)}\n\n`run {run.Command}`\n\n");
        page.Append(CultureInfo.InvariantCulture, $"Cache {run.Arguments.CacheBytes / MiB:N0} MiB, {RoundsOf(run)}.");
        if (run.Arguments.Seconds > 0)
            page.Append(CultureInfo.InvariantCulture, $" A row ends after {run.Arguments.Seconds:N0} s even if not done.");
        page.Append("\n\n");
        foreach (var failure in run.Results.Where(r => r.Failure is not null))
            page.Append(CultureInfo.InvariantCulture, $"Round {failure.Round} of {failure.Engine} failed: {failure.Failure}.\n\n");
        foreach (var absent in run.Results.Where(r => r.Absence is not null).Select(r => (r.Engine, r.Absence)).Distinct())
            page.Append(CultureInfo.InvariantCulture, $"{absent.Engine}: {absent.Absence}.\n\n");
        AppendChart(page, run, chartFolder);
        AppendRates(page, run);
        AppendReferenceRatios(page, run);
        AppendDetails(page, run);
    }

    /// <summary>What stands for the row: bytes sent per byte changed for backups, the rate for all others.</summary>
    public static double Figure(BenchSummary row) => row.Facts.TryGetValue("backupAmplification", out var amplification)
        ? amplification
        : row.MedianPerSecond;

    private static string RoundsOf(BenchRun run)
    {
        if (run.Summary.Count == 0) return "no rounds";
        var (fewest, most) = (run.Summary.Min(s => s.Rounds), run.Summary.Max(s => s.Rounds));
        return string.Create(CultureInfo.InvariantCulture, $"{(fewest == most ? "" : $"{fewest} to ")}{most} {(most == 1 ? "round" : "rounds")}");
    }

    private static string Title(BenchRun run) =>
        string.Create(CultureInfo.InvariantCulture, $"{run.Title}, {run.Arguments.Entries:N0} entries");

    private static bool IsAmplification(BenchSummary row) => row.Facts.ContainsKey("backupAmplification");

    /// <summary>Above 1 is better than the peer, whichever way the figure goes.</summary>
    private static double? Ratio(BenchSummary row, IReadOnlyList<BenchSummary> all)
    {
        if (!IsAmplification(row)) return row.RatioToRocksDb;
        var peer = all.FirstOrDefault(r => r.Engine == Peer && r.Key == row.Key);
        return peer is null ? null : Figure(peer) / Figure(row);
    }

    private static void AppendChart(StringBuilder page, BenchRun run, string chartFolder)
    {
        var bars = new List<Bar>();
        foreach (var row in run.Summary.Where(r => r.Engine == Subject))
        {
            if (Ratio(row, run.Summary) is { } ratio) bars.Add(new Bar(Label(row.Key), ratio));
        }

        if (bars.Count == 0) return;
        var title = $"{Title(run)}: {Subject} / {Peer} (above 1 is better)";
        File.WriteAllText(Path.Combine(chartFolder, $"{run.Name}.svg"), SvgBarChart.Make(title, bars));
        page.Append(CultureInfo.InvariantCulture, $"![{title}]({Path.GetFileName(chartFolder)}/{run.Name}.svg)\n\n");
    }

    public static string Label(RowKey key) =>
        key.Workload + (key.Durability is null ? "" : $" {key.Durability}") + (key.Threads > 1 ? $", {key.Threads} threads" : "");

    private static void AppendRates(StringBuilder page, BenchRun run)
    {
        var engines = run.Summary.Select(r => r.Engine).Distinct().ToList();
        var others = engines.Where(e => e != Peer && e != "reference").ToList();
        var ratios = engines.Contains(Peer) ? others : [];
        page.Append("| per second |").AppendJoin('|', engines.Select(e => $" {e} ")).Append('|');
        foreach (var engine in ratios) page.Append(CultureInfo.InvariantCulture, $" {engine}/{Peer} |");
        page.Append("\n|---|").Append(string.Concat(Enumerable.Repeat("---:|", engines.Count + ratios.Count))).Append('\n');
        foreach (var key in run.Summary.Select(r => r.Key).Distinct())
        {
            page.Append(CultureInfo.InvariantCulture, $"| {Label(key)} |");
            foreach (var engine in engines)
            {
                var row = run.Summary.FirstOrDefault(r => r.Engine == engine && r.Key == key);
                page.Append(CultureInfo.InvariantCulture, $" {(row is null ? "" : Cell(row))} |");
            }

            foreach (var engine in ratios)
            {
                var row = run.Summary.FirstOrDefault(r => r.Engine == engine && r.Key == key);
                var ratio = row is null ? null : Ratio(row, run.Summary);
                page.Append(ratio is null ? " |" : string.Create(CultureInfo.InvariantCulture, $" {ratio:F2} |"));
            }

            page.Append('\n');
        }

        page.Append('\n');
    }

    /// <summary>What each writer reaches of the plain loop of writes and syncs that ran around it.</summary>
    private static void AppendReferenceRatios(StringBuilder page, BenchRun run)
    {
        var rows = run.Summary.Where(r => r.RatioToReference is not null).ToList();
        if (rows.Count == 0) return;
        var engines = rows.Select(r => r.Engine).Distinct().ToList();
        page.Append("| by the reference loop |").AppendJoin('|', engines.Select(e => $" {e} ")).Append("|\n|---|");
        page.Append(string.Concat(Enumerable.Repeat("---:|", engines.Count))).Append('\n');
        foreach (var key in rows.Select(r => r.Key).Distinct())
        {
            page.Append(CultureInfo.InvariantCulture, $"| {Label(key)} |");
            foreach (var engine in engines)
            {
                var row = rows.Find(r => r.Engine == engine && r.Key == key);
                page.Append(CultureInfo.InvariantCulture, $" {row?.RatioToReference:F2} |");
            }

            page.Append('\n');
        }

        page.Append('\n');
    }

    private static string Cell(BenchSummary row)
    {
        if (IsAmplification(row)) return string.Create(CultureInfo.InvariantCulture, $"{Figure(row):F2} sent/changed");
        return row.Workload == "open"
            ? string.Create(CultureInfo.InvariantCulture,
                $"{1e3 / row.MedianPerSecond:F2} ms ({1e3 / row.HighestPerSecond:F2} to {1e3 / row.LowestPerSecond:F2})")
            : string.Create(
                CultureInfo.InvariantCulture, $"{row.MedianPerSecond:N0} ({row.LowestPerSecond:N0} to {row.HighestPerSecond:N0})");
    }

    private static void AppendDetails(StringBuilder page, BenchRun run)
    {
        var columns = FactColumns.Where(c => run.Summary.Any(r => r.Facts.ContainsKey(c.Fact))).ToList();
        page.Append("| | engine | rounds | p50 us | p99 us | p99.9 us | max us | peak MiB | disk MiB |");
        foreach (var column in columns) page.Append(CultureInfo.InvariantCulture, $" {column.Title} |");
        page.Append("\n|---|---|").Append(string.Concat(Enumerable.Repeat("---:|", 7 + columns.Count))).Append('\n');
        foreach (var key in run.Summary.Select(r => r.Key).Distinct())
        {
            foreach (var row in run.Summary.Where(r => r.Key == key))
            {
                page.Append(CultureInfo.InvariantCulture,
                    $"| {Label(key)} | {row.Engine} | {row.Rounds} | {row.P50Microseconds:F1} | {row.P99Microseconds:F1} | {row.P999Microseconds:F1} | ");
                page.Append(
                    CultureInfo.InvariantCulture, $"{row.MaxMicroseconds:F0} | {row.PeakRssBytes / MiB:N0} | {row.DiskBytes / MiB:N1} |");
                foreach (var column in columns)
                {
                    page.Append(row.Facts.TryGetValue(column.Fact, out var value)
                        ? $" {(value / column.Unit).ToString(column.Format, CultureInfo.InvariantCulture)} |"
                        : " |");
                }

                page.Append('\n');
            }
        }

        page.Append('\n');
    }
}
