using Hestia.Core;

namespace Hestia.Backup;

/// <summary>What a restore did.</summary>
public sealed record RestoreResult
{
    /// <summary>Id of the backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>What was restored: "Hestia" for an index of ours, or the system whose folder it is, such as "HestiaStore".</summary>
    public string Kind { get; init; } = BackupInfo.HestiaKind;

    /// <summary>Full path of the restored index.</summary>
    public required string Path { get; init; }

    /// <summary>The index holds every write up to this LSN and none after it.</summary>
    public required Lsn Lsn { get; init; }

    /// <summary>Moment of the restored state: commit time of its last write; 1970-01-01 if it was never written.</summary>
    public required DateTimeOffset PointInTime { get; init; }

    /// <summary>Live entries counted in the restored index.</summary>
    public required long Entries { get; init; }

    /// <summary>Bytes of its segments.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes fetched from the repository.</summary>
    public required long BytesFetched { get; init; }

    /// <summary>Segments fetched from the repository.</summary>
    public required int SegmentsFetched { get; init; }

    /// <summary>Segments taken over from the index that was replaced.</summary>
    public required int SegmentsReused { get; init; }

    /// <summary>Objects whose SHA-256 was compared with what it should be: every segment, and every piece of the archive that was used.</summary>
    public required int ObjectsVerified { get; init; }

    /// <summary>Pieces of the log archive that were added to the backup, each verified.</summary>
    public int ArchivePieces { get; init; }

    /// <summary>Log records in them that the index now has.</summary>
    public long RecordsReplayed { get; init; }

    /// <summary>How far the archive would have led from this backup: what lies between is what this restore left out.</summary>
    public Lsn RecoverableToLsn { get; init; }

    /// <summary>Commit time of that write, UTC; null before the first write.</summary>
    public DateTimeOffset? RecoverableToTime { get; init; }

    /// <summary>Whether what was restored passed its check; what did not is in <see cref="Findings"/>. An index of ours always did.</summary>
    public bool Healthy { get; init; } = true;

    /// <summary>Whether an index was replaced.</summary>
    public required bool ReplacedIndex { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// What the owner should know, such as ReplacedKept: what was replaced could not be removed and lies beside the index.
    /// </summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];
}
