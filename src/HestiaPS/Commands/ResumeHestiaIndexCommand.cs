using System.Management.Automation;

namespace HestiaPS.Commands;

/// <summary>Ends a suspension; writers go on.</summary>
[Cmdlet(VerbsLifecycle.Resume, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ResumeReport))]
public sealed class ResumeHestiaIndexCommand : OpenIndexTargetCmdlet
{
    /// <summary>Began of the report of Suspend-HestiaIndex: only that suspension is ended, and another one left alone.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    public DateTimeOffset? Began { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        if (!ShouldProcess(target.Path, "Let writers go on")) return;
        var done = TryItem(target.Path, () => Run($"Resuming {target.Name}", (_, token) =>
            WithOpenIndex(target, (index, via) => new ResumeReport(index, index.Resume(Began, token), via), token)), out var report);
        if (!done) return;
        if (report.Expired)
        {
            WriteWarning(
                $"The suspension of '{report.Path}' was ended by its time limit at {report.Ended:u}. A snapshot that was not complete by then is not of one moment: "
                + "throw it away, and take it again with a longer -Duration.");
        }

        WriteObject(report);
    }
}
