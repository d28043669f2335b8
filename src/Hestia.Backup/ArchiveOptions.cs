namespace Hestia.Backup;

/// <summary>How the log of an index is shipped.</summary>
public sealed record ArchiveOptions
{
    /// <summary>
    /// Bytes of log that the index may keep only because they were not shipped yet; remembered in the index. What does not fit is given up,
    /// oldest first, and the gap is recorded with the next shipment. 0 ends the archiving of this index to this repository. Null keeps what
    /// was said before, at first 4 GiB.
    /// </summary>
    public long? QueueMaxBytes { get; init; }

    /// <summary>
    /// Begins a new timeline that does not continue the archived one: for the copy of an index, after ArchiveDiverged. What was not shipped
    /// before stays out of the archive, and a new backup is needed.
    /// </summary>
    public bool NewTimeline { get; init; }
}
