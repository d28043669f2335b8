using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Control;
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
        var done = TryItem(target.Path, () => Run($"Checking the log of {target.Name}", (progress, token) =>
            Check(target, progress, token)), out var checkedBy);
        if (!done) return;
        var (report, via) = checkedBy;
        if (Quiet)
        {
            WriteObject(report.Healthy);
            return;
        }

        var result = new WalTestResult(report, target.Encodings().Keys, via);
        WriteObject(result);
        if (FindingInfo.IsOnlyUnsupported(result.Findings))
        {
            WriteError(Failures.NotUnderstood($"The log at '{result.Path}'", result.Path, result.Findings));
        }
        else if (result is { Healthy: true, OpenRefusal: { } refusal })
        {
            // No fault of the log, so no error of this cmdlet; but nobody should learn of it from the open.
            WriteWarning($"The log at '{result.Path}' is healthy, but the index does not open: {refusal.Code}: {refusal.Message}");
        }
        else if (!result.Healthy)
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

    /// <summary>The files are read in any case; who has the index open says how far its log must reach.</summary>
    private static (WalReport Report, IndexVia Via) Check(
        IndexTarget target, IProgress<WorkProgress> progress, CancellationToken token)
    {
        if (target.Session is { } session) return (WalInspector.Check(session.Engine, progress, token), IndexVia.Session);
        if (PathFormats.HasHestiaStoreLog(target.Path)) return (StoreWalInspector.Check(target.Path, progress, token), IndexVia.Files);
        return FindOwner(target.Path, token) is { } remote
            ? (WalInspector.Check(remote, progress, token), IndexVia.Endpoint)
            : (WalInspector.Check(target.Path, progress, token), IndexVia.Files);
    }

    /// <summary>Null also where the owner cannot be asked: its log can be read all the same.</summary>
    private static RemoteIndex? FindOwner(string path, CancellationToken token)
    {
        try
        {
            return IndexDescription.IsIndex(path) ? RemoteIndex.Find(path, token) : null;
        }
        catch (HestiaException)
        {
            return null;
        }
    }
}
