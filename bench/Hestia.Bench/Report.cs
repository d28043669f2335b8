using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hestia.Bench;

/// <summary>One measured row.</summary>
internal sealed record BenchResult
{
    public required string Engine { get; init; }

    public required string Version { get; init; }

    public int Round { get; init; }

    public required string Workload { get; init; }

    /// <summary>Durability of the fill, or null where nothing is written.</summary>
    public string? Durability { get; init; }

    public int Threads { get; init; } = 1;

    /// <summary>Operations done; fewer than entries if the time was up.</summary>
    public long Operations { get; init; }

    public double Seconds { get; init; }

    public double PerSecond => Seconds > 0 ? Operations / Seconds : 0;

    /// <summary>Bytes moved per second where that is what counts (backup, restore), or null.</summary>
    public double? BytesPerSecond { get; init; }

    public double? P50Microseconds { get; init; }

    public double? P99Microseconds { get; init; }

    public double? P999Microseconds { get; init; }

    public double? MaxMicroseconds { get; init; }

    public long PeakRssBytes { get; init; }

    public long DiskBytes { get; init; }

    public IReadOnlyDictionary<string, double>? Facts { get; init; }

    /// <summary>Why there are no figures, or null.</summary>
    public string? Failure { get; init; }
}

/// <summary>The same row over all rounds.</summary>
internal sealed record BenchSummary(
    string Engine,
    string Workload,
    string? Durability,
    int Threads,
    int Rounds,
    double MedianPerSecond,
    double LowestPerSecond,
    double HighestPerSecond,
    long PeakRssBytes);

/// <summary>The table on the console and the JSON file.</summary>
internal static class Report
{
    public static readonly JsonSerializerOptions LineJson = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private static readonly JsonSerializerOptions FileJson = new(LineJson) { WriteIndented = true, NewLine = "\n" };

    public static void WriteHeader() => Console.WriteLine(
        $"{"engine",-9} {"workload",-20} {"durability",-10} {"thr",3} {"operations",12} {"seconds",8} {"per second",12} "
        + $"{"p50 us",8} {"p99 us",8} {"p99.9 us",9} {"max us",10} {"peak MiB",8} {"disk MiB",8}");

    public static void WriteRow(BenchResult row)
    {
        if (row.Failure is not null)
        {
            Console.WriteLine($"{row.Engine,-9} {row.Workload,-20} {row.Failure}");
            return;
        }

        Console.WriteLine(
            $"{row.Engine,-9} {row.Workload,-20} {row.Durability,-10} {row.Threads,3} {row.Operations,12:N0} {row.Seconds,8:F2} "
            + $"{row.PerSecond,12:N0} {row.P50Microseconds,8:F1} {row.P99Microseconds,8:F1} {row.P999Microseconds,9:F1} "
            + $"{row.MaxMicroseconds,10:F0} {row.PeakRssBytes >> 20,8:N0} {row.DiskBytes >> 20,8:N0}"
            + (row.BytesPerSecond is { } rate ? $"  {rate / 1e6:N0} MB/s" : ""));
    }

    /// <summary>Medians over the rounds with their spread, one row per engine, workload, durability and number of threads.</summary>
    public static List<BenchSummary> Summarize(IReadOnlyList<BenchResult> rows)
    {
        var summary = new List<BenchSummary>();
        foreach (var group in rows.Where(r => r.Failure is null).GroupBy(r => (r.Engine, r.Workload, r.Durability, r.Threads)))
        {
            var rates = group.Select(r => r.PerSecond).Order().ToArray();
            var median = rates.Length % 2 == 1 ? rates[rates.Length / 2] : (rates[rates.Length / 2 - 1] + rates[rates.Length / 2]) / 2;
            summary.Add(new BenchSummary(
                group.Key.Engine,
                group.Key.Workload,
                group.Key.Durability,
                group.Key.Threads,
                rates.Length,
                median,
                rates[0],
                rates[^1],
                group.Max(r => r.PeakRssBytes)));
        }

        return summary;
    }

    public static void WriteFile(string path, BenchArguments arguments, IReadOnlyList<BenchResult> rows)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var document = new
        {
            Time = DateTimeOffset.UtcNow,
            Machine = new
            {
                Processor = ProcessorName(),
                Cores = Environment.ProcessorCount,
                MemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
                System = RuntimeInformation.OSDescription,
                Runtime = RuntimeInformation.FrameworkDescription,
            },
            Arguments = new
            {
                arguments.Engines,
                arguments.Workloads,
                arguments.Entries,
                Durabilities = arguments.Durabilities.Select(d => d.ToString()),
                arguments.Writers,
                arguments.Readers,
                arguments.CacheBytes,
                KeySpace.KeyBytes,
                arguments.ValueBytes,
                Values = arguments.Values.ToString(),
                arguments.MissPercent,
                arguments.Rounds,
            },
            Summary = Summarize(rows),
            Results = rows,
        };
        File.WriteAllText(path, JsonSerializer.Serialize(document, FileJson) + "\n");
    }

    private static string ProcessorName()
    {
        var architecture = RuntimeInformation.ProcessArchitecture.ToString();
        if (!OperatingSystem.IsLinux()) return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? architecture;
        var line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
        return line is null ? architecture : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
