namespace Hestia.Bench.Reporting;

/// <summary>One measured row of one round.</summary>
internal sealed record BenchResult
{
    public required string Engine { get; init; }

    public required string Version { get; init; }

    public int Round { get; init; }

    public required string Workload { get; init; }

    /// <summary>Durability of what is written, or null where nothing is.</summary>
    public string? Durability { get; init; }

    public int Threads { get; init; } = 1;

    /// <summary>Operations done; fewer than entries if the time was up.</summary>
    public long Operations { get; init; }

    public double Seconds { get; init; }

    public double PerSecond => Seconds > 0 ? Operations / Seconds : 0;

    public double? P50Microseconds { get; init; }

    public double? P99Microseconds { get; init; }

    public double? P999Microseconds { get; init; }

    public double? MaxMicroseconds { get; init; }

    public long PeakRssBytes { get; init; }

    /// <summary>Bytes of the index's directory when the row had ended.</summary>
    public long DiskBytes { get; init; }

    /// <summary>What the engine or the workload tells beside the rates.</summary>
    public IReadOnlyDictionary<string, double>? Facts { get; init; }

    /// <summary>A reference row's engine: the one in whose process, and so around whose rows, it was measured.</summary>
    public string? Beside { get; init; }

    /// <summary>Why the engine cannot run on this machine, or null.</summary>
    public string? Absence { get; init; }

    /// <summary>Why there are no figures although there should be, or null.</summary>
    public string? Failure { get; init; }
}

/// <summary>What a row has in common over engines and rounds.</summary>
internal readonly record struct RowKey(string Workload, string? Durability, int Threads);

/// <summary>The same row over all rounds: medians, and the spread of the rate.</summary>
internal sealed record BenchSummary
{
    public required string Engine { get; init; }

    public required string Workload { get; init; }

    public string? Durability { get; init; }

    public int Threads { get; init; }

    public int Rounds { get; init; }

    public double MedianPerSecond { get; init; }

    public double LowestPerSecond { get; init; }

    public double HighestPerSecond { get; init; }

    /// <summary>Median over the rounds of this engine's rate by that of RocksDB in the same round; null without RocksDB.</summary>
    public double? RatioToRocksDb { get; init; }

    /// <summary>As <see cref="RatioToRocksDb"/>, to the reference loop measured in the same process; null without one.</summary>
    public double? RatioToReference { get; init; }

    public double? P50Microseconds { get; init; }

    public double? P99Microseconds { get; init; }

    public double? P999Microseconds { get; init; }

    public double? MaxMicroseconds { get; init; }

    public long PeakRssBytes { get; init; }

    public double DiskBytes { get; init; }

    public IReadOnlyDictionary<string, double> Facts { get; init; } = new Dictionary<string, double>();

    public RowKey Key => new(Workload, Durability, Threads);
}
