namespace Hestia.Core.Consistency;

/// <summary>What a check of an index found. Nothing was changed by it.</summary>
public sealed record CheckReport
{
    /// <summary>Full path of the index.</summary>
    public required string Path { get; init; }

    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Whether there is no finding of severity <see cref="FindingSeverity.Error"/>: the index opens and holds all it
    /// promised.</summary>
    public bool Healthy { get; init; }

    /// <summary>Live keys that readers see, counted one by one; where something is damaged, those that can be read.</summary>
    public long Entries { get; init; }

    /// <summary>Live segments.</summary>
    public int Segments { get; init; }

    /// <summary>Bytes of live segments and of the log that were read.</summary>
    public long Bytes { get; init; }

    /// <summary>Last LSN the index holds.</summary>
    public Lsn LastLsn { get; init; }

    /// <summary>The LSN up to which segments hold everything.</summary>
    public Lsn Checkpoint { get; init; }

    /// <summary>Everything found, worst first; codes are in <see cref="CheckFindings"/>.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>How long the check took.</summary>
    public TimeSpan Duration { get; init; }
}
