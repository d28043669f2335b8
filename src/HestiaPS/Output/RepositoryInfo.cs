using Hestia.Backup;

namespace HestiaPS;

/// <summary>A repository; -Repository takes it.</summary>
public sealed class RepositoryInfo
{
    private readonly StoreOptions? _options;
    private readonly RepositoryKey? _key;

    internal RepositoryInfo(BackupRepository repository, StoreOptions? options, string? name, RepositoryKey? key)
    {
        _options = options;
        _key = key;
        Encrypted = repository.Encrypted;
        Keys = [.. repository.Keys];
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

    /// <summary>Whether what it holds is encrypted.</summary>
    public bool Encrypted { get; }

    /// <summary>Names of the passphrases and key files that open it; empty if it is not encrypted.</summary>
    public RepositoryKeyInfo[] Keys { get; }

    /// <summary>The location, which from now on is reached in this process as this object was.</summary>
    internal string Use()
    {
        RepositoryConnections.Remember(Location, _options);
        if (_key is not null) RepositoryConnections.RememberKey(Location, _key);
        return Location;
    }

    /// <summary>The location.</summary>
    public override string ToString() => Location;
}
