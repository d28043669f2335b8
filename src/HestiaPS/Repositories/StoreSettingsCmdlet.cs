using System.Management.Automation;
using Hestia.Backup;

namespace HestiaPS;

/// <summary>A cmdlet that says how a repository on S3 is reached.</summary>
public abstract class StoreSettingsCmdlet : HestiaCmdlet
{
    /// <summary>URL of the service; AWS without it.</summary>
    [Parameter]
    [ValidateNotNull]
    public Uri? Endpoint { get; set; }

    /// <summary>Region of the bucket.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Region { get; set; }

    /// <summary>Names the bucket in the path of URLs; -PathStyle:$false names it in the host.</summary>
    [Parameter]
    public SwitchParameter PathStyle { get; set; }

    /// <summary>Profile in the AWS configuration files to take credentials and region from.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ProfileName { get; set; }

    /// <summary>File of the certificate authorities to trust instead of the system's.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CACertificatePath { get; set; }

    /// <summary>Encryption by the service: AES256 or aws:kms.</summary>
    [Parameter]
    [ValidateSet(StoreSettings.Aes256, StoreSettings.AwsKms)]
    public string? ServerSideEncryption { get; set; }

    /// <summary>KMS key for aws:kms.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KmsKeyId { get; set; }

    /// <summary>Storage class of objects.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StorageClass { get; set; }

    /// <summary>Which requests carry a checksum of their own.</summary>
    [Parameter]
    public S3ChecksumMode ChecksumMode { get; set; }

    /// <summary>How long one request is tried again.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan RetryTime { get; set; }

    /// <summary>What was given; equal to an empty one if nothing was.</summary>
    private protected StoreSettings Settings() => new()
    {
        Endpoint = Endpoint,
        Region = Region,
        PathStyle = Bound(nameof(PathStyle)) ? PathStyle.IsPresent : null,
        Profile = ProfileName,
        CACertificatePath = CACertificatePath is { } path ? ResolveOne(path) : null,
        ServerSideEncryption = ServerSideEncryption,
        KmsKeyId = KmsKeyId,
        StorageClass = StorageClass,
        ChecksumMode = Bound(nameof(ChecksumMode)) ? ChecksumMode : null,
        RetryTime = Bound(nameof(RetryTime)) ? RetryTime : null,
    };

    private bool Bound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}

/// <summary>A cmdlet that reaches a repository on S3 itself, and so takes credentials.</summary>
public abstract class StoreConnectionCmdlet : StoreSettingsCmdlet, IRepositoryKeyParameters
{
    /// <summary>Access key id (user name) and secret (password). Without it the SDK looks for credentials itself.</summary>
    [Parameter]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    /// <summary>Session token of temporary credentials.</summary>
    [Parameter]
    [ValidateNotNull]
    public System.Security.SecureString? SessionToken { get; set; }

    /// <summary>Passphrase of an encrypted repository; a PSCredential stands for its password.</summary>
    [Parameter]
    [PassphraseTransformation]
    [ValidateNotNull]
    public System.Security.SecureString? Passphrase { get; set; }

    /// <summary>Key file of an encrypted repository.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }

    /// <summary>What was given, or null if nothing was.</summary>
    private protected S3Options? GivenOptions()
    {
        var settings = Settings();
        return settings.IsEmpty && Credential is null && SessionToken is null ? null : settings.ToOptions(Credential, SessionToken);
    }
}
