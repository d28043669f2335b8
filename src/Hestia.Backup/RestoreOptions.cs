namespace Hestia.Backup;

/// <summary>How a backup is restored.</summary>
public sealed record RestoreOptions
{
    /// <summary>Replace an index that is at the target. Never one that is in use, and never anything that is no index.</summary>
    public bool Force { get; init; }

    /// <summary>Transfers at once; 1 to 64. Default: the number of processors, at least 2 and at most 8.</summary>
    public int Parallelism { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);
}

/// <summary>What a restore would do.</summary>
/// <param name="BackupId">Id of the backup.</param>
/// <param name="TargetPath">Full path of the folder it would become.</param>
/// <param name="ReplacesIndex">Whether an index is there that it would replace.</param>
/// <param name="Segments">Segments of the backup.</param>
/// <param name="SegmentsReused">Segments the index at the target has, by name and size; they are hashed before they are reused.</param>
/// <param name="Bytes">Bytes of all segments.</param>
/// <param name="BytesToFetch">Bytes to fetch from the repository.</param>
/// <param name="AvailableBytes">Free space where the target is.</param>
public sealed record RestorePlan(
    string BackupId,
    string TargetPath,
    bool ReplacesIndex,
    int Segments,
    int SegmentsReused,
    long Bytes,
    long BytesToFetch,
    long AvailableBytes);
