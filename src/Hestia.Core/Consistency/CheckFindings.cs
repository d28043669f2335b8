namespace Hestia.Core.Consistency;

/// <summary>
/// Stable codes of what a check finds beside those of the segment and log checks (<c>Segment…</c>, <c>Wal…</c>). Where opening would refuse
/// for the same reason, the code is the name of that <see cref="HestiaErrorCode"/>.
/// </summary>
public static class CheckFindings
{
    /// <summary>index.json cannot be understood.</summary>
    public const string SettingsDamaged = nameof(HestiaErrorCode.SettingsDamaged);

    /// <summary>There is no index.json; found by a repair only, for without it a folder is no index.</summary>
    public const string SettingsMissing = "SettingsMissing";

    /// <summary>A file was written by a newer version.</summary>
    public const string FormatTooNew = nameof(HestiaErrorCode.FormatTooNew);

    /// <summary>A file belongs to another index.</summary>
    public const string ForeignFile = nameof(HestiaErrorCode.ForeignFile);

    /// <summary>There is no manifest.</summary>
    public const string ManifestMissing = nameof(HestiaErrorCode.ManifestMissing);

    /// <summary>A manifest is damaged, or is not what its name says.</summary>
    public const string ManifestDamaged = nameof(HestiaErrorCode.ManifestDamaged);

    /// <summary>The device does not give a manifest's bytes.</summary>
    public const string ManifestUnreadable = "ManifestUnreadable";

    /// <summary>A manifest contradicts itself or what its segments say.</summary>
    public const string ManifestContradiction = "ManifestContradiction";

    /// <summary>A retained older manifest is damaged; nothing needs it now.</summary>
    public const string OldManifestDamaged = "OldManifestDamaged";

    /// <summary>A retained older manifest names segments that are gone; it cannot stand in for a newer one.</summary>
    public const string OldManifestIncomplete = "OldManifestIncomplete";

    /// <summary>A live segment is missing.</summary>
    public const string SegmentMissing = nameof(HestiaErrorCode.SegmentMissing);

    /// <summary>Segments of one level overlap, or stand in the wrong order.</summary>
    public const string LevelOrder = "LevelOrder";

    /// <summary>A segment that only an older manifest names is damaged; nothing needs it now.</summary>
    public const string RetiredSegmentDamaged = "RetiredSegmentDamaged";

    /// <summary>A segment that no manifest names; all it holds is in the index.</summary>
    public const string OrphanSegment = "OrphanSegment";

    /// <summary>A segment that no manifest names and that holds writes beyond the index's last one.</summary>
    public const string OrphanBeyondEnd = "OrphanBeyondEnd";

    /// <summary>A file that is none of the index's.</summary>
    public const string UnknownFile = "UnknownFile";

    /// <summary>A file that was not complete when its writer ended.</summary>
    public const string UnfinishedFile = "UnfinishedFile";

    /// <summary>There are files in quarantine.</summary>
    public const string Quarantine = "Quarantine";

    /// <summary>A folder of the index is missing.</summary>
    public const string FolderMissing = "FolderMissing";

    /// <summary>Entries that are live could not be read although every checksum was right.</summary>
    public const string EntriesUnreadable = "EntriesUnreadable";

    /// <summary>The device does not give a segment's bytes.</summary>
    public const string SegmentUnreadable = "SegmentUnreadable";

    /// <summary>archive.json is damaged: nobody knows what of the log was shipped. The index opens and keeps all log.</summary>
    public const string ArchiveStateDamaged = "ArchiveStateDamaged";

    /// <summary>backup.json is damaged: the last backup is not known. No entry depends on it.</summary>
    public const string LastBackupDamaged = "LastBackupDamaged";

    /// <summary>A newer version wrote backup.json. No entry depends on it.</summary>
    public const string LastBackupTooNew = "LastBackupTooNew";

    /// <summary>The log of an open index ends before what had been acknowledged as durable.</summary>
    public const string WalEndsEarly = "WalEndsEarly";

    /// <summary>Whether a finding says that bytes could not be read, not that they are wrong.</summary>
    internal static bool IsUnreadable(string code) => code is ManifestUnreadable or SegmentUnreadable or EntriesUnreadable;

    /// <summary>There are more findings than are shown.</summary>
    public const string MoreFindings = nameof(MoreFindings);
}
