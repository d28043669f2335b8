using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>The backups of one index at a glance, as Test-HestiaRepository shows them.</summary>
public sealed class RepositoryIndex
{
    internal RepositoryIndex(IndexFreshness index)
    {
        IndexName = index.IndexName;
        IndexId = index.IndexId;
        Healthy = index.Healthy;
        Backups = index.Backups;
        NewestBackupId = index.Newest?.BackupId;
        Newest = index.Newest?.Completed.ToUniversalTime();
        Age = index.Age;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Identity of the index; null if it has no backup.</summary>
    public Guid? IndexId { get; }

    /// <summary>Whether nothing was found that concerns it.</summary>
    public bool Healthy { get; }

    /// <summary>How many backups it has.</summary>
    public int Backups { get; }

    /// <summary>Its newest backup.</summary>
    public string? NewestBackupId { get; }

    /// <summary>When that was complete (UTC).</summary>
    public DateTimeOffset? Newest { get; }

    /// <summary>How old that is, by the clock of the store.</summary>
    public TimeSpan? Age { get; }

    /// <summary>Name and age.</summary>
    public override string ToString() => Age is { } age ? $"{IndexName} ({Display.Duration(age)})" : $"{IndexName} (none)";
}

/// <summary>What Test-HestiaRepository found.</summary>
public sealed class RepositoryTestResult
{
    internal RepositoryTestResult(RepositoryCheck check)
    {
        Repository = check.Repository;
        Healthy = check.Healthy;
        Indexes = [.. check.Indexes.Select(static i => new RepositoryIndex(i))];
        Backups = check.Backups;
        Objects = check.Objects;
        Bytes = check.Bytes;
        Orphans = check.Orphans;
        OrphanBytes = check.OrphanBytes;
        Findings = FindingInfo.From(check.Findings, DataEncoding.Bytes);
        Duration = check.Duration;
    }

    /// <summary>Location of the repository.</summary>
    public string Repository { get; }

    /// <summary>Whether nothing worse than a warning was found.</summary>
    public bool Healthy { get; }

    /// <summary>Every index that has a backup or is expected to have one.</summary>
    public RepositoryIndex[] Indexes { get; }

    /// <summary>Backups in it.</summary>
    public int Backups { get; }

    /// <summary>Objects in it.</summary>
    public long Objects { get; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; }

    /// <summary>Objects that no backup names.</summary>
    public long Orphans { get; }

    /// <summary>Their bytes.</summary>
    public long OrphanBytes { get; }

    /// <summary>What was found.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}
