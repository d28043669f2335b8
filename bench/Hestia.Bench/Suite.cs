using System.Globalization;
using Hestia.Bench.Reporting;

namespace Hestia.Bench;

/// <summary>The runs that docs/benchmarks.md shows, one after the other into one file.</summary>
internal static class Suite
{
    private const int QuickRounds = 2;
    private const double QuickSeconds = 1;
    private const long QuickShare = 100;
    private const long FewestQuickEntries = 20_000;

    private const string Both = "hestia,rocksdb";
    private const string Everyone = "hestia,rocksdb,leveldb,sqlite";
    private const string Reads = "readrandom,readmissing,readcold";
    private const string Scans = "scan,scanreverse,scanrange,scanrangereverse";

    private static readonly Plan[] Plans =
    [
        new("peers", "All engines", Everyone, 1_000_000, 5,
            $"--durability Async,Off --readers 1,2 --seconds 60 --workloads fillseq,fillrandom,{Reads},{Scans},open"),
        new("small2m", "Small entries", Both, 2_000_000, 5,
            $"--durability Async --readers 1,2 --seconds 0 --workloads fillrandom,{Reads},{Scans}"),
        new("small10m", "Small entries", Both, 10_000_000, 5,
            $"--durability Async,Off --readers 1,2 --seconds 0 --workloads fillseq,fillrandom,{Reads},{Scans},open"),
        new("writers", "Several writers", Both, 2_000_000, 5,
            "--durability Async,Off --writers 1,4,16 --seconds 0 --workloads fillrandom,fillseq"),
        new("synced1", "One synced writer", Everyone, 2_000_000, 5,
            "--durability Sync,GroupSync --writers 1 --seconds 8 --settle no --workloads syncpair,fillrandom,fillseq"),
        new("synced", "4 and 16 synced writers", Everyone, 2_000_000, 5,
            "--durability Sync,GroupSync --writers 4,16 --seconds 8 --settle no --workloads fillrandom,fillseq"),
        new("mixed", "Puts and gets in turns", Both, 10_000_000, 5, "--durability Async --seconds 0 --workloads mixed"),
        new("overwrite", "Overwriting until steady", Both, 5_000_000, 5,
            "--durability Async --seconds 0 --workloads overwrite"),
        new("crash", "Open after a crash", Both, 1_000_000, 5, "--seconds 0 --crash-records 1000000 --workloads opencrash"),
        new("half", "Small entries, values half random", Both, 5_000_000, 5,
            "--values half --durability Async --seconds 0 --workloads fillrandom,readrandom,scan"),
        new("value100", "16-byte keys and 100-byte values, half random", Both, 5_000_000, 5,
            $"--profile value100 --durability Async --seconds 0 --workloads fillrandom,readrandom,readcold,scan,scanreverse"),
        new("value4k", "16-byte keys and 4-KiB values, half random", Both, 500_000, 5,
            $"--profile value4k --durability Async --seconds 0 --workloads fillrandom,readrandom,readcold,scan,scanreverse"),
        new("backup", "Incremental backups", Both, 2_000_000, 5, "--durability Async --workloads backup,backupflush"),
        new("small50m", "Small entries", Both, 50_000_000, 5,
            "--durability Async --readers 1 --seconds 0 --workloads fillrandom,readrandom,readmissing,readcold,scan"),
    ];

    public static int Run(ReadOnlySpan<string> options)
    {
        var (scale, only, workloads, engines, rounds, folder, json) = ("full", "", "", "", "", Path.GetTempPath(), "");
        for (var i = 0; i + 1 < options.Length; i += 2)
        {
            switch (options[i])
            {
                case "--scale": scale = options[i + 1]; break;
                case "--only": only = options[i + 1]; break;
                case "--workloads": workloads = options[i + 1]; break;
                case "--engine": engines = options[i + 1]; break;
                case "--rounds": rounds = options[i + 1]; break;
                case "--folder": folder = options[i + 1]; break;
                case "--json": json = options[i + 1]; break;
                default: return Refuse($"'{options[i]}' is no option of suite.");
            }
        }

        if (options.Length % 2 == 1) return Refuse($"{options[^1]} needs a value.");
        if (scale is not ("full" or "quick")) return Refuse("--scale is full or quick.");
        if (json.Length == 0) return Refuse("suite needs --json, the file to write.");
        var names = only.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var name in names)
        {
            if (!Array.Exists(Plans, p => p.Name == name)) return Refuse($"--only knows {string.Join(", ", Plans.Select(p => p.Name))}.");
        }

        var runs = new List<BenchRun>();
        foreach (var plan in Plans)
        {
            if (names.Length > 0 && !names.Contains(plan.Name)) continue;
            var arguments = plan.Arguments(scale == "quick", rounds, folder);
            // The last one counts.
            if (workloads.Length > 0) arguments = [.. arguments, "--workloads", workloads];
            if (engines.Length > 0) arguments = [.. arguments, "--engine", engines];
            var parsed = BenchArguments.Parse(arguments, out var problem);
            if (parsed is null) return Refuse(problem!);
            Console.WriteLine($"\n== {plan.Title}: {string.Join(' ', arguments)}");
            runs.Add(Coordinator.Measure(plan.Name, plan.Title, parsed, arguments));
            // After each run: whoever ends a long suite early keeps what it has.
            ResultFile.Write(Path.GetFullPath(json), new ResultDocument(DateTimeOffset.UtcNow, MachineDescription.OfThis(folder), runs));
        }

        Console.WriteLine($"\nwritten: {Path.GetFullPath(json)}");
        return runs.Exists(r => r.Results.Any(row => row.Failure is not null)) ? 1 : 0;
    }

    /// <summary>Where a run belongs on the page; what is none of the suite's comes last.</summary>
    public static int OrderOf(string name) => Array.FindIndex(Plans, p => p.Name == name) is >= 0 and var at ? at : Plans.Length;

    /// <summary>What a run is about, for people; its name if it is none of the suite's.</summary>
    public static string TitleOf(string name) => Array.Find(Plans, p => p.Name == name)?.Title ?? name;

    private static int Refuse(string reason)
    {
        Console.Error.WriteLine(reason);
        return 2;
    }

    private sealed record Plan(string Name, string Title, string Engines, long Entries, int Rounds, string Options)
    {
        /// <summary>Quick has a share of the entries and short rows: it shows that everything works, not how fast.</summary>
        public string[] Arguments(bool quick, string rounds, string folder)
        {
            var entries = quick ? Math.Max(Entries / QuickShare, FewestQuickEntries) : Entries;
            var roundsText = rounds.Length > 0 ? rounds : (quick ? QuickRounds : Rounds).ToString(CultureInfo.InvariantCulture);
            string[] all =
            [
                "--engine", Engines, "--entries", entries.ToString(CultureInfo.InvariantCulture), "--rounds", roundsText,
                "--name", Name, .. Options.Split(' '),
                .. quick
                    ? ["--seconds", QuickSeconds.ToString(CultureInfo.InvariantCulture), "--crash-records", "100000"]
                    : Array.Empty<string>(),
            ];
            return Path.GetFullPath(folder) == Path.GetFullPath(Path.GetTempPath()) ? all : [.. all, "--folder", folder];
        }
    }
}
