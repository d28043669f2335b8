namespace Hestia.Backup;

/// <summary>How a backup is made.</summary>
public sealed record BackupOptions
{
    /// <summary>Transfers at once; 1 to 64. Default: twice the number of processors, at least 4 and at most 16.</summary>
    public int Parallelism { get; init; } = Jobs.Workers.OfTransfers;

    /// <summary>Backs up what the segments hold, without a flush: writes behind the checkpoint are not in the backup.</summary>
    public bool NoFlush { get; init; }

    /// <summary>Most bytes read and sent in a second, all transfers together; null for as fast as it goes.</summary>
    public long? MaxBytesPerSecond { get; init; }

    /// <summary>
    /// Words the backup is marked with, such as "before-upgrade"; a retention policy can keep by them. At most 16 of 64 characters.
    /// </summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>
    /// For the folder of another system that has moved: the id of its earlier backups, which this one joins. Null makes one from machine, path and name.
    /// </summary>
    public Guid? IndexId { get; init; }

    /// <summary>
    /// For the folder of another system whose lock names an owner on another machine: backs it up all the same. An owner that is known to live is
    /// refused in any case.
    /// </summary>
    public bool AllowUnknownOwner { get; init; }
}

/// <summary>What a backup would send now.</summary>
/// <param name="Segments">Live segments; what a flush would add is not among them.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="SegmentsToSend">Segments the repository does not hold yet.</param>
/// <param name="BytesToSend">Their bytes.</param>
public sealed record BackupPlan(int Segments, long Bytes, int SegmentsToSend, long BytesToSend);
