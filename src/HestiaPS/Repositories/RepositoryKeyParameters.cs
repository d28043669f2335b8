using System.Management.Automation;
using System.Security;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>A cmdlet that takes the key of an encrypted repository.</summary>
internal interface IRepositoryKeyParameters
{
    SecureString? Passphrase { get; }

    string? KeyFile { get; }
}

/// <summary>A cmdlet that works on a repository, which may be encrypted.</summary>
public abstract class RepositoryCmdlet : HestiaCmdlet, IRepositoryKeyParameters
{
    /// <summary>Passphrase of an encrypted repository; a PSCredential stands for its password.</summary>
    [Parameter]
    [PassphraseTransformation]
    [ValidateNotNull]
    public SecureString? Passphrase { get; set; }

    /// <summary>Key file of an encrypted repository.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }
}

/// <summary>Lets a passphrase be given as the password of a PSCredential.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class PassphraseTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is PSCredential credential ? credential.Password : inputData;
}

/// <summary>From parameters to keys.</summary>
internal static class RepositoryKeys
{
    /// <summary>The key that was given; null if none was.</summary>
    /// <exception cref="HestiaException">InvalidOption, PathNotFound, AccessDenied, IoError.</exception>
    public static RepositoryKey? From(SecureString? passphrase, string? keyFile) => (passphrase, keyFile) switch
    {
        (null, null) => null,
        (not null, null) => RepositoryKey.FromPassphrase(passphrase),
        (null, not null) => RepositoryKey.FromKeyFile(keyFile),
        _ => throw new HestiaException(
            HestiaErrorCode.InvalidOption, "A passphrase and a key file were given; each opens a repository by itself.", keyFile,
            "Leave one of them out."),
    };
}
