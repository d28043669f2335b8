using Hestia.Core;
using Hestia.Core.Control;

namespace Hestia.Backup;

/// <summary>What a shipment of the log did.</summary>
public sealed record ArchiveResult
{
    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>Identity of the index.</summary>
    public required Guid IndexId { get; init; }

    /// <summary>Folder of the index.</summary>
    public required string SourcePath { get; init; }

    /// <summary>Location of the repository.</summary>
    public required string Repository { get; init; }

    /// <summary>Timeline of the index.</summary>
    public required Guid Timeline { get; init; }

    /// <summary>First LSN that this shipment put into the archive; None if nothing was new.</summary>
    public required Lsn FromLsn { get; init; }

    /// <summary>The archive holds what the log had up to here.</summary>
    public required Lsn ArchivedLsn { get; init; }

    /// <summary>Commit time of that write, UTC; null if it is not known.</summary>
    public required DateTimeOffset? ArchivedTime { get; init; }

    /// <summary>Writes that readers see and the archive does not have: not durable yet, or written with durability Off.</summary>
    public required long LsnsBehind { get; init; }

    /// <summary>Pieces sent.</summary>
    public required int Pieces { get; init; }

    /// <summary>Log records in them.</summary>
    public required long Records { get; init; }

    /// <summary>Bytes sent.</summary>
    public required long BytesSent { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// What the owner should know: ArchiveGap (LSNs that will never be in the archive), BackupNeeded (no backup leads into what is archived from
    /// here on), WalDamaged (a log file could not be read whole), ArchiveNoLog (durability Off).
    /// </summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>How the index was reached.</summary>
    public IndexVia Via { get; init; }
}
