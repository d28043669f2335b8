namespace Hestia.Core.Repair;

/// <summary>One thing a repair did, or would do.</summary>
/// <param name="Code">Stable name; see <see cref="RepairActions"/>.</param>
/// <param name="Message">What and why, for people.</param>
/// <param name="File">Path of the file relative to the index, or null.</param>
public sealed record RepairAction(string Code, string Message, string? File);

/// <summary>
/// What is lost. With keys: of the keys in that range, those the damaged place held may be missing, or show the value they had before.
/// Without keys: the writes with these LSNs, whatever their keys were.
/// </summary>
/// <param name="Message">What is lost and where it stood.</param>
/// <param name="FirstLsn">First LSN that may be lost; null where LSNs say nothing about it.</param>
/// <param name="LastLsn">Last LSN that may be lost.</param>
/// <param name="FirstKey">First key that may be lost, or null.</param>
/// <param name="LastKey">Last key that may be lost, or null.</param>
public sealed record RepairLoss(string Message, Lsn? FirstLsn, Lsn? LastLsn, byte[]? FirstKey, byte[]? LastKey);

/// <summary>What a repair found, did and lost.</summary>
public sealed record RepairReport
{
    /// <summary>Full path of the index.</summary>
    public required string Path { get; init; }

    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Whether anything was changed; of a plan, whether anything would be.</summary>
    public bool Changed { get; init; }

    /// <summary>What was wrong.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>What was done, in order; of a plan, what would be.</summary>
    public IReadOnlyList<RepairAction> Actions { get; init; } = [];

    /// <summary>Files now in quarantine, relative to the index; of a plan, the files that would go there.</summary>
    public IReadOnlyList<string> Quarantined { get; init; } = [];

    /// <summary>What could not be saved; empty if nothing is lost.</summary>
    public IReadOnlyList<RepairLoss> Lost { get; init; } = [];

    /// <summary>Live keys after the repair; of a plan, those that can be read now.</summary>
    public long EntriesKept { get; init; }

    /// <summary>Last LSN the index has used; the next write gets the one after it.</summary>
    public Lsn LastLsn { get; init; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }
}

/// <summary>Stable codes of what a repair does.</summary>
public static class RepairActions
{
    /// <summary>A folder is made.</summary>
    public const string MakeFolder = "MakeFolder";

    /// <summary>index.json is written anew.</summary>
    public const string RebuildSettings = "RebuildSettings";

    /// <summary>An exact copy of a segment, found under another name, is put back in its place.</summary>
    public const string RestoreSegment = "RestoreSegment";

    /// <summary>What can be read of a damaged segment is written as a new one.</summary>
    public const string SalvageSegment = "SalvageSegment";

    /// <summary>A segment of which nothing is left is taken out of the manifest.</summary>
    public const string DropSegment = "DropSegment";

    /// <summary>An older manifest, with the log, takes the place of the newest.</summary>
    public const string UseOlderManifest = "UseOlderManifest";

    /// <summary>There is no manifest; a new one is built from segments and log.</summary>
    public const string RebuildManifest = "RebuildManifest";

    /// <summary>Segments that no usable manifest names are merged by the LSN of each entry.</summary>
    public const string MergeSegments = "MergeSegments";

    /// <summary>Segments without LSNs are taken over as the oldest data.</summary>
    public const string AdoptSegments = "AdoptSegments";

    /// <summary>The readable records of the log are written into segments.</summary>
    public const string SalvageLog = "SalvageLog";

    /// <summary>The torn tail of the log is cut, as opening does.</summary>
    public const string CutLogTail = "CutLogTail";

    /// <summary>A new manifest is written.</summary>
    public const string WriteManifest = "WriteManifest";

    /// <summary>A new timeline begins, so that backups do not mix this history with the one before.</summary>
    public const string NewTimeline = "NewTimeline";

    /// <summary>archive.json, which cannot be relied on, is put aside for one that keeps all log until the next shipment.</summary>
    public const string ResetArchive = "ResetArchive";

    /// <summary>A file goes to quarantine.</summary>
    public const string Quarantine = "Quarantine";
}
