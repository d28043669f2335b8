using System.Management.Automation;
using System.Net;
using System.Security;
using System.Text.Json.Serialization;
using Hestia.Backup;

namespace HestiaPS;

/// <summary>How a repository is reached, without its secrets: what a registration keeps.</summary>
internal sealed record StoreSettings
{
    public const string Aes256 = "AES256";
    public const string AwsKms = "aws:kms";

    public Uri? Endpoint { get; init; }

    public string? Region { get; init; }

    public bool? PathStyle { get; init; }

    public string? Profile { get; init; }

    public string? CACertificatePath { get; init; }

    public string? ServerSideEncryption { get; init; }

    public string? KmsKeyId { get; init; }

    public string? StorageClass { get; init; }

    public S3ChecksumMode? ChecksumMode { get; init; }

    public TimeSpan? RetryTime { get; init; }

    [JsonIgnore]
    public bool IsEmpty => this == new StoreSettings();

    /// <summary>Joins settings and secrets to what the library takes.</summary>
    public S3Options ToOptions(PSCredential? credential, SecureString? sessionToken)
    {
        var defaults = new S3Options();
        return new S3Options
        {
            Endpoint = Endpoint,
            Region = Region,
            Addressing = PathStyle switch { true => S3Addressing.Path, false => S3Addressing.VirtualHost, null => S3Addressing.Auto },
            Profile = Profile,
            CACertificatePath = CACertificatePath,
            Encryption = ServerSideEncryption switch
            {
                null => S3Encryption.BucketDefault,
                AwsKms => S3Encryption.AwsKms,
                _ => S3Encryption.Aes256,
            },
            KmsKeyId = KmsKeyId,
            StorageClass = StorageClass,
            ChecksumMode = ChecksumMode ?? defaults.ChecksumMode,
            RetryTime = RetryTime ?? defaults.RetryTime,
            Credential = credential is null ? null : new NetworkCredential(credential.UserName, credential.Password),
            SessionToken = sessionToken,
        };
    }
}
