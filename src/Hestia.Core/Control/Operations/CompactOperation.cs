namespace Hestia.Core.Control.Operations;

/// <summary>Merges all segments.</summary>
internal sealed class CompactOperation() : ControlOperation<NoArguments, CompactionResult>(
    "compact", ControlJson.Default.NoArguments, ControlJson.Default.CompactionResult, isLong: true)
{
    protected override CompactionResult Run(ControlCall call, NoArguments arguments) => call.Index.Compact(call.Progress, call.CancellationToken);
}
