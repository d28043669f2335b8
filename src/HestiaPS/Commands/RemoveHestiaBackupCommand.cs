using System.Management.Automation;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>
/// Removes backups, by id or by what a policy does not keep. Their bytes stay until Optimize-HestiaRepository removes what no backup names.
/// </summary>
[Cmdlet(VerbsCommon.Remove, "HestiaBackup", DefaultParameterSetName = PolicySet, SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(BackupRemoval))]
public sealed class RemoveHestiaBackupCommand : RepositoryCmdlet
{
    private const string BackupSet = "Backup";
    private const string IdSet = "BackupId";
    private const string PolicySet = "Policy";

    private readonly RepositoryHandles _repositories = new();
    private readonly List<(string Repository, List<string> Ids)> _named = [];

    /// <summary>Backups from Get-HestiaBackup.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public IndexBackup[] Backup { get; set; } = [];

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PolicySet)]
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Ids of backups in it; also of damaged ones.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(Completion.BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] BackupId { get; set; } = [];

    /// <summary>Only of indexes with these names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ArgumentCompleter(typeof(Completion.IndexNameCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? IndexName { get; set; }

    /// <summary>Keeps the newest so many of each index.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepLast { get; set; }

    /// <summary>Keeps the newest of each of so many hours.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepHourly { get; set; }

    /// <summary>Keeps the newest of each of so many days.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepDaily { get; set; }

    /// <summary>Keeps the newest of each of so many weeks.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepWeekly { get; set; }

    /// <summary>Keeps the newest of each of so many months.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepMonthly { get; set; }

    /// <summary>Keeps the newest of each of so many years.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepYearly { get; set; }

    /// <summary>Keeps all that began at most this long before the newest of the index.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [DurationTransformation]
    public TimeSpan KeepWithin { get; set; }

    /// <summary>Keeps all with any of these tags.</summary>
    [Parameter(ParameterSetName = PolicySet)]
    [ValidateNotNullOrEmpty]
    public string[] KeepTag { get; set; } = [];

    /// <summary>Also removes the last backup of an index that can be restored.</summary>
    [Parameter]
    public SwitchParameter AllowRemoveAll { get; set; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case BackupSet:
                foreach (var backup in Backup) Name(backup.Repository, backup.BackupId);
                break;
            case IdSet:
                foreach (var id in BackupId) Name(Repository, id);
                break;
        }
    }

    /// <summary>At the end, as what is the last of an index depends on all that are named.</summary>
    protected override void EndProcessing()
    {
        if (ParameterSetName == PolicySet)
        {
            RemoveByPolicy();
            return;
        }

        foreach (var (given, ids) in _named) RemoveNamed(given, ids);
    }

    private void Name(string repository, string id)
    {
        var known = _named.FindIndex(n => n.Repository == repository);
        if (known < 0) _named.Add((repository, [id]));
        else if (!_named[known].Ids.Contains(id)) _named[known].Ids.Add(id);
    }

    private void RemoveByPolicy()
    {
        var policy = new RetentionPolicy
        {
            KeepLast = Given(nameof(KeepLast), KeepLast),
            KeepHourly = Given(nameof(KeepHourly), KeepHourly),
            KeepDaily = Given(nameof(KeepDaily), KeepDaily),
            KeepWeekly = Given(nameof(KeepWeekly), KeepWeekly),
            KeepMonthly = Given(nameof(KeepMonthly), KeepMonthly),
            KeepYearly = Given(nameof(KeepYearly), KeepYearly),
            KeepWithin = Given(nameof(KeepWithin), KeepWithin),
            KeepTags = KeepTag,
        };
        var patterns = Array.ConvertAll(IndexName ?? ["*"], static name => new WildcardPattern(name, WildcardOptions.IgnoreCase));
        var matched = new bool[patterns.Length];
        var (repository, decisions) = Require(Repository, () => Plan(Repository, (opened, token) =>
            opened.PlanRemoval(policy, Chosen, AllowRemoveAll, token)));
        for (var i = 0; i < patterns.Length && IndexName is not null; i++)
        {
            if (!matched[i] && !WildcardPattern.ContainsWildcardCharacters(IndexName[i]))
                WriteNotFound($"The repository '{Repository}' has no backup of the index '{IndexName[i]}'.", IndexName[i]);
        }

        foreach (var decision in decisions) Apply(repository, decision);

        bool Chosen(BackupInfo backup)
        {
            var any = false;
            for (var i = 0; i < patterns.Length; i++)
                if (patterns[i].IsMatch(backup.IndexName)) any = matched[i] = true;
            return any;
        }
    }

    private void RemoveNamed(string given, List<string> ids)
    {
        if (!TryItem(given, () => Plan(given, (opened, token) => opened.PlanRemoval(ids, AllowRemoveAll, token)), out var plan)) return;
        var (repository, decisions) = plan;
        foreach (var id in ids)
        {
            if (decisions.Any(d => d.BackupId == id)) continue;
            WriteNotFound($"The repository '{given}' has no backup '{id}'.", id);
        }

        foreach (var decision in decisions)
        {
            Apply(repository, decision);
            if (decision.Remove) continue;
            WriteError(Failures.ToErrorRecord(new HestiaException(
                HestiaErrorCode.LastRestorableBackup,
                $"The backup '{decision.BackupId}' is the last of the index '{decision.Backup?.IndexName}' that can be restored, "
                    + "so it was not removed.",
                decision.BackupId,
                "Back up the index first, or give -AllowRemoveAll.")));
        }
    }

    private (BackupRepository Repository, IReadOnlyList<RetentionDecision> Decisions) Plan(
        string given, Func<BackupRepository, CancellationToken, IReadOnlyList<RetentionDecision>> plan)
    {
        var target = ResolveRepository(given);
        return Run($"Looking at {target.Location}", (_, token) =>
        {
            var repository = _repositories.Get(target, token);
            return (repository, plan(repository, token));
        });
    }

    private void Apply(BackupRepository repository, RetentionDecision decision)
    {
        var action = RemovalAction.Kept;
        if (decision.Remove)
        {
            var what = decision.Backup is { } backup
                ? $"{decision.BackupId} (index {backup.IndexName}, {Display.Size(backup.Bytes)}, in {repository.Location})"
                : $"{decision.BackupId} (damaged, in {repository.Location})";
            if (ShouldProcess(what, "Remove the backup"))
            {
                var done = TryItem(decision.BackupId, () => Run($"Removing {decision.BackupId}", (_, token) =>
                {
                    repository.Remove(decision.BackupId, token);
                    return true;
                }), out _);
                if (!done) return;
                action = RemovalAction.Removed;
            }
            else if (IsWhatIf) action = RemovalAction.WouldRemove;
            else decision = decision with { Reasons = ["not confirmed"] };
        }

        WriteObject(new BackupRemoval(decision, action, repository.Location));
    }

    private void WriteNotFound(string message, string target) => WriteError(Failures.ToErrorRecord(new HestiaException(
        HestiaErrorCode.BackupNotFound, message, target, "Get-HestiaBackup lists what it has.")));

    private T? Given<T>(string parameter, T value)
        where T : struct => MyInvocation.BoundParameters.ContainsKey(parameter) ? value : null;
}
