using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Control;

namespace HestiaPS.Commands;

/// <summary>Changes the durability of an index, open or closed.</summary>
[Cmdlet(VerbsCommon.Set, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(DurabilityReport))]
public sealed class SetHestiaIndexCommand : IndexTargetCmdlet
{
    /// <summary>When writes are acknowledged from now on.</summary>
    [Parameter(Mandatory = true)]
    public Durability Durability { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        if (!ShouldProcess(target.Path, $"Change the durability to {Durability}")) return;
        var done = TryItem(target.Path, () => Run($"Changing the durability of {target.Name}", (_, token) => Change(target, token)), out var report);
        if (done) WriteObject(report);
    }

    private DurabilityReport Change(IndexTarget target, CancellationToken token)
    {
        if (target.Session is { } session)
            return new DurabilityReport(session.Name, session.Path, session.Engine.SetDurability(Durability, token), IndexVia.Session);
        var change = IndexAccess.SetDurability(target.Path, Durability, out var via, token);
        return new DurabilityReport(IndexDescription.Read(target.Path).Name, target.Path, change, via);
    }
}
