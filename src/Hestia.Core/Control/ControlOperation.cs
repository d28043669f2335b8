using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Hestia.Core.Control;

/// <summary>Something other processes may ask of the owner of an index. To add one: a class of its own, and a line in <see cref="ControlOperations"/>.</summary>
internal abstract class ControlOperation(string name, bool isLong)
{
    /// <summary>Its name in a request.</summary>
    public string Name => name;

    /// <summary>
    /// Whether it may wait for the disk or for other threads. Such a one gets a thread of its own, as many as
    /// <see cref="ControlTiming.MaxLongOperations"/> at once, and its client is told how far it is.
    /// </summary>
    public bool IsLong => isLong;

    /// <summary>Does it.</summary>
    /// <exception cref="HestiaException">It was not done.</exception>
    /// <exception cref="JsonException">The arguments are not its own.</exception>
    public abstract byte[] Run(ControlCall call, JsonElement arguments);
}

/// <inheritdoc cref="ControlOperation"/>
internal abstract class ControlOperation<TArguments, TResult>(
    string name, JsonTypeInfo<TArguments> argumentsType, JsonTypeInfo<TResult> resultType, bool isLong = false) : ControlOperation(name, isLong)
    where TArguments : class
{
    public JsonTypeInfo<TArguments> ArgumentsType => argumentsType;

    public JsonTypeInfo<TResult> ResultType => resultType;

    public sealed override byte[] Run(ControlCall call, JsonElement arguments)
    {
        var given = arguments.ValueKind == JsonValueKind.Undefined ? null : arguments.Deserialize(argumentsType);
        return JsonSerializer.SerializeToUtf8Bytes(Run(call, given ?? throw new JsonException("the arguments are missing.")), resultType);
    }

    protected abstract TResult Run(ControlCall call, TArguments arguments);
}

/// <summary>One request being worked on.</summary>
internal sealed class ControlCall(
    HestiaIndex index, ControlLeases leases, IProgress<WorkProgress> progress, CancellationToken cancellationToken)
{
    public HestiaIndex Index => index;

    /// <summary>What is held for clients between their requests.</summary>
    public ControlLeases Leases => leases;

    /// <summary>Only the newest report reaches the client.</summary>
    public IProgress<WorkProgress> Progress => progress;

    /// <summary>Cancelled when the client has hung up or the index is being closed.</summary>
    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>Bytes sent before the result, for what does not fit into it.</summary>
    public List<ReadOnlyMemory<byte>> Data { get; } = [];
}
