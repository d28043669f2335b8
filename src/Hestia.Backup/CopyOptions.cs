namespace Hestia.Backup;

/// <summary>How a backup is copied to another repository.</summary>
public sealed record CopyOptions
{
    /// <summary>
    /// Reads every object of the backup back from the destination and hashes it, those that were there before included, before the backup
    /// is published; damaged ones are sent again. Without it what is sent is hashed on its way and what is there is looked at for its size.
    /// </summary>
    public bool Verify { get; init; }

    /// <summary>Transfers at once; 1 to 64. Default: twice the number of processors, at least 4 and at most 16.</summary>
    public int Parallelism { get; init; } = Jobs.Workers.OfTransfers;
}

/// <summary>What a copy would send.</summary>
/// <param name="BackupId">Id of the backup, which it keeps.</param>
/// <param name="IndexName">Name of the index.</param>
/// <param name="AlreadyThere">Whether the destination has the backup; objects it lacks are sent nevertheless.</param>
/// <param name="Segments">Segments of the backup.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="SegmentsToSend">Segments the destination does not hold yet.</param>
/// <param name="BytesToSend">Their bytes.</param>
public sealed record CopyPlan(
    string BackupId, string IndexName, bool AlreadyThere, int Segments, long Bytes, int SegmentsToSend, long BytesToSend);

/// <summary>A backup that was copied.</summary>
public sealed record CopyResult
{
    /// <summary>Its id, the same in both.</summary>
    public required string BackupId { get; init; }

    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>Location of the repository it was copied from.</summary>
    public required string Source { get; init; }

    /// <summary>Location of the repository it was copied to.</summary>
    public required string Destination { get; init; }

    /// <summary>Whether the destination had the backup before.</summary>
    public required bool AlreadyThere { get; init; }

    /// <summary>Bytes of its segments.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes that were sent; the rest was there.</summary>
    public required long BytesSent { get; init; }

    /// <summary>Segments that were sent.</summary>
    public required int SegmentsSent { get; init; }

    /// <summary>Segments that were there.</summary>
    public required int SegmentsReused { get; init; }

    /// <summary>Objects whose every byte was read back from the destination and hashed.</summary>
    public required int ObjectsVerified { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }
}
