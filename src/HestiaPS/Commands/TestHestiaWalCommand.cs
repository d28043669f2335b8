using System.Management.Automation;
using Hestia.Core.Wal;
using Hestia.HestiaStore.Wal;

namespace HestiaPS.Commands;

/// <summary>Checks the write-ahead log of an index, a wal directory or one log file, in use or not, without changing a byte.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HestiaWal", DefaultParameterSetName = PathSet)]
[OutputType(typeof(WalTestResult), typeof(bool))]
public sealed class TestHestiaWalCommand : IndexTargetCmdlet
{
    /// <summary>Emits only whether the log is healthy, and no error if it is not.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        var done = TryItem(target.Path, () => Run($"Checking the log of {target.Name}", (_, token) =>
            PathFormats.HasHestiaStoreLog(target.Path) ? StoreWalInspector.Check(target.Path, token) : WalInspector.Check(target.Path, token)), out var report);
        if (!done) return;
        if (Quiet)
        {
            WriteObject(report.Healthy);
            return;
        }

        var result = new WalTestResult(report, target.Encodings().Keys);
        WriteObject(result);
        if (!result.Healthy)
        {
            WriteError(Failures.ToErrorRecord(new HestiaCommandException(
                CommandErrors.WalUnhealthy, ErrorCategory.InvalidData,
                $"The log at '{result.Path}' is damaged: {FindingInfo.Summary(result.Findings)} {OpenWould(result)}",
                    result.Path,
                "See Findings; then run Test-HestiaIndex on the index, and Repair-HestiaIndex with -WhatIf to see what can be saved.")));
        }
    }

    private static string OpenWould(WalTestResult result) =>
        result.OpenWould.StartsWith("HestiaStore ", StringComparison.Ordinal) ? result.OpenWould : $"Open would: {result.OpenWould}";
}
