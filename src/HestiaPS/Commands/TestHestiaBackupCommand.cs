using System.Diagnostics;
using System.Management.Automation;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>
/// Verifies backups: that each object is there in its size, with -Deep that every byte is what was written, with -Drill that they come
/// back.
/// </summary>
[Cmdlet(VerbsDiagnostic.Test, "HestiaBackup", DefaultParameterSetName = BackupSet)]
[OutputType(typeof(BackupTestResult), typeof(bool))]
public sealed class TestHestiaBackupCommand : RepositoryCmdlet
{
    private const string BackupSet = "Backup";
    private const string IdSet = "BackupId";
    private const string LatestSet = "Latest";

    private readonly RepositoryHandles _repositories = new();

    /// <summary>Backups from Get-HestiaBackup.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public IndexBackup[] Backup { get; set; } = [];

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = LatestSet)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Ids of backups in it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(Completion.BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] BackupId { get; set; } = [];

    /// <summary>The newest backup of each index.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LatestSet)]
    public SwitchParameter Latest { get; set; }

    /// <summary>Only of indexes with these names; wildcards are allowed. A name without a backup fails.</summary>
    [Parameter(ParameterSetName = LatestSet)]
    [ArgumentCompleter(typeof(Completion.IndexNameCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? IndexName { get; set; }

    /// <summary>Reads and hashes every byte.</summary>
    [Parameter]
    public SwitchParameter Deep { get; set; }

    /// <summary>Reads and hashes so many percent of the objects, chosen at random.</summary>
    [Parameter]
    [ValidateRange(0.001, 100)]
    public double SamplePercent { get; set; }

    /// <summary>Restores into -ScratchPath, opens, checks, and removes it again.</summary>
    [Parameter]
    public SwitchParameter Drill { get; set; }

    /// <summary>Directory to restore into for -Drill; what is there stays as it is.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ScratchPath { get; set; }

    /// <summary>Script block that gets the restored index, open and read-only (or the folder of a HestiaStore directory); it fails the drill by an error or by $false.</summary>
    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? Validation { get; set; }

    /// <summary>Emits only whether the backup is healthy, and no error if it is not.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Drill == ScratchPath is not null && (Drill || Validation is null)) return;
        ThrowTerminatingError(Failures.ToErrorRecord(new HestiaException(
            HestiaErrorCode.InvalidOption,
            Drill ? "A drill needs a folder to restore into." : "-ScratchPath and -Validation belong to a drill.",
            action: "Give -Drill together with -ScratchPath.")));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case BackupSet:
                foreach (var backup in Backup) Test(backup.Repository, backup.BackupId, backup.IndexName);
                break;
            case IdSet:
                foreach (var id in BackupId) Test(Repository, id, "");
                break;
            default:
                TestLatest();
                break;
        }
    }

    /// <summary>One row for each index that is known or named, whatever becomes of it.</summary>
    private void TestLatest()
    {
        if (!TryItem(Repository, () =>
        {
            var target = ResolveRepository(Repository);
            return Run($"Listing {target.Location}", (_, token) => _repositories.Get(target, token).ListAll(token));
        }, out var listing)) return;
        foreach (var finding in listing.Findings) WriteWarning(finding.ToString());
        var patterns = Array.ConvertAll(IndexName ?? ["*"], name => new WildcardPattern(name, WildcardOptions.IgnoreCase));
        var matched = new bool[patterns.Length];
        foreach (var group in listing.Backups.GroupBy(static b => b.IndexId))
        {
            var newest = BackupInfo.Latest(group)!;
            var wanted = false;
            for (var i = 0; i < patterns.Length; i++)
            {
                if (!patterns[i].IsMatch(newest.IndexName)) continue;
                wanted = matched[i] = true;
            }

            if (wanted) Test(Repository, newest.BackupId, newest.IndexName);
        }

        if (IndexName is null)
        {
            // An index of which no manifest can be read has no name any more, but it is not to drop out.
            var known = listing.Backups.Select(static b => b.IndexId.ToString("d")).ToHashSet(StringComparer.Ordinal);
            foreach (var lost in listing.Findings.Where(f => f.File is not null).Select(f => f.File!.Split('/')).Where(p => p.Length == 3)
                .Select(static p => p[1]).Where(id => !known.Contains(id)).Distinct(StringComparer.Ordinal))
            {
                Finish(Failed("", lost, Repository, "None of its backups can be read."));
            }

            return;
        }

        for (var i = 0; i < patterns.Length; i++)
        {
            if (!matched[i] && !WildcardPattern.ContainsWildcardCharacters(IndexName[i]))
                Finish(Failed("", IndexName[i], Repository, "It has no backup in this repository."));
        }
    }

    private void Test(string given, string backupId, string indexName)
    {
        var options = new VerifyOptions { Deep = Deep, SamplePercent = SamplePercent > 0 ? SamplePercent : null };
        BackupRepository? repository = null;
        BackupTestResult result;
        var begun = Stopwatch.GetTimestamp();
        try
        {
            var target = ResolveRepository(given);
            result = new BackupTestResult(Run($"Verifying {backupId}", (progress, token) =>
            {
                repository = _repositories.Get(target, token);
                return repository.Verify(backupId, options, progress, token);
            }), given);
        }
        catch (Exception e) when (e is not (PipelineStoppedException or RuntimeException))
        {
            if (Quiet && e is HestiaException { Code: HestiaErrorCode.BackupDamaged })
            {
                WriteObject(false);
                return;
            }

            // A backup that is known, from a list or because it is there, gets its row; the error says what is the matter. Only an id that was mistyped has none.
            if (!Quiet && (indexName.Length > 0 || (repository is not null && e is HestiaException { Code: not HestiaErrorCode.BackupNotFound })))
                WriteObject(Failed(backupId, indexName, given, e.Message));
            WriteError(Failures.ToErrorRecord(e, backupId));
            return;
        }

        if (Drill && result.Healthy)
        {
            new RestoreDrill(repository!, ResolveScratch).Run(result, (activity, work) => Run(activity, work), Validate);
            result.Duration = Stopwatch.GetElapsedTime(begun);
        }

        Finish(result);
    }

    private string ResolveScratch() => ResolveOne(ScratchPath!);

    private static BackupTestResult Failed(string backupId, string indexName, string repository, string reason) =>
        new(backupId, indexName, repository) { Status = BackupTestStatus.Failed, Reason = reason };

    private void Finish(BackupTestResult result)
    {
        if (Quiet)
        {
            WriteObject(result.Healthy);
            return;
        }

        WriteObject(result);
        if (result.Healthy) return;
        var name = result.BackupId.Length > 0 ? $"The backup '{result.BackupId}'" : $"The index '{result.IndexName}'";
        WriteError(Failures.ToErrorRecord(result.Status == BackupTestStatus.Skipped
            ? new HestiaCommandException(
                CommandErrors.DrillSkipped, ErrorCategory.ResourceUnavailable,
                $"{name} in '{result.Repository}' was not restored: {result.Reason}", result.BackupId,
                "Give a -ScratchPath with more room, on this machine and writable.")
            : new HestiaCommandException(
                CommandErrors.BackupUnhealthy, ErrorCategory.InvalidData,
                $"{name} in '{result.Repository}' is not sound: {result.Reason}", result.BackupId,
                "See Findings; back up the index again, which sends what is missing or damaged, or use another backup.")));
    }

    /// <summary>Runs the script block on the restored index; what is wrong, or null.</summary>
    private string? Validate(object restored)
    {
        if (Validation is null) return null;
        const string Script = "param($Validation, $Index) $ErrorActionPreference = 'Stop'; & $Validation $Index";
        try
        {
            var output = InvokeCommand.InvokeScript(true, ScriptBlock.Create(Script), null, Validation, restored);
            foreach (var item in output)
                if (item?.BaseObject is false) return "The validation said $false.";
            return null;
        }
        catch (RuntimeException e) when (e is not PipelineStoppedException)
        {
            return "The validation failed: " + e.Message;
        }
    }
}
