using Hestia.Backup;

namespace HestiaPS;

/// <summary>What Copy-HestiaBackup did.</summary>
public sealed class CopyReport
{
    internal CopyReport(CopyResult result)
    {
        BackupId = result.BackupId;
        IndexName = result.IndexName;
        Source = result.Source;
        Repository = result.Destination;
        AlreadyThere = result.AlreadyThere;
        Bytes = result.Bytes;
        BytesSent = result.BytesSent;
        SegmentsSent = result.SegmentsSent;
        SegmentsReused = result.SegmentsReused;
        ObjectsVerified = result.ObjectsVerified;
        Duration = result.Duration;
    }

    /// <summary>Name of the backup, the same in both repositories.</summary>
    public string BackupId { get; }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Location of the repository it was copied from.</summary>
    public string Source { get; }

    /// <summary>Location of the repository it was copied to; Test-HestiaBackup and Restore-HestiaIndex take it from here.</summary>
    public string Repository { get; }

    /// <summary>Whether the destination had the backup before.</summary>
    public bool AlreadyThere { get; }

    /// <summary>Bytes a restore brings back.</summary>
    public long Bytes { get; }

    /// <summary>Bytes that had to be sent.</summary>
    public long BytesSent { get; }

    /// <summary>Segments that had to be sent.</summary>
    public int SegmentsSent { get; }

    /// <summary>Segments the destination had already.</summary>
    public int SegmentsReused { get; }

    /// <summary>Objects that were read back and hashed.</summary>
    public int ObjectsVerified { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}
