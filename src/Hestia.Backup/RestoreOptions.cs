using Hestia.Core;

namespace Hestia.Backup;

/// <summary>How a backup is restored.</summary>
public sealed record RestoreOptions
{
    /// <summary>Replace an index that is at the target. Never one that is in use, and never anything that is no index.</summary>
    public bool Force { get; init; }

    /// <summary>Restore exactly the writes up to this LSN, from the archive of the log; it must be the last of a batch.</summary>
    public Lsn? ToLsn { get; init; }

    /// <summary>Restore exactly the writes committed at or before this moment, from the archive of the log.</summary>
    public DateTimeOffset? ToTime { get; init; }

    /// <summary>Restore every write that the archive of the log leads to without a gap.</summary>
    public bool ToLatest { get; init; }

    /// <summary>The timeline to follow; null takes that of the backup, or of an index the one that was written to last.</summary>
    public Guid? Timeline { get; init; }

    /// <summary>Transfers at once; 1 to 64. Default: twice the number of processors, at least 4 and at most 16.</summary>
    public int Parallelism { get; init; } = Jobs.Workers.OfTransfers;
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
    long AvailableBytes)
{
    /// <summary>The index would hold every write up to this LSN and none after it.</summary>
    public Lsn Lsn { get; init; }

    /// <summary>Pieces of the archive that would be added; <see cref="BytesToFetch"/> has their bytes.</summary>
    public int ArchivePieces { get; init; }

    /// <summary>What whoever asks for it should know of it.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];
}
