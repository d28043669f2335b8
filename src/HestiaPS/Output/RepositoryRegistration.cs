using Hestia.Backup;

namespace HestiaPS;

/// <summary>A name for a repository, with what is needed to reach it; -Repository takes it.</summary>
public sealed class RepositoryRegistration
{
    internal RepositoryRegistration(Registration entry)
    {
        Name = entry.Name;
        Location = entry.Location;
        Endpoint = entry.Settings.Endpoint;
        Region = entry.Settings.Region;
        PathStyle = entry.Settings.PathStyle;
        ProfileName = entry.Settings.Profile;
        CACertificatePath = entry.Settings.CACertificatePath;
        ServerSideEncryption = entry.Settings.ServerSideEncryption;
        KmsKeyId = entry.Settings.KmsKeyId;
        StorageClass = entry.Settings.StorageClass;
        ChecksumMode = entry.Settings.ChecksumMode;
        RetryTime = entry.Settings.RetryTime;
        Vault = entry.Vault;
        SecretName = entry.SecretName;
        KeySecretName = entry.KeySecretName;
        KeyFile = entry.KeyFile;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>Full path or URL.</summary>
    public string Location { get; }

    /// <summary>URL of the service; null for AWS.</summary>
    public Uri? Endpoint { get; }

    /// <summary>Region.</summary>
    public string? Region { get; }

    /// <summary>Whether the bucket is in the path of URLs; null for what fits the endpoint.</summary>
    public bool? PathStyle { get; }

    /// <summary>Profile in the AWS configuration files.</summary>
    public string? ProfileName { get; }

    /// <summary>Certificate authorities to trust.</summary>
    public string? CACertificatePath { get; }

    /// <summary>Encryption by the service.</summary>
    public string? ServerSideEncryption { get; }

    /// <summary>KMS key.</summary>
    public string? KmsKeyId { get; }

    /// <summary>Storage class of objects.</summary>
    public string? StorageClass { get; }

    /// <summary>Which requests carry a checksum of their own.</summary>
    public S3ChecksumMode? ChecksumMode { get; }

    /// <summary>How long one request is tried again.</summary>
    public TimeSpan? RetryTime { get; }

    /// <summary>Vault that holds the credentials.</summary>
    public string? Vault { get; }

    /// <summary>Name of the credentials in it.</summary>
    public string? SecretName { get; }

    /// <summary>Name of the passphrase in the vault.</summary>
    public string? KeySecretName { get; }

    /// <summary>Key file that opens it.</summary>
    public string? KeyFile { get; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
