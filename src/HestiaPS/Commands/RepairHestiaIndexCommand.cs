using System.Management.Automation;
using System.Text;
using Hestia.Core;
using Hestia.HestiaStore.Repair;

namespace HestiaPS.Commands;

/// <summary>Salvages everything readable of a damaged index and moves the rest to quarantine/. With -WhatIf
/// it only says what it would do.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(RepairResult))]
public sealed class RepairHestiaIndexCommand : HestiaCmdlet
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Directories of closed indexes; wildcards are resolved.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true,
        ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Directories of closed indexes, taken as they are written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Goes on although entries are lost. Without it such a repair stops with RepairWouldLoseData and changes nothing.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in ParameterSetName == PathSet ? Path : LiteralPath)
        {
            if (!TryItem(path, () => ParameterSetName == PathSet ? ResolveMany(path) : [ResolveOne(path)], out var resolved)) continue;
            foreach (var one in resolved) Repair(one);
        }
    }

    private void Repair(string path)
    {
        var encodings = new IndexTarget(null, path).Encodings();
        if (WillExplain(ConfirmImpact.Medium))
        {
            var planned = TryItem(path, () => Run($"Looking at {path}", (progress, token) =>
                Repair(path, new RepairOptions { AllowLoss = true, PlanOnly = true }, progress, token)), out var plan);
            if (!planned || !ShouldProcess(Explain(plan), Explain(plan) + Environment.NewLine + "Go on?", "Repair-HestiaIndex")) return;
        }
        else if (!ShouldProcess(path, "Repair"))
        {
            return;
        }

        var done = TryItem(path, () => Run($"Repairing {path}", (progress, token) =>
            Repair(path, new RepairOptions { AllowLoss = Force }, progress, token)), out var report);
        if (done) WriteObject(new RepairResult(report, encodings.Keys));
    }

    private static RepairReport Repair(string path, RepairOptions options, IProgress<WorkProgress> progress, CancellationToken token) =>
        PathFormats.IsHestiaStore(path) ? StoreRepairer.Repair(path, options, progress, token) : IndexRepairer.Repair(path, options, progress, token);

    /// <summary>The whole plan, line by line.</summary>
    private string Explain(RepairReport plan)
    {
        if (!plan.Changed)
            return $"Nothing to repair in '{plan.Path}': {Display.Count(plan.EntriesKept, "entry", "entries")}, last LSN {plan.LastLsn}.";
        var text = new StringBuilder();
        text.Append($"Repair '{plan.Path}': {Display.Count(plan.Findings.Count, "finding", "findings")}, ");
        text.Append($"{Display.Count(plan.Actions.Count, "step", "steps")}, ");
        text.Append($"{Display.Count(plan.Quarantined.Count, "file", "files")} to quarantine/, ");
        // Of a HestiaStore directory only the repair itself counts what it keeps: segments that are mapped anew are in no count before it.
        if (!PathFormats.IsHestiaStore(plan.Path)) text.Append($"{Display.Count(plan.EntriesKept, "entry", "entries")} kept, ");
        text.Append(plan.Lost.Count == 0 ? "nothing lost." : $"{Display.Count(plan.Lost.Count, "range", "ranges")} lost.");
        foreach (var finding in plan.Findings) text.AppendLine().Append("  found: ").Append(finding);
        foreach (var action in plan.Actions) text.AppendLine().Append("  would: ").Append(action.File is null ? "" : action.File + ": ").Append(action.Message);
        foreach (var file in plan.Quarantined) text.AppendLine().Append("  to quarantine: ").Append(file);
        foreach (var loss in plan.Lost) text.AppendLine().Append("  lost: ").Append(loss.Message);
        if (plan.Lost.Count > 0 && !Force)
            text.AppendLine().Append("  Without -Force the repair stops here, because something would be lost.");
        return text.ToString();
    }
}
