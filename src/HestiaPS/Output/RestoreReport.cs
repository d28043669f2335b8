using Hestia.Backup;

namespace HestiaPS;

/// <summary>What Restore-HestiaIndex did.</summary>
public sealed class RestoreReport
{
    internal RestoreReport(RestoreResult result)
    {
        BackupId = result.BackupId;
        IndexName = result.IndexName;
        Kind = result.Kind;
        Healthy = result.Healthy;
        Path = result.Path;
        Lsn = result.Lsn.Value;
        PointInTime = result.PointInTime.ToUniversalTime();
        Entries = result.Entries;
        Bytes = result.Bytes;
        BytesFetched = result.BytesFetched;
        SegmentsFetched = result.SegmentsFetched;
        SegmentsReused = result.SegmentsReused;
        ObjectsVerified = result.ObjectsVerified;
        ArchivePieces = result.ArchivePieces;
        RecordsReplayed = result.RecordsReplayed;
        RecoverableToLsn = result.RecoverableToLsn.Value;
        RecoverableToTime = result.RecoverableToTime?.ToUniversalTime();
        ReplacedIndex = result.ReplacedIndex;
        Findings = FindingInfo.From(result.Findings, Hestia.Core.DataEncoding.Bytes);
        Duration = result.Duration;
    }

    /// <summary>The backup that was restored.</summary>
    public string BackupId { get; }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>What was restored: Hestia, or HestiaStore for one of its directories.</summary>
    public string Kind { get; }

    /// <summary>Whether it passed its check. A HestiaStore directory that was damaged when it was backed up comes back as it was.</summary>
    public bool Healthy { get; }

    /// <summary>Where the index is now.</summary>
    public string Path { get; }

    /// <summary>It holds every write up to this one and none after.</summary>
    public ulong Lsn { get; }

    /// <summary>Moment of the restored state (UTC).</summary>
    public DateTimeOffset PointInTime { get; }

    /// <summary>Live entries.</summary>
    public long Entries { get; }

    /// <summary>Bytes of the restored index.</summary>
    public long Bytes { get; }

    /// <summary>Bytes fetched from the repository.</summary>
    public long BytesFetched { get; }

    /// <summary>Segments fetched from the repository.</summary>
    public int SegmentsFetched { get; }

    /// <summary>Segments that were at the target already.</summary>
    public int SegmentsReused { get; }

    /// <summary>Objects whose hash was compared with their name.</summary>
    public int ObjectsVerified { get; }

    /// <summary>Pieces of archived log added to the backup.</summary>
    public int ArchivePieces { get; }

    /// <summary>Log records from them.</summary>
    public long RecordsReplayed { get; }

    /// <summary>How far the archive would have led from this backup.</summary>
    public ulong RecoverableToLsn { get; }

    /// <summary>Commit time of that write (UTC), or null before the first write.</summary>
    public DateTimeOffset? RecoverableToTime { get; }

    /// <summary>Whether an index was replaced.</summary>
    public bool ReplacedIndex { get; }

    /// <summary>What the check of the restored index found; empty if nothing is worth a word.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}
