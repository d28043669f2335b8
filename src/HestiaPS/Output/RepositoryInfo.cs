using Hestia.Backup;

namespace HestiaPS;

/// <summary>A repository; -Repository takes it.</summary>
public sealed class RepositoryInfo
{
    internal RepositoryInfo(BackupRepository repository)
    {
        Location = repository.Location;
        Id = repository.Id;
        Created = repository.Created.ToUniversalTime();
    }

    /// <summary>Full path or URL.</summary>
    public string Location { get; }

    /// <summary>Identity, fixed at creation.</summary>
    public Guid Id { get; }

    /// <summary>When it was created (UTC).</summary>
    public DateTimeOffset Created { get; }

    /// <summary>The location.</summary>
    public override string ToString() => Location;
}
