using System.Management.Automation;

namespace HestiaPS;

/// <summary>
/// Lets a deserialized session bind to -Index as a session that is not live, so that the cmdlet can say SessionNotLive; binding it by its
/// Path property instead would quietly work on another thing than the one that was meant. Everything else passes as it is.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class IndexSessionTransformationAttribute : ArgumentTransformationAttribute
{
    private const string Deserialized = "Deserialized.HestiaPS.IndexSession";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        if (inputData is object[] several && Array.Exists(several, IsDeserialized))
            return Array.ConvertAll(several, item => IsDeserialized(item) ? StandIn(item) : item);
        return IsDeserialized(inputData) ? StandIn(inputData) : inputData;
    }

    private static bool IsDeserialized(object item) => item is PSObject wrapped && wrapped.TypeNames.Contains(Deserialized);

    private static IndexSession StandIn(object item)
    {
        var properties = ((PSObject)item).Properties;
        return IndexSession.NotLive(
            properties[nameof(IndexSession.Name)]?.Value as string ?? "?",
            properties[nameof(IndexSession.Path)]?.Value as string ?? "?");
    }
}
