using System.Management.Automation;
using Hestia.Backup;

namespace HestiaPS.Commands;

/// <summary>Removes passphrases or key files from an encrypted repository by their names; the last one stays.</summary>
[Cmdlet(VerbsCommon.Remove, "HestiaRepositoryKey", SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class RemoveHestiaRepositoryKeyCommand : RepositoryCmdlet
{
    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Names of the keys.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var name in Name)
        {
            TryItem(name, () =>
            {
                var target = ResolveRepository(Repository);
                using var repository = Run($"Opening {target.Location}", (_, token) =>
                    BackupRepository.Open(target.Location, target.Options, target.Key, token));
                if (!ShouldProcess(target.Location, $"Remove the key '{name}'")) return true;
                Run($"Changing the keys of {target.Location}", (_, token) => repository.RemoveKey(name, target.Key!, token));
                return true;
            }, out _);
        }
    }
}
