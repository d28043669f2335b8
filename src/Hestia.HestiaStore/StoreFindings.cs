namespace Hestia.HestiaStore;

/// <summary>Stable codes of what is found in HestiaStore directories.</summary>
public static class StoreFindings
{
    /// <summary>A version, type or filter that is not understood.</summary>
    public const string FormatUnsupported = nameof(Core.HestiaErrorCode.FormatUnsupported);

    /// <summary>There is no manifest.txt.</summary>
    public const string ManifestMissing = nameof(Core.HestiaErrorCode.ManifestMissing);

    /// <summary>manifest.txt cannot be understood.</summary>
    public const string ManifestDamaged = nameof(Core.HestiaErrorCode.ManifestDamaged);

    /// <summary>There is no index.map although there are segments.</summary>
    public const string RouteMapMissing = "RouteMapMissing";

    /// <summary>index.map cannot be understood, or contradicts itself.</summary>
    public const string RouteMapDamaged = "RouteMapDamaged";

    /// <summary>A segment that index.map names is missing.</summary>
    public const string SegmentMissing = nameof(Core.HestiaErrorCode.SegmentMissing);

    /// <summary>A segment that index.map does not name.</summary>
    public const string OrphanSegment = "OrphanSegment";

    /// <summary>A segment without any live entry.</summary>
    public const string SegmentEmpty = "SegmentEmpty";

    /// <summary>A segment's manifest.txt is missing or cannot be understood.</summary>
    public const string SegmentManifestDamaged = "SegmentManifestDamaged";

    /// <summary>A segment's manifest counts other entries than its files hold.</summary>
    public const string CountMismatch = "CountMismatch";

    /// <summary>A file of a segment is missing.</summary>
    public const string FileMissing = "FileMissing";

    /// <summary>More delta files than the segment's manifest counts.</summary>
    public const string DeltaUncounted = "DeltaUncounted";

    /// <summary>A block is cut short, has the wrong magic number or the wrong checksum.</summary>
    public const string BlockDamaged = "BlockDamaged";

    /// <summary>A chunk cannot be decoded.</summary>
    public const string ChunkDamaged = "ChunkDamaged";

    /// <summary>Keys are not in ascending order.</summary>
    public const string KeyOrder = "KeyOrder";

    /// <summary>A key is in a segment where index.map does not look for it.</summary>
    public const string Routing = "Routing";

    /// <summary>The sparse index ("scarce") does not fit its segment.</summary>
    public const string ScarceIndexDamaged = "ScarceIndexDamaged";

    /// <summary>The Bloom filter has the wrong size, or denies keys that are there.</summary>
    public const string BloomFilterDamaged = "BloomFilterDamaged";

    /// <summary>A Bloom filter or sparse index was not complete when its writer ended, or another file of no use.</summary>
    public const string UnfinishedFile = "UnfinishedFile";

    /// <summary>A file that is none of HestiaStore's.</summary>
    public const string UnknownFile = "UnknownFile";

    /// <summary>Files of an older version of a segment.</summary>
    public const string OldVersionFile = "OldVersionFile";

    /// <summary>A process has the directory open.</summary>
    public const string InUse = "InUse";

    /// <summary>The lock of a process that has ended.</summary>
    public const string StaleLock = "StaleLock";

    /// <summary>A lock whose owner cannot be looked up from here.</summary>
    public const string LockOwnerUnknown = "LockOwnerUnknown";

    /// <summary>wal/ holds records, but the manifest says that there is no log.</summary>
    public const string WalDisabled = "WalDisabled";

    /// <summary>wal/ is missing although the manifest says there is a log.</summary>
    public const string WalMissing = "WalMissing";

    /// <summary>format.meta is missing or cannot be understood.</summary>
    public const string WalFormatDamaged = "WalFormatDamaged";

    /// <summary>checkpoint.meta cannot be understood.</summary>
    public const string WalCheckpointDamaged = "WalCheckpointDamaged";

    /// <summary>The checkpoint is beyond the last record of the log.</summary>
    public const string WalCheckpointAhead = "WalCheckpointAhead";

    /// <summary>A file name in wal/ that is no log file's.</summary>
    public const string WalFileName = "WalFileName";

    /// <summary>The log ends in a record that was not written to its end.</summary>
    public const string WalTornTail = "WalTornTail";

    /// <summary>Damage with good records behind it, or that no crash explains.</summary>
    public const string WalDamaged = nameof(Core.HestiaErrorCode.WalDamaged);

    /// <summary>LSNs are missing: a log file is gone, or was put back from another time.</summary>
    public const string WalGap = nameof(Core.HestiaErrorCode.WalGap);

    /// <summary>Records that segments do not hold yet; opening replays them.</summary>
    public const string WalReplayPending = "WalReplayPending";

    /// <summary>What HestiaStore itself would do to the directory as it is.</summary>
    public const string HestiaStoreWould = "HestiaStoreWould";

    /// <summary>There are files in quarantine.</summary>
    public const string Quarantine = "Quarantine";

    /// <summary>Files changed while they were read.</summary>
    public const string ChangedMeanwhile = "ChangedMeanwhile";

    /// <summary>The device does not give a file's bytes.</summary>
    public const string FileUnreadable = "FileUnreadable";
}
