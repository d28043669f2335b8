using System.Management.Automation;
using Hestia.Backup;

namespace HestiaPS.Commands;

/// <summary>Removes what no backup of a repository needs any more; safe beside running backups.</summary>
[Cmdlet(VerbsCommon.Optimize, "HestiaRepository", SupportsShouldProcess = true)]
[OutputType(typeof(PruneReport))]
public sealed class OptimizeHestiaRepositoryCommand : RepositoryCmdlet
{
    private readonly RepositoryHandles _repositories = new();

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Keeps what no backup names until it is this old.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan MinimumAge { get; set; }

    /// <summary>How long to wait for running backups to end; default 1h.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan WaitTime { get; set; } = new PruneOptions().WaitTime;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var options = new PruneOptions { MinimumAge = MinimumAge, WaitTime = WaitTime };
        if (!TryItem(Repository, () =>
        {
            var target = ResolveRepository(Repository);
            return Run($"Opening {target.Location}", (_, token) => _repositories.Get(target, token));
        }, out var repository)) return;
        if (!TryItem(Repository, () => Explain(repository, options), out var action) || !ShouldProcess(repository.Location, action)) return;
        var done = TryItem(Repository, () => Run($"Pruning {repository.Location}", (progress, token) =>
            repository.Prune(options, progress, token)), out var result);
        if (done) WriteObject(new PruneReport(result));
    }

    private string Explain(BackupRepository repository, PruneOptions options)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return "Remove what no backup names";
        var plan = Run($"Looking at {repository.Location}", (_, token) => repository.PlanPrune(options, token));
        return $"Remove {Objects(plan.ObjectsToRemove)} ({Display.Size(plan.BytesToRemove)}) that no backup names, of "
            + $"{Objects(plan.Objects)} ({Display.Size(plan.Bytes)})"
            + (plan.ArchivePiecesToRemove > 0
                ? $" and {Display.Count(plan.ArchivePiecesToRemove, "piece", "pieces")} of archived log that no backup leads to" : "")
            + (plan.ObjectsYoung > 0 ? $", keeping {Objects(plan.ObjectsYoung)} that are too young" : "")
            + (plan.Running is { } running ? $", when these have ended: {running}" : "");
    }

    private static string Objects(long count) => Display.Count(count, "object", "objects");
}
