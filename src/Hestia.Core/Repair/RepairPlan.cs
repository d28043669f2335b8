using Hestia.Core.Consistency;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Repair;

/// <summary>What becomes of a segment of the manifest that the repair goes by.</summary>
internal enum SegmentFate
{
    /// <summary>It stays as it is, perhaps after an exact copy was put back in its place.</summary>
    Keep,

    /// <summary>What can be read of <see cref="PlannedSegment.Source"/> becomes a new segment in its place.</summary>
    Salvage,

    /// <summary>Nothing is left of it.</summary>
    Drop,
}

/// <param name="Manifest">As the manifest has it.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Source">The file to salvage from.</param>
internal sealed record PlannedSegment(ManifestSegment Manifest, SegmentFate Fate, string? Source = null);

/// <param name="Source">The file that has the segment's bytes.</param>
/// <param name="Id">The segment.</param>
internal sealed record PlannedCopy(string Source, SegmentId Id);

/// <summary>Everything a repair is going to do, worked out without changing anything.</summary>
internal sealed class RepairPlan
{
    public required CheckResult Check { get; init; }

    public List<RepairAction> Actions { get; } = [];

    public List<RepairLoss> Losses { get; } = [];

    /// <summary>index.json as it is or as it will be.</summary>
    public IndexSettingsFile? Settings { get; set; }

    public bool WriteSettings { get; set; }

    /// <summary>Whether archive.json is put aside for one that keeps all log until the next shipment.</summary>
    public bool ResetArchive { get; set; }

    /// <summary>Folders to make, relative.</summary>
    public List<string> Folders { get; } = [];

    public List<PlannedCopy> Copies { get; } = [];

    /// <summary>The manifest the repair goes by; null while none is chosen.</summary>
    public ManifestDocument? Base { get; set; }

    public List<PlannedSegment> Segments { get; } = [];

    /// <summary>Segments without LSNs that are taken over below everything else; only without a manifest.</summary>
    public List<ManifestSegment> Adopted { get; } = [];

    /// <summary>The log to read from; set once a base is chosen.</summary>
    public LogSalvage? Log { get; set; }

    /// <summary>Whether the log's records go into segments, and the log itself out.</summary>
    public bool FoldLog { get; set; }

    /// <summary>Whether the log's torn tail is cut as opening does.</summary>
    public bool CutLog { get; set; }

    /// <summary>Segment files whose entries above the base's checkpoint are merged by LSN; newest file first.</summary>
    public List<string> Merged { get; } = [];

    public bool WriteManifest { get; set; }

    /// <summary>Files to quarantine, full paths, once the new manifest stands.</summary>
    public List<string> ToQuarantine { get; } = [];

    /// <summary>Last LSN ever seen; the index goes on above it.</summary>
    public Lsn LastSeen { get; set; }

    public bool ChangesAnything => Actions.Count > 0;

    public void Act(string code, string message, string? file = null) => Actions.Add(new RepairAction(code, message, file));

    public void Remove(string path, string relative, string why)
    {
        if (ToQuarantine.Contains(path)) return;
        ToQuarantine.Add(path);
        Act(RepairActions.Quarantine, why, relative);
    }
}
