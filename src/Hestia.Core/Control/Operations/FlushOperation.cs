namespace Hestia.Core.Control.Operations;

/// <summary>Writes what is in memory into segments.</summary>
internal sealed class FlushOperation() : ControlOperation<NoArguments, FlushResult>(
    "flush", ControlJson.Default.NoArguments, ControlJson.Default.FlushResult, isLong: true)
{
    protected override FlushResult Run(ControlCall call, NoArguments arguments) => call.Index.Flush(call.Progress, call.CancellationToken);
}
