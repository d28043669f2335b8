namespace Hestia.Core.Control.Operations;

/// <summary>The index in numbers.</summary>
internal sealed class StatusOperation() : ControlOperation<NoArguments, IndexStatus>(
    "status", ControlJson.Default.NoArguments, ControlJson.Default.IndexStatus)
{
    protected override IndexStatus Run(ControlCall call, NoArguments arguments) => call.Index.GetStatus();
}
