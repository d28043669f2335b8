using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Writes what is in memory into segments and moves the checkpoint.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "HestiaFlush", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FlushReport))]
public sealed class InvokeHestiaFlushCommand : IndexTargetCmdlet
{
    private protected override void ProcessTarget(IndexTarget target)
    {
        if (!TryItem(target.Path, () => Explain(target), out var action) || !ShouldProcess(target.Path, action)) return;
        var done = TryItem(target.Path, () => Run($"Flushing {target.Name}", (progress, token) =>
            WithIndex(target, (index, via) => new FlushReport(index, index.Flush(progress, token), via), progress, token)), out var report);
        if (done) WriteObject(report);
    }

    private string Explain(IndexTarget target)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return "Flush memtables into segments";
        if (target.Session is { } session) return $"Flush {Display.Unflushed(session.Engine)} into segments";
        var unflushed = Run($"Looking at {target.Name}", (progress, token) => WithIndex(
            target, (index, _) => Display.Unflushed(index.GetStatus(token).Statistics), progress, token, new IndexOptions { ReadOnly = true }));
        return $"Flush {unflushed ?? Display.Count(0, "write", "writes")} into segments";
    }
}
