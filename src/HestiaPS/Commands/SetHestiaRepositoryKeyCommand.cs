using System.Management.Automation;
using System.Security;
using Hestia.Backup;

namespace HestiaPS.Commands;

/// <summary>Adds a passphrase or key file to an encrypted repository, or replaces the one of that name. Objects stay as they are.</summary>
[Cmdlet(VerbsCommon.Set, "HestiaRepositoryKey", DefaultParameterSetName = PassphraseSet, SupportsShouldProcess = true)]
[OutputType(typeof(RepositoryKeyInfo))]
public sealed class SetHestiaRepositoryKeyCommand : RepositoryCmdlet
{
    private const string PassphraseSet = "Passphrase";
    private const string KeyFileSet = "KeyFile";

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Name of the key.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "default";

    /// <summary>The passphrase to set; -Passphrase is one that opens the repository now.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PassphraseSet)]
    [PassphraseTransformation]
    [ValidateNotNull]
    public SecureString? NewPassphrase { get; set; }

    /// <summary>The key file to set; -KeyFile is one that opens the repository now.</summary>
    [Parameter(Mandatory = true, ParameterSetName = KeyFileSet)]
    [ValidateNotNullOrEmpty]
    public string? NewKeyFile { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => TryItem(Repository, () =>
    {
        var target = ResolveRepository(Repository);
        var wanted = RepositoryKeys.From(NewPassphrase, NewKeyFile is null ? null : ResolveOne(NewKeyFile))!;
        using var repository = Run($"Opening {target.Location}", (_, token) =>
            BackupRepository.Open(target.Location, target.Options, target.Key, token));
        var exists = repository.Keys.Any(k => string.Equals(k.Name, Name, StringComparison.OrdinalIgnoreCase));
        var what = wanted.Kind == RepositoryKeyKind.Passphrase ? "passphrase" : "key file";
        var action = exists ? $"Replace the key '{Name}' by another {what}" : $"Add a {what} as the key '{Name}'";
        if (!ShouldProcess(target.Location, action)) return true;
        var keys = Run($"Changing the keys of {target.Location}", (_, token) => repository.SetKey(Name, target.Key!, wanted, token));
        RepositoryConnections.RememberKey(repository.Location, wanted);
        WriteObject(keys.First(k => string.Equals(k.Name, Name, StringComparison.OrdinalIgnoreCase)));
        return true;
    }, out _);
}
