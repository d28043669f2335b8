using Hestia.Core;

namespace Hestia.Backup;

/// <summary>What the archive holds of one timeline of an index.</summary>
public sealed record ArchiveStatus
{
    /// <summary>Identity of the index.</summary>
    public required Guid IndexId { get; init; }

    /// <summary>The timeline.</summary>
    public required Guid Timeline { get; init; }

    /// <summary>First LSN in it.</summary>
    public required Lsn FirstLsn { get; init; }

    /// <summary>Last LSN in it.</summary>
    public required Lsn LastLsn { get; init; }

    /// <summary>Commit time of the last write, UTC; null if the piece that has it cannot be read.</summary>
    public required DateTimeOffset? LastTime { get; init; }

    /// <summary>Pieces.</summary>
    public required int Pieces { get; init; }

    /// <summary>Their bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>
    /// ArchiveGap: LSNs between first and last that no piece has (a note says so where nobody will bring them); ArchiveDamaged: a piece that
    /// is not what was written; ArchiveDiverged: pieces that contradict each other.
    /// </summary>
    public required IReadOnlyList<Finding> Findings { get; init; }
}
