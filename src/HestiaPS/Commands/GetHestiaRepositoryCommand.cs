using System.Management.Automation;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Opens a repository and describes it; without -Repository lists the registered ones.</summary>
[Cmdlet(VerbsCommon.Get, "HestiaRepository", DefaultParameterSetName = RegisteredSet)]
[OutputType(typeof(RepositoryInfo), ParameterSetName = [RepositorySet])]
[OutputType(typeof(RepositoryRegistration), ParameterSetName = [RegisteredSet])]
public sealed class GetHestiaRepositoryCommand : StoreConnectionCmdlet
{
    private const string RepositorySet = "Repository";
    private const string RegisteredSet = "Registered";

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = RepositorySet, ValueFromPipeline = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Lists only registrations with these names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = RegisteredSet)]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == RepositorySet) Describe();
        else ListRegistered();
    }

    private void Describe() => TryItem(Repository, () =>
    {
        var options = GivenOptions();
        var target = options is null ? ResolveRepository(Repository) : WithGiven(options);
        using var repository = Run($"Opening {target.Location}", (_, token) =>
            BackupRepository.Open(target.Location, target.Options, target.Key, token));
        RepositoryConnections.Remember(repository.Location, options);
        if (target.Key is not null) RepositoryConnections.RememberKey(repository.Location, target.Key);
        WriteObject(new RepositoryInfo(repository, target.Options, target.Name, target.Key));
        return true;
    }, out _);

    private RepositoryTarget WithGiven(S3Options options) => IsUrl(Repository)
        ? new RepositoryTarget(
            Repository, options, null,
            RepositoryKeys.From(Passphrase, KeyFile is null ? null : ResolveOne(KeyFile)) ?? RepositoryConnections.FindKey(Repository))
        : throw new HestiaException(
            HestiaErrorCode.InvalidOption, $"Settings or credentials of a service were given for '{Repository}', which is no URL.",
            Repository,
            "Leave them out, or give the URL, s3://bucket/prefix.");

    private void ListRegistered()
    {
        if (GivenOptions() is not null || Passphrase is not null || KeyFile is not null)
        {
            ThrowTerminatingError(Failures.ToErrorRecord(new HestiaException(
                HestiaErrorCode.InvalidOption, "Settings or credentials of a service were given, and no repository to reach with them.",
                action: "Give -Repository, or leave them out to list the registered names.")));
        }

        var entries = Require(null, RepositoryRegistry.Read);
        if (Name is null)
        {
            foreach (var entry in entries) WriteObject(new RepositoryRegistration(entry));
            return;
        }

        foreach (var text in Name)
        {
            var pattern = new WildcardPattern(text, WildcardOptions.IgnoreCase);
            var found = entries.Where(e => pattern.IsMatch(e.Name)).ToList();
            foreach (var entry in found) WriteObject(new RepositoryRegistration(entry));
            if (found.Count == 0 && !WildcardPattern.ContainsWildcardCharacters(text))
                WriteError(Failures.ToErrorRecord(UnregisterHestiaRepositoryCommand.NotRegistered(text)));
        }
    }
}
