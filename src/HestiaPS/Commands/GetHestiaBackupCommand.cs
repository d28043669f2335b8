using System.Management.Automation;
using Hestia.Backup;

namespace HestiaPS.Commands;

/// <summary>Lists the complete backups of a repository, oldest first.</summary>
[Cmdlet(VerbsCommon.Get, "HestiaBackup")]
[OutputType(typeof(IndexBackup))]
public sealed class GetHestiaBackupCommand : RepositoryCmdlet
{
    private readonly RepositoryHandles _repositories = new();

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Only backups with these ids; wildcards are allowed.</summary>
    [Parameter(Position = 1)]
    [ArgumentCompleter(typeof(Completion.BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? BackupId { get; set; }

    /// <summary>Only backups of indexes with these names; wildcards are allowed.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(Completion.IndexNameCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? IndexName { get; set; }

    /// <summary>Only the newest backup of each index, by its identity: names may repeat.</summary>
    [Parameter]
    public SwitchParameter Latest { get; set; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!TryItem(Repository, List, out var listing)) return;
        foreach (var finding in listing.Findings) WriteWarning(finding.ToString()); // one damaged backup must not hide the others
        var found = Select(Select(listing.Backups, BackupId, b => b.BackupId, "id"), IndexName, b => b.IndexName, "index name");
        if (Latest) found = [.. found.GroupBy(b => b.IndexId)
            .Select(g => BackupInfo.Latest(g)!).OrderBy(b => b.MadeAt)];
        foreach (var backup in found) WriteObject(new IndexBackup(backup));
    }

    private BackupListing List()
    {
        var target = ResolveRepository(Repository);
        return Run($"Listing {target.Location}", (_, token) => _repositories.Get(target, token).ListAll(token));
    }

    /// <summary>What the patterns match. One without wildcards that matches nothing is
    /// an error: an empty list would pass for success.</summary>
    private IReadOnlyList<BackupInfo> Select(IReadOnlyList<BackupInfo> backups, string[]? patterns,
        Func<BackupInfo, string> name, string what)
    {
        if (patterns is null) return backups;
        var matched = new HashSet<BackupInfo>();
        foreach (var text in patterns)
        {
            var pattern = new WildcardPattern(text, WildcardOptions.IgnoreCase);
            var before = matched.Count;
            var any = false;
            foreach (var backup in backups)
            {
                if (!pattern.IsMatch(name(backup))) continue;
                matched.Add(backup);
                any = true;
            }

            if (!any && before == matched.Count && !WildcardPattern.ContainsWildcardCharacters(text)) WriteNotFound(text, what);
        }

        return [.. backups.Where(matched.Contains)];
    }

    private void WriteNotFound(string text, string what) => WriteError(Failures.ToErrorRecord(new Hestia.Core.HestiaException(
        Hestia.Core.HestiaErrorCode.BackupNotFound, $"The repository '{Repository}' has no backup with the {what} '{text}'.", text,
        "Get-HestiaBackup without a filter lists what it has.")));
}
