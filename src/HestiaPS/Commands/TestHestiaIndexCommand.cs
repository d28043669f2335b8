using System.Management.Automation;
using Hestia.Core;
using Hestia.HestiaStore.Checking;

namespace HestiaPS.Commands;

/// <summary>Checks an index without changing a byte: every checksum, the order of keys, ranges, LSNs;
/// with -Deep the hash of each segment.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HestiaIndex", DefaultParameterSetName = PathSet)]
[OutputType(typeof(IndexTestResult), typeof(bool))]
public sealed class TestHestiaIndexCommand : IndexTargetCmdlet
{
    /// <summary>Also hashes every segment and compares the hash with its name.</summary>
    [Parameter]
    public SwitchParameter Deep { get; set; }

    /// <summary>Emits only whether the index is healthy, and no error if it is not.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        var options = new CheckOptions { Deep = Deep };
        var done = TryItem(target.Path, () => Run($"Checking {target.Name}", (progress, token) => target.Session is { } session
            ? session.Engine.Check(options, progress, token)
            : PathFormats.IsHestiaStore(target.Path) ? StoreChecker.Check(target.Path, progress, token)
            : IndexChecker.Check(target.Path, options, progress, token)), out var report);
        if (!done) return;
        if (Quiet)
        {
            WriteObject(report.Healthy);
            return;
        }

        var result = new IndexTestResult(report, Deep, target.Encodings().Keys);
        WriteObject(result);
        if (!result.Healthy)
        {
            WriteError(Failures.ToErrorRecord(new HestiaCommandException(
                CommandErrors.IndexUnhealthy, ErrorCategory.InvalidData,
                $"The index '{result.Path}' is damaged: {FindingInfo.Summary(result.Findings)}", result.Path,
                $"See Findings; then 'Repair-HestiaIndex -LiteralPath ''{result.Path}'' -WhatIf' says what can be saved, "
                    + "or restore a backup.")));
        }
    }
}
