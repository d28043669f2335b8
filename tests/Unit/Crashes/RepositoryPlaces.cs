using Hestia.Backup;
using Hestia.Backup.Stores;
using Hestia.Core.IO;
using Hestia.CrashWriter;
using Hestia.Unit.Backup.S3;

namespace Hestia.Unit.Crashes;

/// <summary>What repositories lie on.</summary>
public enum StoreKind
{
    /// <summary>A folder.</summary>
    Directory,

    /// <summary>A bucket of a real server.</summary>
    S3,
}

/// <summary>Where a test puts repositories, for this process and for its children.</summary>
internal sealed class RepositoryPlaces(StoreKind kind, string folder)
{
    private readonly RadosGateway? _gateway = kind == StoreKind.S3 ? RadosGateway.Require() : null;

    /// <summary>What a child needs to reach them.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; } = kind == StoreKind.Directory ? [] : new Dictionary<string, string>
    {
        [RepositoryJob.EndpointVariable] = RadosGateway.Require().Endpoint.AbsoluteUri,
        ["AWS_ACCESS_KEY_ID"] = RadosGateway.CredentialOf(RadosGateway.User).UserName,
        ["AWS_SECRET_ACCESS_KEY"] = RadosGateway.CredentialOf(RadosGateway.User).Password,
        ["AWS_EC2_METADATA_DISABLED"] = "true",
    };

    /// <summary>A place where nothing is yet.</summary>
    public string NewLocation(string name) => _gateway?.NewLocation() ?? Path.Combine(folder, name);

    public BackupRepository Create(string location, RepositoryKey? key = null) =>
        BackupRepository.Create(location, _gateway?.Options(), key, null);

    public BackupRepository Open(string location, RepositoryKey? key = null) => BackupRepository.Open(location, _gateway?.Options(), key);

    /// <summary>The store beneath a repository, to look and to damage behind its back.</summary>
    public RepositoryStore Store(string location) =>
        _gateway is null ? new DirectoryStore(FileSystem.Physical, location) : _gateway.Store(location);
}
