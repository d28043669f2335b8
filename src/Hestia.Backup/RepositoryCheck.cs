using Hestia.Core;

namespace Hestia.Backup;

/// <summary>What a repository is checked for.</summary>
public sealed record RepositoryCheckOptions
{
    /// <summary>The newest backup of each index must be at most this old; null for any age.</summary>
    public TimeSpan? MaxBackupAge { get; init; }

    /// <summary>The archived log of each index must be at most this far behind; null for any distance.</summary>
    public TimeSpan? MaxArchiveLag { get; init; }

    /// <summary>Names or ids of indexes that must have a backup.</summary>
    public IReadOnlyList<string> ExpectedIndexes { get; init; } = [];

    /// <summary>
    /// Whether every piece of the archived log is read and its checksums compared. What is damaged is noted, so that the next shipment of an index
    /// whose log still has it sends it again.
    /// </summary>
    public bool Deep { get; init; }

    /// <summary>Whether to prove by a small item in locks/ that the repository can be written.</summary>
    public bool WriteProbe { get; init; } = true;

    /// <summary>Requests at once; 1 to 64. Default: the number of processors, at least 2 and at most 8.</summary>
    public int Parallelism { get; init; } = Jobs.Workers.OfProcessors;
}

/// <summary>The backups of one index at a glance.</summary>
/// <param name="IndexName">Its name, as of the newest backup; the expected one if it has none.</param>
/// <param name="IndexId">Its identity; null if it has no backup.</param>
/// <param name="Backups">How many backups it has.</param>
/// <param name="Newest">The newest, or null.</param>
/// <param name="Age">Age of the newest by the clock of the store, or null.</param>
/// <param name="Healthy">Whether nothing was found that concerns it.</param>
public sealed record IndexFreshness(string IndexName, Guid? IndexId, int Backups, BackupInfo? Newest, TimeSpan? Age, bool Healthy);

/// <summary>What a check of a repository found.</summary>
public sealed record RepositoryCheck
{
    /// <summary>Location of the repository.</summary>
    public required string Repository { get; init; }

    /// <summary>Whether nothing worse than a warning was found.</summary>
    public required bool Healthy { get; init; }

    /// <summary>Every index that has a backup or is expected to have one.</summary>
    public required IReadOnlyList<IndexFreshness> Indexes { get; init; }

    /// <summary>Backups in it.</summary>
    public required int Backups { get; init; }

    /// <summary>Objects in it.</summary>
    public required long Objects { get; init; }

    /// <summary>Their bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>Objects that no backup names: of a running or interrupted backup, or of removed ones.</summary>
    public required long Orphans { get; init; }

    /// <summary>Their bytes.</summary>
    public required long OrphanBytes { get; init; }

    /// <summary>
    /// Errors: BackupDamaged, BackupTooOld, IndexMissing, ObjectMissing, ObjectDamaged, NotWritable, and those of the log archive.
    /// Warnings: Orphans, StaleMarker, FutureBackup, FormatTooNew.
    /// </summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }
}
