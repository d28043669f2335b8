using System.Globalization;

namespace Hestia.Bench.Reporting;

/// <summary>Rows as they come, and medians at the end.</summary>
internal static class ConsoleTable
{
    public static void WriteHeader() => Console.WriteLine(
        $"{"engine",-9} {"workload",-22} {"durability",-10} {"thr",3} {"operations",12} {"seconds",8} {"per second",12} "
        + $"{"p50 us",8} {"p99 us",8} {"p99.9 us",9} {"max us",10} {"peak MiB",8} {"disk MiB",8}");

    public static void WriteRow(BenchResult row)
    {
        if ((row.Failure ?? row.Absence) is { } reason)
        {
            Console.WriteLine($"{row.Engine,-9} {row.Workload,-22} {reason}");
            return;
        }

        Console.WriteLine(
            $"{row.Engine,-9} {row.Workload,-22} {row.Durability,-10} {row.Threads,3} {row.Operations,12:N0} {row.Seconds,8:F2} "
            + $"{row.PerSecond,12:N0} {row.P50Microseconds,8:F1} {row.P99Microseconds,8:F1} {row.P999Microseconds,9:F1} "
            + $"{row.MaxMicroseconds,10:F0} {row.PeakRssBytes >> 20,8:N0} {row.DiskBytes >> 20,8:N0}"
            + Notable(row.Facts));
    }

    public static void WriteSummary(IReadOnlyList<BenchSummary> summary)
    {
        Console.WriteLine("\nmedians over the rounds");
        foreach (var row in summary.OrderBy(r => r.Workload, StringComparer.Ordinal).ThenBy(r => r.Durability).ThenBy(r => r.Threads))
        {
            Console.WriteLine(
                $"{row.Engine,-9} {row.Workload,-22} {row.Durability,-10} {row.Threads,3} {row.MedianPerSecond,12:N0}  "
                + $"({row.LowestPerSecond:N0} to {row.HighestPerSecond:N0})"
                + (row.RatioToRocksDb is { } ratio ? $"  {ratio:F2} x rocksdb" : ""));
        }
    }

    /// <summary>The facts that belong beside the rate at once; the file has all.</summary>
    private static string Notable(IReadOnlyDictionary<string, double>? facts)
    {
        var text = "";
        if (facts is null) return text;
        foreach (var (name, label, format) in (ReadOnlySpan<(string, string, string)>)
        [
            ("level0Segments", "L0", "F0"), ("writeAmplification", "write amp", "F2"), ("spaceAmplification", "space amp", "F2"),
            ("backupAmplification", "backup amp", "F2"), ("bytesPerSecond", "bytes/s", "N0"),
        ])
        {
            if (facts.TryGetValue(name, out var value)) text += $"  {label} {value.ToString(format, CultureInfo.InvariantCulture)}";
        }

        if (facts.TryGetValue("settledDiskBytes", out var settled)) text += $"  settled {settled / (1 << 20):F0} MiB";
        return text;
    }
}
