using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Merges the segments of an index, so that reads look at fewer and what was
/// overwritten or removed gives back its space.</summary>
[Cmdlet(VerbsCommon.Optimize, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(OptimizeReport))]
public sealed class OptimizeHestiaIndexCommand : IndexTargetCmdlet
{
    private protected override void ProcessTarget(IndexTarget target)
    {
        if (!TryItem(target.Path, () => Explain(target), out var action) || !ShouldProcess(target.Path, action)) return;
        var done = TryItem(target.Path, () => Run($"Compacting {target.Name}", (progress, token) =>
            WithIndex(target, (index, via) => new OptimizeReport(index, index.Compact(progress, token), via), progress, token)), out var report);
        if (done) WriteObject(report);
    }

    private string Explain(IndexTarget target)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return "Compact";
        var (segments, bytes) = target.Session is { } session ? InUse(session.GetStatistics()) : Closed(IndexDescription.Read(target.Path));
        return $"Compact {Display.Segments(segments)} ({Display.Size(bytes)}); the next backup sends what is rewritten, at most that much";
    }

    private static (int Segments, long Bytes) InUse(IndexStatistics statistics) =>
        (statistics.Levels.Sum(level => level.Segments), statistics.SegmentBytes);

    private static (int Segments, long Bytes) Closed(IndexDescription description) =>
        (description.Segments, description.SegmentBytes);
}
