using System.Globalization;
using System.Text;

namespace Hestia.Bench.Reporting;

/// <summary>What the engine is to reach beside RocksDB, and what the results say of it. A line without its runs says that it was not measured.</summary>
internal static class TargetsSection
{
    private const string Subject = "hestia";
    private const string Peer = "rocksdb";
    private const double MiB = 1 << 20;

    private const string Small2M = "small2m";
    private const string Small10M = "small10m";

    private static readonly string[] Small = [Small2M, Small10M];

    private enum Bound
    {
        AtLeast,
        AtMost,
    }

    public static void Append(StringBuilder page, IReadOnlyList<BenchRun> runs, CmdletRates? cmdlets, string notes)
    {
        page.Append("## Targets\n\n");
        page.Append("Ratios are to RocksDB in the same round unless the line says otherwise.\n\n");
        page.Append("| target | where | wanted | measured | |\n|---|---|---:|---:|---|\n");
        foreach (var line in Lines(runs, cmdlets))
        {
            var wanted = string.Create(CultureInfo.InvariantCulture, $"{(line.Bound == Bound.AtLeast ? "at least" : "at most")} {line.Limit:0.##}{line.Unit}");
            var measured = line.Value is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value:N2}{line.Unit}") : "";
            var verdict = line.Value is not { } found ? "not measured"
                : (line.Bound == Bound.AtLeast ? found >= line.Limit : found <= line.Limit) ? "met"
                : "**missed**";
            page.Append(CultureInfo.InvariantCulture, $"| {line.Text} | {line.Where} | {wanted} | {measured} | {verdict} |\n");
        }

