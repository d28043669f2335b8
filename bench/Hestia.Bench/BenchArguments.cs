using System.Globalization;
using Hestia.Bench.Engines;
using Hestia.Bench.Workloads;
using Hestia.Core;

namespace Hestia.Bench;

/// <summary>What to measure. Every list is a comma-separated option; each combination that makes sense becomes one row.</summary>
internal sealed record BenchArguments
{
    public const string Usage = """
        Hestia.Bench run [options]      measures
        Hestia.Bench suite [options]    measures everything docs/benchmarks.md shows
        Hestia.Bench report [options]   makes the page and its charts from result files

        run:
          --engine LIST        hestia, rocksdb, leveldb, sqlite                    default hestia
          --workloads LIST     fillrandom, fillseq, readrandom, readmissing, readcold, scan, scanreverse, scanrange, scanrangereverse,
                               mixed, overwrite, open, opencrash, backup, backupflush, syncloop, syncpair, lifecycle
                               default fillrandom,fillseq,readrandom,readmissing,scan,scanreverse
                               lifecycle loads, flushes, scans back, backs up, restores and scans what was restored
          --entries N          entries in the index                                default 1000000
          --durability LIST    Off, Async, GroupSync, Sync (of what is written)    default Async
          --writers LIST       threads that fill                                   default 1
          --readers LIST       threads that get                                    default 1
          --cache BYTES        block cache (readcold: a tenth of the data)         default 268435456
          --keys KIND          hex (16 hex digits) or binary (16 bytes)            default hex
          --value-bytes N      bytes of a value                                    default 23
          --values KIND        constant, half (half of it random) or random        default constant
          --profile NAME       small (hex, 23), value100 or value4k (binary keys; 100 or 4096 bytes, half of them random)
          --reads N            gets of a row that reads                            default as many as entries
          --miss PERCENT       gets of readrandom that find nothing                default 20
          --crash-records N    records in the log of opencrash                     default 1000000
          --settle yes|no      wait for compaction to end before reads, measure the disk after that too    default yes
          --seconds N          a row ends after so long even if not done; 0 never  default 60
          --rounds N           each engine this often, alternating                 default 1
          --folder PATH        where the index is made                             default the temporary folder
          --name NAME          what the run is called in the file                  default run
          --json FILE          machine, arguments, every row and the medians

        suite:
          --scale KIND         full, or quick for a few minutes and figures that mean little    default full
          --only LIST          only these of its runs
          --workloads LIST, --engine LIST, --rounds N
                               instead of what each run says; so a long run can be measured in pieces, each into a file of its own
          --folder PATH, --json FILE

        report:
          --json LIST          result files; the rounds of a run that several have are put together
          --powershell FILE    what bench/Measure-PowerShell.ps1 wrote
          --notes FILE         Markdown that goes under the targets: what bounds those that are missed
          --output FILE        the page; charts go into a folder of its name beside it
        """;

    private static readonly string[] KnownEngines = EngineFactory.Names;

    private static readonly string[] KnownWorkloads = WorkloadRunner.Names;

    public IReadOnlyList<string> Engines { get; private set; } = ["hestia"];

    public IReadOnlyList<string> Workloads { get; private set; } = WorkloadRunner.Default;

    public long Entries { get; private set; } = 1_000_000;

    public IReadOnlyList<Durability> Durabilities { get; private set; } = [Durability.Async];

    public IReadOnlyList<int> Writers { get; private set; } = [1];

    public IReadOnlyList<int> Readers { get; private set; } = [1];

    public long CacheBytes { get; private set; } = 256L << 20;

    public KeyKind Keys { get; private set; } = KeyKind.Hex;

    public int ValueBytes { get; private set; } = 23;

    public ValueKind Values { get; private set; } = ValueKind.Constant;

    public long? Reads { get; private set; }

    public int MissPercent { get; private set; } = 20;

    public long CrashRecords { get; private set; } = 1_000_000;

