using System.Management.Automation;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Checks a repository as a whole: writable, every index there and backed up recently, every object in its place.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HestiaRepository")]
[OutputType(typeof(RepositoryTestResult), typeof(bool))]
public sealed class TestHestiaRepositoryCommand : RepositoryCmdlet
{
    private readonly RepositoryHandles _repositories = new();

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The newest backup of each index must be at most this old.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan MaxBackupAge { get; set; }

    /// <summary>The archived log of each index must be at most this far behind.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan MaxArchiveLag { get; set; }

    /// <summary>Names or ids of indexes that must have a backup.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(Completion.IndexNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] ExpectedIndex { get; set; } = [];

    /// <summary>Reads every piece of the archived log and compares its checksums.</summary>
    [Parameter]
    public SwitchParameter Deep { get; set; }

    /// <summary>Writes nothing: does not prove that the repository can be written.</summary>
    [Parameter]
    public SwitchParameter NoWriteProbe { get; set; }

    /// <summary>Emits only whether the repository is healthy, and no error if it is not.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var options = new RepositoryCheckOptions
        {
            MaxBackupAge = Given(nameof(MaxBackupAge), MaxBackupAge),
            MaxArchiveLag = Given(nameof(MaxArchiveLag), MaxArchiveLag),
            ExpectedIndexes = ExpectedIndex,
            Deep = Deep,
            WriteProbe = !NoWriteProbe,
        };
        if (!TryItem(Repository, () =>
        {
            var target = ResolveRepository(Repository);
            return Run($"Checking {target.Location}", (_, token) => _repositories.Get(target, token).Check(options, token));
        }, out var check)) return;
        if (Quiet)
        {
            WriteObject(check.Healthy);
            return;
        }

        var result = new RepositoryTestResult(check);
        WriteObject(result);
        if (result.Healthy) return;
        WriteError(Failures.ToErrorRecord(new HestiaCommandException(
            CommandErrors.RepositoryUnhealthy, ErrorCategory.InvalidData,
            $"The repository '{result.Repository}' is not as it should be: "
                + FindingInfo.Summary([.. result.Findings.Where(static f => f.Severity == FindingSeverity.Error)]),
            Repository, "See Findings; each says what to do.")));
    }

    private TimeSpan? Given(string parameter, TimeSpan value) => MyInvocation.BoundParameters.ContainsKey(parameter) ? value : null;
}
