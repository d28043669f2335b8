using System.Globalization;
using System.Text;
using Hestia.Bench.Repositories;

namespace Hestia.Bench.Reporting;

/// <summary>What the page says of repositories: a table for each size, and what was aimed at.</summary>
internal static class RepositorySection
{
    private const double MiB = 1 << 20;
    private const double GiB = 1 << 30;
    private const string Subject = "hestia";
    private const long MostMemory = 256L << 20;

    private const string Heading = "## Backup, restore and verification";

    private const string Method = $"""
        {Heading}

        `pwsh ./build.ps1 -Task Bench repository` measures this. All tools have the same files on the same disk: an index of segments of random values, which
        no tool gains by compressing. They take turns, every other round in the opposite order; the disk is settled (`sync`) before each time that is
        taken, and the source is in the page cache for all. A figure is the median over the rounds, in brackets the lowest and the highest.

        - `backup`: all of it to an empty repository. `cp -r` and `rsync -a` are followed by a `sync` that belongs to their time, as Hestia and restic sync
          what they wrote. Hestia's time is that of opening repository and index, of the backup and of closing, hashing included; the programs' is from
          start to end.
        - `restore`: to a new folder; Hestia's has verified every byte against its hash and checked every segment before the folder is there.
        - `verify`: every byte read and hashed (`Test-HestiaBackup -Deep`, `restic check --read-data`), beside SHA-256 of as many bytes out of the
          processor's caches on all cores. Hestia's is a rate: a sample of 5 % was verified in the same process before.
        - `increment`: the next backup after 1 % of new entries. `nothing`: the next backup of an index of many small segments with nothing new,
          while it is open, and by path while it is closed.
        - `s3`: the same as `backup` to Ceph's radosgw in memory on the same machine, beside an upload of the same files in the same parts, as many at
          once, with the SDK alone: no hash of the content, and no check of what came back. Server and client share the processor.
        - Peak is the largest resident size of Hestia's process, the .NET runtime included.


        """;

    private static readonly Aim[] Aims =
    [
        new("backup", "`cp -r` and `sync`", "cp", 1.3, AtMost: true),
        new("restore", "`cp -r` and `sync`", "cp", 1.5, AtMost: true),
        new("increment", "restic", "restic", 0.2, AtMost: true),
        new("verify", "the rate of SHA-256", "sha256 on all cores", 0.8, AtMost: false),
        new("s3", "the rate of a bare multipart upload", "bare multipart upload", 0.8, AtMost: false),
    ];

    /// <summary>A share of another's time to stay under, or of its rate to reach.</summary>
    private sealed record Aim(string Step, string Of, string Tool, double Share, bool AtMost);

    /// <summary>Puts the section at the end of a page in place of the one that is there; the rest of the page stays.</summary>
    public static int Replace(string path, RepositoryResults results)
    {
        var page = File.Exists(path) ? File.ReadAllText(path) : "# Benchmarks\n\n";
        var old = page.IndexOf(Heading, StringComparison.Ordinal);
        File.WriteAllText(path, (old < 0 ? page.TrimEnd() + "\n\n" : page[..old]) + Make(results));
        Console.WriteLine($"written: {path}");
        return 0;
    }

    public static string Make(RepositoryResults results)
    {
        var page = new StringBuilder(Method);
        page.Append(CultureInfo.InvariantCulture, $"Measured {results.Time:yyyy-MM-dd}, {results.Machine.Processor}, {results.Machine.Cores} cores, ");
        page.Append(CultureInfo.InvariantCulture, $"{results.Machine.FileSystem}, {results.Machine.Runtime}");
        foreach (var (_, version) in results.Versions) page.Append(CultureInfo.InvariantCulture, $"; {version}");
        page.Append(".\n\n");
        foreach (var size in results.Rows.Where(static r => r.Step != "nothing").Select(static r => r.Size).Distinct().Order())
        {
            page.Append(CultureInfo.InvariantCulture, $"### {size / GiB:0.##} GiB\n\n");
            AppendTable(page, [.. results.Rows.Where(r => r.Size == size && r.Step != "nothing")]);
            AppendAims(page, [.. results.Rows.Where(r => r.Size == size && r.Step != "nothing")]);
        }

        foreach (var segments in results.Rows.Where(static r => r.Step == "nothing").Select(static r => r.Size).Distinct().Order())
        {
            page.Append(CultureInfo.InvariantCulture, $"### Nothing new, {segments:N0} segments\n\n");
            var rows = results.Rows.Where(r => r.Size == segments && r.Step == "nothing").ToList();
            AppendTable(page, rows);
            var seconds = Median(rows, "nothing", Subject);
            page.Append(CultureInfo.InvariantCulture, $"Aimed at: under 0.3 s. Reached: {seconds:F3} s{Verdict(seconds < 0.3)}.\n\n");
        }

        return page.ToString();
    }

    private static void AppendTable(StringBuilder page, List<RepositoryRow> rows)
    {
        page.Append("| | | seconds | MiB/s | peak MiB |\n|---|---|---:|---:|---:|\n");
        foreach (var group in rows.GroupBy(static r => (r.Step, r.Tool)))
        {
            var seconds = group.Select(static r => r.Seconds).Order().ToList();
            var median = seconds[seconds.Count / 2];
            var peak = group.Max(static r => r.PeakBytes);
            page.Append(CultureInfo.InvariantCulture,
                $"| `{group.Key.Step}` | {group.Key.Tool} | {median:F2} ({seconds[0]:F2} to {seconds[^1]:F2}) | {group.First().Bytes / median / MiB:N0} | ");
            page.Append(peak is null ? "|\n" : string.Create(CultureInfo.InvariantCulture, $"{peak / MiB:N0} |\n"));
        }

        page.Append('\n');
    }

    private static void AppendAims(StringBuilder page, List<RepositoryRow> rows)
    {
        page.Append("| | aimed at | reached | |\n|---|---|---:|---|\n");
        foreach (var aim in Aims)
        {
            var (own, other) = (Median(rows, aim.Step, Subject), Median(rows, aim.Step, aim.Tool));
            if (double.IsNaN(own) || double.IsNaN(other)) continue;
            var share = aim.AtMost ? own / other : other / own;
            page.Append(CultureInfo.InvariantCulture,
                $"| `{aim.Step}` | {(aim.AtMost ? "at most" : "at least")} {aim.Share:0.##} of {aim.Of} | {share:F2} |");
            page.Append(CultureInfo.InvariantCulture, $"{Verdict(aim.AtMost ? share <= aim.Share : share >= aim.Share)} |\n");
        }

        var peak = rows.Where(static r => r.Tool.StartsWith(Subject, StringComparison.Ordinal)).Max(static r => r.PeakBytes ?? 0);
        page.Append(CultureInfo.InvariantCulture, $"| memory | under 256 MiB | {peak / MiB:N0} MiB |{Verdict(peak < MostMemory)} |\n\n");
    }

    private static double Median(List<RepositoryRow> rows, string step, string tool)
    {
        var seconds = rows.Where(r => r.Step == step && r.Tool == tool).Select(static r => r.Seconds).Order().ToList();
        return seconds.Count == 0 ? double.NaN : seconds[seconds.Count / 2];
    }

    private static string Verdict(bool reached) => reached ? "" : " missed";
}
