using System.Management.Automation;

namespace HestiaPS.Commands;

/// <summary>Forgets the name of a repository. The repository, its backups and the secret stay.</summary>
[Cmdlet(VerbsLifecycle.Unregister, "HestiaRepository", SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class UnregisterHestiaRepositoryCommand : HestiaCmdlet
{
    /// <summary>The names.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var name in Name)
        {
            if (!ShouldProcess(name, "Forget the name of the repository")) continue;
            TryItem(name, () =>
            {
                RepositoryRegistry.Change(entries =>
                {
                    var same = entries.FindIndex(e => string.Equals(e.Name, name, StringComparison.OrdinalIgnoreCase));
                    if (same < 0) throw NotRegistered(name);
                    RepositoryConnections.Forget(entries[same].Location);
                    entries.RemoveAt(same);
                    return entries;
                });
                return true;
            }, out _);
        }
    }

    internal static HestiaCommandException NotRegistered(string name) => new(
        CommandErrors.RepositoryNotRegistered, ErrorCategory.ObjectNotFound, $"No repository is registered as '{name}'.", name,
        "Get-HestiaRepository without parameters lists the names.");
}
