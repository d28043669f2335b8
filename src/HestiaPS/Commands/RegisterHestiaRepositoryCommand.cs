using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Gives a repository a name for this user, with what is needed to reach it. Secrets stay in their vault.</summary>
[Cmdlet(VerbsLifecycle.Register, "HestiaRepository", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(RepositoryRegistration))]
public sealed class RegisterHestiaRepositoryCommand : StoreSettingsCmdlet
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>The name: letters, digits, '-', '_' and '.'.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>Folder, taken as it is written, or URL of the repository.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Folder of the repository, taken as it is written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string LiteralPath { get; set; } = "";

    /// <summary>Name of the secret that holds the credentials: a PSCredential, access key id and secret.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SecretName { get; set; }

    /// <summary>Name of the secret that holds the passphrase of an encrypted repository: a SecureString or PSCredential.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeySecretName { get; set; }

    /// <summary>Key file of an encrypted repository.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }

    /// <summary>Vault of the secrets; without it all vaults are searched.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Vault { get; set; }

    /// <summary>Replaces a registration of that name.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var given = ParameterSetName == PathSet ? Path : LiteralPath;
        var entry = Require(given, () => Check(ResolveOne(given, allowUrl: true)));
        if (!ShouldProcess(entry.Location, $"Register the repository as '{Name}'")) return;
        Require(Name, () =>
        {
            RepositoryRegistry.Change(entries =>
            {
                var same = entries.FindIndex(e => string.Equals(e.Name, Name, StringComparison.OrdinalIgnoreCase));
                if (same >= 0 && !Force)
                {
                    throw new HestiaCommandException(
                        CommandErrors.RegistrationExists, ErrorCategory.ResourceExists,
                        $"The name '{Name}' stands for '{entries[same].Location}' already.", Name, "Choose another name, or use -Force.");
                }

                if (same >= 0) entries.RemoveAt(same);
                entries.Add(entry);
                return entries;
            });
            return true;
        });
        RepositoryConnections.Forget(entry.Location);
        WriteObject(new RepositoryRegistration(entry));
    }

    private static bool HasUserInfo(string url) => IsUrl(url)
        && url[(url.IndexOf("://", StringComparison.Ordinal) + 3)..].Split('/', 2)[0].Contains('@', StringComparison.Ordinal);

    private Registration Check(string location)
    {
        var settings = Settings();
        if (HasUserInfo(location) || settings.Endpoint?.UserInfo.Length > 0)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption,
                "A URL with a user and password in it was given; what is registered is kept in a file that others may read.",
                Name,
                "Leave them out of the URL, keep them in a vault, and name it with -Vault and -SecretName.");
        }

        var problem = !RepositoryResolver.IsName(Name) ? $"'{Name}' is no name: 1 to 64 letters, digits, '-', '_' and '.'."
            : !IsUrl(location) && (!settings.IsEmpty || SecretName is not null)
                ? $"'{location}' is a folder; there are no settings or credentials for one."
            : KeySecretName is not null && KeyFile is not null
                ? "A secret with a passphrase and a key file were given; one of them has to be left out."
            : Vault is not null && SecretName is null && KeySecretName is null ? "A vault was given without the name of the secret in it."
            : SecretName is not null && settings.Profile is not null ? "A secret and a profile were given; one of them has to be left out."
            : null;
        return problem is null ? new Registration(
            Name, location, settings, Vault, SecretName, KeySecretName, KeyFile is null ? null : ResolveOne(KeyFile))
            : throw new HestiaException(
            HestiaErrorCode.InvalidOption, problem, Name, "Correct the call.");
    }
}
