namespace Hestia.Backup;

/// <summary>How a backup is made.</summary>
public sealed record BackupOptions
{
    /// <summary>Transfers at once; 1 to 64. Default: the number of processors, at least 2 and at most 8.</summary>
    public int Parallelism { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);
}

/// <summary>What a backup would send now.</summary>
/// <param name="Segments">Live segments; what a flush would add is not among them.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="SegmentsToSend">Segments the repository does not hold yet.</param>
/// <param name="BytesToSend">Their bytes.</param>
public sealed record BackupPlan(int Segments, long Bytes, int SegmentsToSend, long BytesToSend);
