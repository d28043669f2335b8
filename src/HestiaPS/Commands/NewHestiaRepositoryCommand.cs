using System.Management.Automation;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Creates a repository for backups. Backup-HestiaIndex never does: an unmounted share must not become one.</summary>
[Cmdlet(VerbsCommon.New, "HestiaRepository", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(RepositoryInfo))]
public sealed class NewHestiaRepositoryCommand : StoreConnectionCmdlet
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Directory that is empty or not there yet, taken as it is written, or a URL.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Directory that is empty or not there yet, taken as it is written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string LiteralPath { get; set; } = "";

    /// <summary>Name of the first passphrase or key file.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeyName { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var given = ParameterSetName == PathSet ? Path : LiteralPath;
        var location = Require(given, () => ResolveOne(given, allowUrl: true));
        var key = Require(location, () => RepositoryKeys.From(Passphrase, KeyFile is null ? null : ResolveOne(KeyFile)));
        if (KeyName is not null && key is null)
        {
            ThrowTerminatingError(Failures.ToErrorRecord(new HestiaException(
                HestiaErrorCode.InvalidOption, "A name for a key was given, and no key.", KeyName,
                "Give -Passphrase or -KeyFile, or leave it out.")));
        }

        if (!ShouldProcess(location, key is null ? "Create a repository" : "Create an encrypted repository")) return;
        var options = Require(location, GivenOptions);
        using var repository = Require(location, () => Run($"Creating {location}", (_, token) =>
            BackupRepository.Create(location, options ?? RepositoryConnections.Find(location), key, KeyName, token)));
        RepositoryConnections.Remember(repository.Location, options);
        RepositoryConnections.RememberKey(repository.Location, key); // none: what was there before is not there any more
        WriteObject(new RepositoryInfo(repository, options, null, key));
    }
}
