using Hestia.Backup;

namespace HestiaPS;

/// <summary>What Optimize-HestiaRepository did.</summary>
public sealed class PruneReport
{
    internal PruneReport(PruneResult result)
    {
        Repository = result.Repository;
        ObjectsRemoved = result.ObjectsRemoved;
        BytesRemoved = result.BytesRemoved;
        ObjectsKept = result.ObjectsKept;
        BytesKept = result.BytesKept;
        ObjectsSpared = result.ObjectsSpared;
        ObjectsYoung = result.ObjectsYoung;
        ArchivePiecesRemoved = result.ArchivePiecesRemoved;
        MarkersRemoved = result.MarkersRemoved;
        UnfinishedRemoved = result.UnfinishedRemoved;
        Duration = result.Duration;
    }

    /// <summary>Location of the repository.</summary>
    public string Repository { get; }

    /// <summary>Objects removed.</summary>
    public long ObjectsRemoved { get; }

    /// <summary>Their bytes.</summary>
    public long BytesRemoved { get; }

    /// <summary>Objects left.</summary>
    public long ObjectsKept { get; }

    /// <summary>Their bytes.</summary>
    public long BytesKept { get; }

    /// <summary>Of those left: objects that a backup came to name meanwhile.</summary>
    public long ObjectsSpared { get; }

    /// <summary>Of those left: objects that no backup names and that are younger than -MinimumAge.</summary>
    public long ObjectsYoung { get; }

    /// <summary>Pieces and notes of archived log removed, because the oldest backup of their index is newer.</summary>
    public int ArchivePiecesRemoved { get; }

    /// <summary>Markers of dead backups and prunes removed.</summary>
    public int MarkersRemoved { get; }

    /// <summary>Remains of dead transfers removed.</summary>
    public int UnfinishedRemoved { get; }

    /// <summary>How long it took, the waiting included.</summary>
    public TimeSpan Duration { get; }
}
