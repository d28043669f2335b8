using Hestia.Backup;

namespace HestiaPS;

/// <summary>A repository; -Repository takes it.</summary>
public sealed class RepositoryInfo
{
    private readonly StoreOptions? _options;

    internal RepositoryInfo(BackupRepository repository, StoreOptions? options, string? name)
    {
        _options = options;
        Name = name;
        Endpoint = (options as S3Options)?.Endpoint;
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

    /// <summary>The name it is registered under, if it was asked for by that.</summary>
    public string? Name { get; }

    /// <summary>The service it is on, if one was given.</summary>
    public Uri? Endpoint { get; }

    /// <summary>The location, which from now on is reached in this process as this object was.</summary>
    internal string Use()
    {
        RepositoryConnections.Remember(Location, _options);
        return Location;
    }

    /// <summary>The location.</summary>
    public override string ToString() => Location;
}
