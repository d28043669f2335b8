using System.Management.Automation;

namespace HestiaPS.Commands;

/// <summary>Flushes and closes sessions.</summary>
[Cmdlet(VerbsCommon.Close, "HestiaIndex", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(void))]
public sealed class CloseHestiaIndexCommand : HestiaCmdlet
{
    /// <summary>Sessions from Open-HestiaIndex.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [IndexSessionTransformation]
    [ArgumentCompleter(typeof(Completion.SessionCompleter))]
    [ValidateNotNullOrEmpty]
    public IndexSession[] Index { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var session in Index)
        {
            if (!TryItem(session, () => session.Engine, out _)) continue;
            if (!ShouldProcess(session.ToString(), Explain(session))) continue;
            TryItem(session, () => Run($"Closing {session.Name}", (progress, _) =>
            {
                session.Close(progress);
                return true;
            }), out _);
        }
    }

    private string Explain(IndexSession session)
    {
        const string Close = "Close the index";
        if (!WillExplain(ConfirmImpact.Low) || session.IsReadOnly) return Close;
        return $"{Close} and flush {Display.Unflushed(session.Engine)}";
    }
}
