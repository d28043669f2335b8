using System.Text.Json;

namespace Hestia.Core.Control;

/// <summary>Body of a request.</summary>
internal sealed record ControlRequest
{
    /// <summary>Name of the operation.</summary>
    public required string Operation { get; init; }

    /// <summary>Identity of the index that is meant; null for whichever the endpoint serves.</summary>
    public Guid? Index { get; init; }

    /// <summary>What the operation needs to know; its type is the operation's own.</summary>
    public JsonElement Arguments { get; init; }
}

/// <summary>Body of an error.</summary>
/// <param name="Code">Name of a <see cref="HestiaErrorCode"/>.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Target">What it is about, or null.</param>
/// <param name="Action">The way out, or null.</param>
internal sealed record ControlError(string Code, string Message, string? Target, string? Action)
{
    public static ControlError From(HestiaException e)
    {
        // The action ends the message of the exception, and will again where this is made into one.
        var message = e.RecommendedAction is { } action && e.Message.EndsWith(action, StringComparison.Ordinal)
            ? e.Message[..^action.Length].TrimEnd()
            : e.Message;
        return new ControlError(e.Code.ToString(), message, e.Target, e.RecommendedAction);
    }

    public HestiaException ToException() => new(
        Enum.TryParse<HestiaErrorCode>(Code, out var code) ? code : HestiaErrorCode.InternalError, Message, Target, Action);
}

/// <summary>For operations that need none.</summary>
internal sealed record NoArguments;
