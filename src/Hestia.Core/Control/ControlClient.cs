using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Hestia.Core.IO;
using Hestia.Core.Locking;

namespace Hestia.Core.Control;

/// <summary>
/// Asks the owner of an index, one connection for each request. Waits no longer than <see cref="ControlTiming"/> says for a word of the owner; giving up
/// hangs up, by which the owner knows. Thread-safe.
/// </summary>
internal sealed class ControlClient(string directory, Guid indexId, LockOwner owner)
{
    /// <summary>The process that is asked.</summary>
    public LockOwner Owner => owner;

    /// <summary>Asks for an operation and waits for its end.</summary>
    /// <exception cref="ControlUnreachableException">There is nobody at the endpoint; nothing was asked.</exception>
    /// <exception cref="HestiaException">What the owner failed with; AccessDenied, OwnerLost, TimedOut, ControlUnsupported.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the owner stops working on it.</exception>
    public TResult Call<TArguments, TResult>(
        ControlOperation<TArguments, TResult> operation,
        TArguments arguments,
        IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
        where TArguments : class => Call(operation, arguments, null, progress, cancellationToken);

    /// <inheritdoc cref="Call{TArguments, TResult}(ControlOperation{TArguments, TResult}, TArguments, IProgress{WorkProgress}?, CancellationToken)"/>
    /// <param name="operation">What is wanted.</param>
    /// <param name="arguments">What the operation needs to know.</param>
    /// <param name="data">Takes the bytes sent before the result.</param>
    /// <param name="progress">Told how far the owner is.</param>
    /// <param name="cancellationToken">Hangs up.</param>
    public TResult Call<TArguments, TResult>(
        ControlOperation<TArguments, TResult> operation,
        TArguments arguments,
        MemoryStream? data,
        IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
        where TArguments : class
    {
        var request = new ControlRequest
        {
            Operation = operation.Name,
            Index = indexId,
            Arguments = JsonSerializer.SerializeToElement(arguments, operation.ArgumentsType),
        };
        // On the pool: a caller may be on a thread whose context waits for it.
        return Task.Run(() => ExchangeAsync(request, operation.ResultType, data, progress, cancellationToken), CancellationToken.None)
            .GetAwaiter().GetResult();
    }

    private async Task<TResult> ExchangeAsync<TResult>(
        ControlRequest request, JsonTypeInfo<TResult> resultType, MemoryStream? data, IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
    {
        var stream = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                var body = JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest);
                if (body.Length > ControlFormat.MaxRequestBytes) throw new InvalidOperationException($"A request '{request.Operation}' is too long.");
                await WithPatience(
                    async token =>
                    {
                        await ControlStream.WriteAsync(stream, ControlFrameKind.Request, body, token).ConfigureAwait(false);
                        return true;
                    },
                    cancellationToken).ConfigureAwait(false);
                while (true)
                {
                    var (kind, answer) = await WithPatience(token => ReadFrameAsync(stream, token), cancellationToken).ConfigureAwait(false);
                    switch (kind)
                    {
                        case ControlFrameKind.Progress:
                            progress?.Report(JsonSerializer.Deserialize(answer, ControlJson.Default.WorkProgress));
                            break;
                        case ControlFrameKind.Data:
                            if (data is null || data.Length + answer.Length > ControlFormat.MaxDataBytes)
                                throw NotUnderstood("it sends more than was asked for.");
                            data.Write(answer);
                            break;
                        case ControlFrameKind.Result:
                            return JsonSerializer.Deserialize(answer, resultType) ?? throw NotUnderstood("the result is empty.");
                        case ControlFrameKind.Error:
                            throw (JsonSerializer.Deserialize(answer, ControlJson.Default.ControlError) ?? throw NotUnderstood("the error is empty."))
                                .ToException();
                        default:
                            throw NotUnderstood($"it sends a frame of kind {(int)kind}.");
                    }
                }
            }
            catch (Exception e) when (e is JsonException or InvalidDataException)
            {
                throw NotUnderstood(e.Message);
            }
            catch (IOException e)
            {
                throw new HestiaException(
                    HestiaErrorCode.OwnerLost,
                    $"The connection to the process that has '{directory}' open, {owner}, ended before it had answered: {e.Message}",
                    directory,
                    "See whether that process still runs; then try again.",
                    e);
            }
        }
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(ControlTiming.Connect);
        try
        {
            return await LocalEndpoint.ConnectAsync(directory, owner.Endpoint ?? "", owner.ProcessId, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoAnswer(ControlTiming.Connect);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HestiaException(
                HestiaErrorCode.AccessDenied,
                $"This user may not ask the process that has '{directory}' open, {owner}.",
                directory,
                OperatingSystem.IsWindows() ? "Run as the user of that process or as an Administrator." : "Run as the user of that process or as root.",
                e);
        }
        catch (Exception e) when (e is IOException or SocketException or TimeoutException)
        {
            throw new ControlUnreachableException(e.Message, e);
        }
    }

    private async Task<(ControlFrameKind Kind, byte[] Body)> ReadFrameAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = await ControlStream.ReadHeaderAsync(stream, cancellationToken).ConfigureAwait(false)
            ?? throw new EndOfStreamException("it hung up.");
        // An error is understood in any version: it may say that ours is not.
        if (header.Version != ControlFormat.Version && header.Kind != ControlFrameKind.Error)
            throw NotUnderstood($"it speaks version {header.Version} of the control protocol, this process version {ControlFormat.Version}.");
        if (header.Length > ControlFormat.MaxResponseBytes) throw NotUnderstood($"it sends a frame of {header.Length:N0} bytes.");
        return (header.Kind, await ControlStream.ReadBodyAsync(stream, (int)header.Length, cancellationToken).ConfigureAwait(false));
    }

    private async Task<T> WithPatience<T>(Func<CancellationToken, Task<T>> step, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(ControlTiming.Silence);
        try
        {
            return await step(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoAnswer(ControlTiming.Silence);
        }
    }

    private HestiaException NoAnswer(TimeSpan waited) => new(
        HestiaErrorCode.TimedOut,
        $"The process that has '{directory}' open, {owner}, did not answer within {waited.TotalSeconds:N0} s.",
        directory,
        "See whether that process is stopped or overloaded; then try again.");

    private HestiaException NotUnderstood(string what) => new(
        HestiaErrorCode.ControlUnsupported,
        $"The answer of the process that has '{directory}' open, {owner}, is not understood: {what}",
        directory,
        "Use the same version of Hestia in both processes.");
}

/// <summary>Nobody is at the endpoint that <c>.lock</c> names.</summary>
internal sealed class ControlUnreachableException(string message, Exception inner) : Exception(message, inner);
