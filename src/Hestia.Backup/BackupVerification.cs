using Hestia.Core;

namespace Hestia.Backup;

/// <summary>How a backup is verified.</summary>
public sealed record VerifyOptions
{
    /// <summary>
    /// Read and hash every byte, also of the archived log that continues this backup; otherwise presence and size of its objects.
    /// </summary>
    public bool Deep { get; init; }

    /// <summary>
    /// Reads and hashes so many percent of the objects, chosen at random each time; null for none beyond <see cref="Deep"/>.
    /// </summary>
    public double? SamplePercent { get; init; }

    /// <summary>Objects at once; 1 to 64. Default: the number of processors, at least 2 and at most 8.</summary>
    public int Parallelism { get; init; } = Jobs.Workers.OfProcessors;
}

/// <summary>What a verification found.</summary>
public sealed record BackupVerification
{
    /// <summary>Id of the backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>Whether everything looked at is as it was written.</summary>
    public required bool Healthy { get; init; }

    /// <summary>Objects looked at.</summary>
    public required int ObjectsChecked { get; init; }

    /// <summary>Bytes the backup's objects have.</summary>
    public required long BytesChecked { get; init; }

    /// <summary>Pieces of the archived log that were read, each continuing the backup; 0 unless deep.</summary>
    public int ArchivePiecesRead { get; init; }

    /// <summary>Whether every byte was hashed.</summary>
    public required bool Deep { get; init; }

    /// <summary>Objects of which every byte was read and hashed.</summary>
    public int ObjectsHashed { get; init; }

    /// <summary>Their bytes.</summary>
    public long BytesHashed { get; init; }

    /// <summary>
    /// What is wrong: BackupDamaged, ObjectMissing, ObjectDamaged, ObjectUnreadable. File is the object's name in the repository.
    /// </summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }
}
