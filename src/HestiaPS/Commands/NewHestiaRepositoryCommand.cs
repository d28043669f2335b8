using System.Management.Automation;
using Hestia.Backup;

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

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var given = ParameterSetName == PathSet ? Path : LiteralPath;
        var location = Require(given, () => ResolveOne(given, allowUrl: true));
        if (!ShouldProcess(location, "Create a repository")) return;
        var options = Require(location, GivenOptions);
        using var repository = Require(location, () => Run($"Creating {location}", (_, token) =>
            BackupRepository.Create(location, options ?? RepositoryConnections.Find(location), token)));
        RepositoryConnections.Remember(repository.Location, options);
        WriteObject(new RepositoryInfo(repository, options, null));
    }
}