    public bool Settle { get; private set; } = true;

    public double Seconds { get; private set; } = 60;

    public int Rounds { get; private set; } = 1;

    public string Folder { get; private set; } = Path.GetTempPath();

    public string Name { get; private set; } = "run";

    public string? JsonFile { get; private set; }

    /// <summary>Reads the options; null with the reason if one is unknown or out of range.</summary>
    public static BenchArguments? Parse(ReadOnlySpan<string> options, out string? problem)
    {
        var result = new BenchArguments();
        problem = null;
        for (var i = 0; i < options.Length; i += 2)
        {
            var name = options[i];
            if (i + 1 == options.Length)
            {
                problem = $"{name} needs a value.";
                return null;
            }

            try
            {
                if (!result.Set(name, options[i + 1]))
                {
                    problem = $"'{name}' is no option.";
                    return null;
                }
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
            {
                problem = $"{name} cannot be '{options[i + 1]}': {e.Message}";
                return null;
            }
        }

        return result;
    }

    private bool Set(string name, string value)
    {
        switch (name)
        {
            case "--engine": Engines = Known(value, KnownEngines); break;
            case "--workloads": Workloads = Known(value, KnownWorkloads); break;
            case "--entries": Entries = Number(value, 1, 10_000_000_000); break;
            case "--durability": Durabilities = [.. Split(value).Select(v => Enum.Parse<Durability>(v, ignoreCase: true))]; break;
            case "--writers": Writers = [.. Split(value).Select(v => (int)Number(v, 1, 1024))]; break;
            case "--readers": Readers = [.. Split(value).Select(v => (int)Number(v, 1, 1024))]; break;
            case "--cache": CacheBytes = Number(value, 0, 1L << 40); break;
            case "--keys": Keys = Enum.Parse<KeyKind>(value, ignoreCase: true); break;
            case "--profile": SetProfile(value); break;
            case "--crash-records": CrashRecords = Number(value, 1, 1_000_000_000); break;
            case "--settle": Settle = YesOrNo(value); break;
            case "--name": Name = value; break;
            case "--value-bytes": ValueBytes = (int)Number(value, 0, Limits.MaxValueBytes); break;
            case "--values": Values = Enum.Parse<ValueKind>(value, ignoreCase: true); break;
            case "--reads": Reads = Number(value, 1, 10_000_000_000); break;
            case "--miss": MissPercent = (int)Number(value, 0, 100); break;
            case "--seconds": Seconds = double.Parse(value, CultureInfo.InvariantCulture); break;
            case "--rounds": Rounds = (int)Number(value, 1, 1000); break;
            case "--folder": Folder = Path.GetFullPath(value); break;
            case "--json": JsonFile = Path.GetFullPath(value); break;
            case "--round-engine": Engines = [value]; break;
            default: return false;
        }

        return true;
    }

    private void SetProfile(string name) => (Keys, ValueBytes, Values) = name.ToLowerInvariant() switch
    {
        "small" => (KeyKind.Hex, 23, ValueKind.Constant),
        "value100" => (KeyKind.Binary, 100, ValueKind.Half),
        "value4k" => (KeyKind.Binary, 4096, ValueKind.Half),
        _ => throw new ArgumentException("known are small, value100, value4k."),
    };

    private static bool YesOrNo(string value) =>
        value switch { "yes" => true, "no" => false, _ => throw new ArgumentException("it is yes or no.") };

    private static string[] Split(string value) => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string[] Known(string value, string[] known)
    {
        var names = Split(value.ToLowerInvariant());
        foreach (var name in names)
        {
            if (!known.Contains(name)) throw new ArgumentException($"known are {string.Join(", ", known)}.");
        }

        return names;
    }

    private static long Number(string value, long least, long most)
    {
        var number = long.Parse(value, NumberStyles.AllowThousands | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return number >= least && number <= most ? number : throw new ArgumentException($"it must be {least:N0} to {most:N0}.");
    }
}
