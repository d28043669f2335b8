namespace Hestia.Backup;

/// <summary>How a repository is pruned.</summary>
public sealed record PruneOptions
{
    /// <summary>
    /// Objects that no backup names stay until they are this old, by the clock of the store: what an interrupted backup sent, and a next
    /// one would not have to send again.
    /// </summary>
    public TimeSpan MinimumAge { get; init; }

    /// <summary>How long to wait for backups that are marked as running.</summary>
    public TimeSpan WaitTime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Deletions at once; 1 to 64. Default: twice the number of processors, at least 4 and at most 16.</summary>
    public int Parallelism { get; init; } = Jobs.Workers.OfTransfers;
}

/// <summary>What a prune would do now.</summary>
/// <param name="Objects">Objects in the repository.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="ObjectsToRemove">Objects that no backup names.</param>
/// <param name="BytesToRemove">Their bytes.</param>
/// <param name="ObjectsYoung">Objects that no backup names and that are too young.</param>
/// <param name="ArchivePiecesToRemove">Pieces and notes of archived log that no backup leads to.</param>
/// <param name="Running">Backups that are marked as running and would be waited for, or null.</param>
public sealed record PrunePlan(
    long Objects, long Bytes, long ObjectsToRemove, long BytesToRemove, long ObjectsYoung, int ArchivePiecesToRemove, string? Running);

/// <summary>What a prune did.</summary>
public sealed record PruneResult
{
    /// <summary>Location of the repository.</summary>
    public required string Repository { get; init; }

    /// <summary>Objects removed.</summary>
    public required long ObjectsRemoved { get; init; }

    /// <summary>Their bytes.</summary>
    public required long BytesRemoved { get; init; }

    /// <summary>Objects left.</summary>
    public required long ObjectsKept { get; init; }

    /// <summary>Their bytes.</summary>
    public required long BytesKept { get; init; }

    /// <summary>Of those left: objects that a backup came to name while the prune waited.</summary>
    public required long ObjectsSpared { get; init; }

    /// <summary>Of those left: objects that no backup names and that are younger than <see cref="PruneOptions.MinimumAge"/>.</summary>
    public required long ObjectsYoung { get; init; }

    /// <summary>Pieces and notes of archived log removed, because the oldest backup of their index is newer.</summary>
    public required int ArchivePiecesRemoved { get; init; }

    /// <summary>Markers of dead backups and prunes removed.</summary>
    public required int MarkersRemoved { get; init; }

    /// <summary>Remains of dead transfers removed.</summary>
    public required int UnfinishedRemoved { get; init; }

    /// <summary>How long it took, the waiting included.</summary>
    public required TimeSpan Duration { get; init; }
}
