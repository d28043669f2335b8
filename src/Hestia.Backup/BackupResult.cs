using Hestia.Core;
using Hestia.Core.Control;

namespace Hestia.Backup;

/// <summary>What a backup did.</summary>
public sealed record BackupResult
{
    /// <summary>Id of the backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>What it is a backup of: "Hestia" for an index of ours, or the system whose folder it is, such as "HestiaStore".</summary>
    public string Kind { get; init; } = BackupInfo.HestiaKind;

    /// <summary>Folder of the index.</summary>
    public required string SourcePath { get; init; }

    /// <summary>Location of the repository.</summary>
    public required string Repository { get; init; }

    /// <summary>The backup holds every write up to this LSN and none after it.</summary>
    public required Lsn Lsn { get; init; }

    /// <summary>Bytes of its segments.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes sent.</summary>
    public required long BytesSent { get; init; }

    /// <summary>Segments sent.</summary>
    public required int SegmentsSent { get; init; }

    /// <summary>Segments that were in the repository already.</summary>
    public required int SegmentsReused { get; init; }

    /// <summary>What the owner should know, such as that the folder of another system was damaged already when it was backed up.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>How long it took, the flush included.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>How the index was reached.</summary>
    public IndexVia Via { get; init; }

    /// <summary>Whether it was flushed first.</summary>
    public bool Flushed { get; init; }

    /// <summary>Segments that flush wrote.</summary>
    public int SegmentsFlushed { get; init; }
}
