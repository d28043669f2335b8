using System.Text.Json;
using Hestia.Core.Suspending;

namespace Hestia.Core.Control.Operations;

/// <summary>Wants the directory held still.</summary>
/// <param name="Seconds">For how long at most.</param>
internal sealed record SuspendArguments(double Seconds);

/// <summary>Flushes and holds the directory still. It belongs to no connection: it ends with <see cref="ResumeOperation"/>, or by its time limit.</summary>
internal sealed class SuspendOperation() : ControlOperation<SuspendArguments, SuspensionInfo>(
    "suspend", ControlJson.Default.SuspendArguments, ControlJson.Default.SuspensionInfo, isLong: true)
{
    protected override SuspensionInfo Run(ControlCall call, SuspendArguments arguments)
    {
        if (!(Math.Abs(arguments.Seconds) <= TimeSpan.MaxValue.TotalSeconds / 2)) throw new JsonException("so long a time there is not.");
        var info = call.Index.Suspend(TimeSpan.FromSeconds(arguments.Seconds), call.CancellationToken);
        if (!call.CancellationToken.IsCancellationRequested) return info;
        // Nobody is left who knows of it.
        call.Index.Resume(info.Began);
        throw new OperationCanceledException(call.CancellationToken);
    }
}

/// <summary>Wants a suspension ended.</summary>
/// <param name="Began">When the one that is meant began; null: whichever is in force.</param>
internal sealed record ResumeArguments(DateTimeOffset? Began);

/// <summary>Lets writers go on.</summary>
internal sealed class ResumeOperation() : ControlOperation<ResumeArguments, SuspensionResult>(
    "resume", ControlJson.Default.ResumeArguments, ControlJson.Default.SuspensionResult)
{
    protected override SuspensionResult Run(ControlCall call, ResumeArguments arguments) => call.Index.Resume(arguments.Began);
}
