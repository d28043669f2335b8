using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Control;
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
        var done = TryItem(target.Path, () => Run($"Checking {target.Name}", (progress, token) => Check(target, options, progress, token)), out var checkedBy);
        if (!done) return;
        var (report, via) = checkedBy;
        if (Quiet)
        {
            WriteObject(report.Healthy);
            return;
        }

        var result = new IndexTestResult(report, Deep, target.Encodings().Keys, via);
        WriteObject(result);
        if (FindingInfo.IsOnlyUnsupported(result.Findings))
        {
            WriteError(Failures.NotUnderstood($"The index '{result.Path}'", result.Path, result.Findings));
        }
        else if (!result.Healthy)
        {
            WriteError(Failures.ToErrorRecord(new HestiaCommandException(
                CommandErrors.IndexUnhealthy, ErrorCategory.InvalidData,
                $"The index '{result.Path}' is damaged: {FindingInfo.Summary(result.Findings)}", result.Path,
                $"See Findings; then 'Repair-HestiaIndex -LiteralPath ''{result.Path}'' -WhatIf' says what can be saved, "
                    + "or restore a backup.")));
        }
    }

    /// <summary>A closed index is read as it lies there, without opening it: it may be damaged.</summary>
    private static (CheckReport Report, IndexVia Via) Check(
        IndexTarget target, CheckOptions options, IProgress<WorkProgress> progress, CancellationToken token)
    {
        if (target.Session is { } session) return (session.Engine.Check(options, progress, token), IndexVia.Session);
        if (PathFormats.IsHestiaStore(target.Path)) return (StoreChecker.Check(target.Path, progress, token), IndexVia.Files);
        return RemoteIndex.Find(target.Path, token) is { } remote
            ? (remote.Check(options, progress, token), IndexVia.Endpoint)
            : (IndexChecker.Check(target.Path, options, progress, token), IndexVia.Files);
    }
}
