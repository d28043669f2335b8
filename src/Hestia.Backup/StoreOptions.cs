using System.Net;
using System.Security;

namespace Hestia.Backup;

/// <summary>How to reach a store beyond its location. Each kind of store has its own; a folder needs none.</summary>
public abstract class StoreOptions
{
    private protected StoreOptions()
    {
    }
}

/// <summary>How a store on S3 is addressed.</summary>
public enum S3Addressing
{
    /// <summary>Path style where an endpoint is given, virtual-host style without one.</summary>
    Auto = 0,

    /// <summary>https://endpoint/bucket/key</summary>
    Path,

    /// <summary>https://bucket.endpoint/key</summary>
    VirtualHost,
}

/// <summary>Which requests carry a checksum of their own, beside Content-MD5, which all that send data carry.</summary>
public enum S3ChecksumMode
{
    /// <summary>Those for which the service demands it. All services take that; the default.</summary>
    WhenRequired = 0,

    /// <summary>All that may, with CRC-32C: what comes back is held against it. AWS does that; some other services refuse it.</summary>
    WhenSupported,
}

/// <summary>How objects are encrypted by the service at rest.</summary>
public enum S3Encryption
{
    /// <summary>As the bucket is set up.</summary>
    BucketDefault = 0,

    /// <summary>SSE-S3, with keys of the service.</summary>
    Aes256,

    /// <summary>SSE-KMS, with <see cref="S3Options.KmsKeyId"/> or the account's default key.</summary>
    AwsKms,
}

/// <summary>How to reach a bucket: for locations of the form <c>s3://bucket/prefix</c>. All members are optional.</summary>
public sealed class S3Options : StoreOptions
{
    /// <summary>URL of the service, such as https://minio.example:9000; null for AWS.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Region; null for what the environment says, or us-east-1 where an endpoint is given.</summary>
    public string? Region { get; init; }

    /// <summary>How the bucket is named in URLs.</summary>
    public S3Addressing Addressing { get; init; }

    /// <summary>
    /// Access key id (user name) and secret (password). Null: the SDK's own chain, which is environment, profile, web identity, container,
    /// instance role.
    /// </summary>
    public NetworkCredential? Credential { get; init; }

    /// <summary>Session token that belongs to temporary credentials.</summary>
    public SecureString? SessionToken { get; init; }

    /// <summary>Profile in the shared AWS configuration files; not together with <see cref="Credential"/>.</summary>
    public string? Profile { get; init; }

    /// <summary>
    /// PEM or DER file of the certificate authorities to trust instead of the system's; for https only.
    /// </summary>
    public string? CACertificatePath { get; init; }

    /// <summary>Encryption at rest by the service.</summary>
    public S3Encryption Encryption { get; init; }

    /// <summary>Key for <see cref="S3Encryption.AwsKms"/>: id, ARN or alias.</summary>
    public string? KmsKeyId { get; init; }

    /// <summary>
    /// Storage class of objects, such as STANDARD_IA; null for the bucket's own. Those that have to be thawed first (GLACIER, DEEP_ARCHIVE)
    /// are refused. Manifests and markers are small and short-lived and always have the bucket's own.
    /// </summary>
    public string? StorageClass { get; init; }

    /// <summary>Which requests carry a checksum of their own.</summary>
    public S3ChecksumMode ChecksumMode { get; init; }

    /// <summary>How long one request is tried again, each wait longer than the last: 0 to 1 hour; default 2 minutes.</summary>
    public TimeSpan RetryTime { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a request may go without a byte moving before it is given up, 1 second to 1 hour; default 1 minute.</summary>
    public TimeSpan StallTime { get; init; } = TimeSpan.FromMinutes(1);
}
