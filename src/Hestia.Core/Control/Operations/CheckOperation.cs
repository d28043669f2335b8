using System.Text.Json;
using Hestia.Core.Consistency;

namespace Hestia.Core.Control.Operations;

/// <summary>Checks the index while it works. Of very many findings the worst are told, and how many more there are.</summary>
internal sealed class CheckOperation() : ControlOperation<CheckOptions, CheckReport>(
    "check", ControlJson.Default.CheckOptions, ControlJson.Default.CheckReport, isLong: true)
{
    protected override CheckReport Run(ControlCall call, CheckOptions arguments) =>
        Fit(call.Index.Check(arguments, call.Progress, call.CancellationToken));

    /// <summary>A report whose JSON is no longer than a frame may be.</summary>
    internal static CheckReport Fit(CheckReport report)
    {
        var all = report.Findings; // worst first
        for (var kept = all.Count; ; kept /= 2)
        {
            var shown = kept == all.Count ? report : report with { Findings = Shorten(all, kept) };
            if (JsonSerializer.SerializeToUtf8Bytes(shown, ControlJson.Default.CheckReport).Length <= ControlFormat.MaxResponseBytes) return shown;
        }
    }

    private static List<Finding> Shorten(IReadOnlyList<Finding> all, int kept)
    {
        var result = new List<Finding>(kept + 1);
        for (var i = 0; i < kept; i++) result.Add(all[i]);
        result.Add(new Finding(
            FindingSeverity.Information, CheckFindings.MoreFindings, $"{all.Count - kept:N0} more findings, none worse than these, are not shown."));
        return result;
    }
}
