namespace Hestia.HestiaStore.Repair;

/// <summary>Stable codes of what a repair of a HestiaStore directory does.</summary>
public static class StoreRepairActions
{
    /// <summary>The lock of a process that has ended is taken away.</summary>
    public const string RemoveStaleLock = "RemoveStaleLock";

    /// <summary>A segment's manifest is written anew from what its files hold.</summary>
    public const string RewriteSegmentManifest = "RewriteSegmentManifest";

    /// <summary>Everything readable of a segment is written as its next version, with sparse index and Bloom filter.</summary>
    public const string RewriteSegment = "RewriteSegment";

    /// <summary>A segment that index.map did not name is named there again.</summary>
    public const string MapSegment = "MapSegment";

    /// <summary>A segment that is gone is taken out of index.map.</summary>
    public const string DropRoute = "DropRoute";

    /// <summary>index.map is written anew.</summary>
    public const string WriteRouteMap = "WriteRouteMap";

    /// <summary>A segment whose entries others hold goes to quarantine: what a split left.</summary>
    public const string QuarantineSegment = "QuarantineSegment";

    /// <summary>The end of the log that is no record is cut off, and kept in quarantine.</summary>
    public const string CutLogTail = "CutLogTail";

    /// <summary>The good records above the checkpoint become a new log; the old one goes to quarantine.</summary>
    public const string RewriteLog = "RewriteLog";

    /// <summary>checkpoint.meta is written anew.</summary>
    public const string WriteCheckpoint = "WriteCheckpoint";

    /// <summary>format.meta is written anew.</summary>
    public const string WriteLogFormat = "WriteLogFormat";

    /// <summary>A file that nothing reads goes to quarantine.</summary>
    public const string Quarantine = "Quarantine";
}
