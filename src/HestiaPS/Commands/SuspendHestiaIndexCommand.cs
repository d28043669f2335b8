using System.Management.Automation;
using Hestia.Core.Control;

namespace HestiaPS.Commands;

/// <summary>Flushes an open index and holds its directory still for a snapshot taken from outside.</summary>
[Cmdlet(VerbsLifecycle.Suspend, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(SuspensionReport))]
public sealed class SuspendHestiaIndexCommand : OpenIndexTargetCmdlet
{
    /// <summary>When it ends at the latest: '2m', '30s' or a TimeSpan, up to a day.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [DurationTransformation]
    public TimeSpan Duration { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        if (!ShouldProcess(target.Path, $"Hold the directory still, and writers with it, for {Duration} at most")) return;
        var done = TryItem(target.Path, () => Run($"Suspending {target.Name}", (_, token) =>
            WithOpenIndex(target, (index, via) => new SuspensionReport(index, index.Suspend(Duration, token), via), token)), out var report);
        if (done) WriteObject(report);
    }
}
