namespace Hestia.Core.Control.Operations;

/// <summary>Wants another durability.</summary>
/// <param name="Durability">Which.</param>
internal sealed record DurabilityArguments(Durability Durability);

/// <summary>Changes the durability of the session and of the index.</summary>
internal sealed class DurabilityOperation() : ControlOperation<DurabilityArguments, DurabilityChange>(
    "durability", ControlJson.Default.DurabilityArguments, ControlJson.Default.DurabilityChange, isLong: true)
{
    protected override DurabilityChange Run(ControlCall call, DurabilityArguments arguments) =>
        call.Index.SetDurability(arguments.Durability, call.CancellationToken);
}