        page.Append('\n');
        if (notes.Length > 0) page.Append(notes.Trim()).Append("\n\n");
    }

    private static IEnumerable<Line> Lines(IReadOnlyList<BenchRun> runs, CmdletRates? cmdlets)
    {
        foreach (var run in Small) yield return Rate(runs, run, "fillrandom", "Async", 1, 3);
        foreach (var run in Small) yield return Rate(runs, run, "fillrandom", "Off", 1, 3);
        foreach (var run in Small) yield return Rate(runs, run, "fillseq", "Async", 1, 2.5);
        foreach (var run in Small) yield return Rate(runs, run, "fillseq", "Off", 1, 2);
        yield return new Line("one synced writer, share of an overwrite + fdatasync loop", "synced1", Bound.AtLeast, 0.9,
            Row(runs, "synced1", Subject, "syncpair", "Sync", 1)?.Facts.GetValueOrDefault("shareOfLoop"));
        foreach (var durability in (string[])["Sync", "GroupSync"])
            yield return Rate(runs, "synced", "fillrandom", durability, 16, 3);

        yield return Rate(runs, Small2M, "readrandom", null, 1, 2);
        yield return Rate(runs, Small10M, "readrandom", null, 1, 1.5);
        foreach (var run in Small) yield return Rate(runs, run, "readcold", null, 1, 1.5);
        foreach (var run in Small) yield return Rate(runs, run, "readmissing", null, 1, 2);
        foreach (var run in Small)
        {
            yield return new Line("2 readers by 1 reader, readrandom", run, Bound.AtLeast, 1.8,
                Row(runs, run, Subject, "readrandom", null, 2)?.MedianPerSecond / Row(runs, run, Subject, "readrandom", null, 1)?.MedianPerSecond);
        }

        foreach (var run in Small) yield return Rate(runs, run, "scan", null, 1, 2);
        foreach (var run in Small) yield return Rate(runs, run, "scanreverse", null, 1, 1.5);
        foreach (var side in (string[])["mixed writes", "mixed reads"])
        {
            yield return new Line($"p99.9 of {side}, by RocksDB's", "mixed", Bound.AtMost, 1, Share(runs, "mixed", side, "Async", r => r.P999Microseconds));
        }

        foreach (var run in (string[])[.. Small, "half", "value100", "value4k"])
        {
            yield return new Line("bytes on disk once settled, by RocksDB's", run, Bound.AtMost, 1.05,
                Share(runs, run, "fillrandom", "Async", r => r.Facts.GetValueOrDefault("settledDiskBytes")));
        }

        yield return new Line("write amplification while overwriting, log included, by RocksDB's", "overwrite", Bound.AtMost, 1,
            Share(runs, "overwrite", "overwrite", "Async", r => r.Facts.GetValueOrDefault("writeAmplificationOfLastPass")));
        foreach (var run in Small)
        {
            foreach (var durability in (string[])["Async", "Off"])
            {
                yield return new Line($"write amplification of fillrandom, {(durability == "Off" ? "no log" : "log included")}, by RocksDB's", run, Bound.AtMost, 1,
                    Share(runs, run, "fillrandom", durability, r => r.Facts.GetValueOrDefault("writeAmplification")));
            }
        }

        foreach (var run in (string[])[.. Small, "small50m", "mixed", "overwrite"])
        {
            yield return new Line("peak memory above RocksDB's", run, Bound.AtMost, 64, (Peak(runs, run, Subject) - Peak(runs, run, Peer)) / MiB, " MiB");
        }

        yield return new Line("records replayed a second", "crash", Bound.AtLeast, 1,
            Row(runs, "crash", Subject, "opencrash", null, 1)?.MedianPerSecond / 1e6, " million");
        yield return new Line("open after a clean close", Small10M, Bound.AtMost, 100,
            1e3 / Row(runs, Small10M, Subject, "open", null, 1)?.MedianPerSecond, " ms");
        foreach (var kind in (string[])["sequential", "zipf", "uniform"])
        {
            yield return new Line($"bytes a backup sends, {kind} changes, by BackupEngine's", "backup", Bound.AtMost, 1,
                Share(runs, "backup", $"backup {kind}", "Async", r => r.Facts.GetValueOrDefault("backupAmplification")));
        }

        foreach (var kind in (string[])["sequential", "zipf", "uniform"])
        {
            yield return new Line($"bytes a backup sends after a flush alone, {kind}, by bytes changed", "backup", Bound.AtMost, 1.1,
                Row(runs, "backup", Subject, $"backupflush {kind}", "Async", 1)?.Facts.GetValueOrDefault("backupAmplification"));
        }

        foreach (var rate in cmdlets?.Rates ?? [])
            yield return new Line($"{rate.Name}, by an empty cmdlet", "PowerShell", Bound.AtLeast, 0.6, rate.Ratio);
    }

    private static Line Rate(IReadOnlyList<BenchRun> runs, string run, string workload, string? durability, int threads, double limit)
    {
        var row = Row(runs, run, Subject, workload, durability, threads);
        return new Line(RunSection.Label(new RowKey(workload, durability, threads)), run, Bound.AtLeast, limit, row?.RatioToRocksDb);
    }

    private static double? Share(IReadOnlyList<BenchRun> runs, string run, string workload, string? durability, Func<BenchSummary, double?> value)
    {
        var ours = runs.FirstOrDefault(r => r.Name == run)?.Summary.FirstOrDefault(r => Is(r, Subject, workload, durability));
        var theirs = runs.FirstOrDefault(r => r.Name == run)?.Summary.FirstOrDefault(r => Is(r, Peer, workload, durability));
        return ours is null || theirs is null || value(theirs) is not > 0 ? null : value(ours) / value(theirs);
    }

    private static double? Peak(IReadOnlyList<BenchRun> runs, string run, string engine)
    {
        var rows = runs.FirstOrDefault(r => r.Name == run)?.Summary.Where(r => r.Engine == engine).ToList();
        return rows is null or [] ? null : rows.Max(r => r.PeakRssBytes);
    }

    private static BenchSummary? Row(IReadOnlyList<BenchRun> runs, string run, string engine, string workload, string? durability, int threads) =>
        runs.FirstOrDefault(r => r.Name == run)?.Summary.FirstOrDefault(r => Is(r, engine, workload, durability) && r.Threads == threads);

    private static bool Is(BenchSummary row, string engine, string workload, string? durability) =>
        row.Engine == engine && row.Workload == workload && row.Durability == durability;

    private sealed record Line(string Text, string Where, Bound Bound, double Limit, double? Value, string Unit = "");
}
