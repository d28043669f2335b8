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
        call.Index.Resume();
        throw new OperationCanceledException(call.CancellationToken);
    }
}

/// <summary>Lets writers go on.</summary>
internal sealed class ResumeOperation() : ControlOperation<NoArguments, SuspensionResult>(
    "resume", ControlJson.Default.NoArguments, ControlJson.Default.SuspensionResult)
{
    protected override SuspensionResult Run(ControlCall call, NoArguments arguments) => call.Index.Resume();
}
