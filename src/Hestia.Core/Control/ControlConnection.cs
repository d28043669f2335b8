using System.Text.Json;

namespace Hestia.Core.Control;

/// <summary>One request of a client, from its first byte to the end of the connection.</summary>
internal sealed class ControlConnection(
    HestiaIndex index, ControlLeases leases, Stream stream, SemaphoreSlim longRoom, CancellationToken closing)
{
    private readonly NewestProgress _progress = new();

    public async Task RunAsync()
    {
        ControlOperation operation;
        ControlRequest request;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(closing);
            patience.CancelAfter(ControlTiming.Request);
            if (await ReadRequestAsync(patience.Token).ConfigureAwait(false) is not { } read) return;
            request = read;
            operation = Understand(request);
        }
        catch (HestiaException e)
        {
            await SendErrorAsync(e).ConfigureAwait(false);
            return;
        }

        if (!operation.IsLong)
        {
            await ServeAsync(operation, request).ConfigureAwait(false);
            return;
        }

        if (!longRoom.Wait(0, CancellationToken.None))
        {
            await SendErrorAsync(new HestiaException(
                HestiaErrorCode.TimedOut,
                $"The owner of '{index.Path}' (pid {Environment.ProcessId}) is at work on {ControlTiming.MaxLongOperations} requests of others.",
                index.Path,
                "Try again when they are done.")).ConfigureAwait(false);
            return;
        }

        try
        {
            await ServeAsync(operation, request).ConfigureAwait(false);
        }
        finally
        {
            longRoom.Release();
        }
    }

    private async Task<ControlRequest?> ReadRequestAsync(CancellationToken cancellationToken)
    {
        if (await ControlStream.ReadHeaderAsync(stream, cancellationToken).ConfigureAwait(false) is not { } header) return null;
        if (header.Version != ControlFormat.Version)
        {
            throw new HestiaException(
                HestiaErrorCode.ControlUnsupported,
                $"The owner of '{index.Path}' (pid {Environment.ProcessId}) speaks version {ControlFormat.Version} of the control protocol; "
                    + $"the request is in version {header.Version}.",
                index.Path,
                "Use the same version of Hestia in both processes.");
        }

        if (header.Kind != ControlFrameKind.Request) throw Malformed($"a frame of kind {(int)header.Kind} is no request.");
        if (header.Length > ControlFormat.MaxRequestBytes)
            throw Malformed($"it claims {header.Length:N0} bytes; at most {ControlFormat.MaxRequestBytes:N0} are read.");
        var body = await ControlStream.ReadBodyAsync(stream, (int)header.Length, cancellationToken).ConfigureAwait(false);
        try
        {
            return JsonSerializer.Deserialize(body, ControlJson.Default.ControlRequest) ?? throw Malformed("it is empty.");
        }
        catch (JsonException e)
        {
            throw Malformed(e.Message);
        }
    }

    private ControlOperation Understand(ControlRequest request)
    {
        if (request.Index is { } id && id != index.Id)
        {
            throw new HestiaException(
                HestiaErrorCode.ForeignFile,
                $"The process {Environment.ProcessId} serves index {index.Id} here, not {id}: the folder '{index.Path}' was replaced while it was open.",
                index.Path,
                "Close the index in that process.");
        }

        return ControlOperations.Find(request.Operation) ?? throw new HestiaException(
            HestiaErrorCode.ControlUnsupported,
            $"The owner of '{index.Path}' (pid {Environment.ProcessId}) knows no operation '{request.Operation}'.",
            index.Path,
            "Use the same version of Hestia in both processes.");
    }

    private async Task ServeAsync(ControlOperation operation, ControlRequest request)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(closing);
        using var done = new CancellationTokenSource();
        var call = new ControlCall(index, leases, _progress, cancel.Token);
        var work = operation.IsLong
            ? Task.Factory.StartNew(() => operation.Run(call, request.Arguments), CancellationToken.None,
                TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default)
            : Task.Run(() => operation.Run(call, request.Arguments), CancellationToken.None);
        var hangUp = HangUpAsync(done.Token);
        var alive = await WatchAsync(work, hangUp).ConfigureAwait(false);
        if (!alive) await cancel.CancelAsync().ConfigureAwait(false);
        byte[]? result = null;
        HestiaException? failure = null;
        try
        {
            // Also of a client that is gone: its work holds a place until it has ended.
            result = await work.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failure = ToReport(e);
        }

        try
        {
            if (!alive) return;
            if (failure is not null) await SendErrorAsync(failure).ConfigureAwait(false);
            else await SendResultAsync(call.Data, result!).ConfigureAwait(false);
        }
        finally
        {
            await done.CancelAsync().ConfigureAwait(false);
            await hangUp.ConfigureAwait(false);
        }
    }

    /// <summary>Tells the client how far the work is until it is done; false if the client has hung up.</summary>
    private async Task<bool> WatchAsync(Task work, Task hangUp)
    {
        var silent = TimeSpan.Zero;
        while (true)
        {
            using var wake = new CancellationTokenSource();
            var first = await Task.WhenAny(work, hangUp, Task.Delay(ControlTiming.Progress, wake.Token)).ConfigureAwait(false);
            await wake.CancelAsync().ConfigureAwait(false);
            if (first == work) return true;
            if (first == hangUp) return false;
            silent += ControlTiming.Progress;
            if (!_progress.TryTake(out var newest) && silent < ControlTiming.Heartbeat) continue;
            silent = TimeSpan.Zero;
            try
            {
                await SendAsync(ControlFrameKind.Progress, JsonSerializer.SerializeToUtf8Bytes(newest, ControlJson.Default.WorkProgress))
                    .ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                return false;
            }
        }
    }

    /// <summary>Ends when the client hangs up. It has nothing more to say, so whatever else it sends ends it as well.</summary>
    private async Task HangUpAsync(CancellationToken cancellationToken)
    {
        try
        {
            await stream.ReadAsync(new byte[1], cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // gone, or no longer waited for
        }
    }

    private async Task SendResultAsync(List<ReadOnlyMemory<byte>> data, byte[] result)
    {
        foreach (var item in data)
        {
            for (var rest = item; rest.Length > 0;)
            {
                var part = rest[..Math.Min(rest.Length, ControlFormat.MaxResponseBytes)];
                await SendAsync(ControlFrameKind.Data, part).ConfigureAwait(false);
                rest = rest[part.Length..];
            }
        }

        await SendAsync(ControlFrameKind.Result, result).ConfigureAwait(false);
    }

    private Task SendErrorAsync(HestiaException e) =>
        SendAsync(ControlFrameKind.Error, JsonSerializer.SerializeToUtf8Bytes(ControlError.From(e), ControlJson.Default.ControlError));

    private async Task SendAsync(ControlFrameKind kind, ReadOnlyMemory<byte> body)
    {
        using var patience = new CancellationTokenSource(ControlTiming.Send);
        await ControlStream.WriteAsync(stream, kind, body, patience.Token).ConfigureAwait(false);
    }

    private HestiaException ToReport(Exception e) => e switch
    {
        HestiaException known => known,
        JsonException => Malformed(e.Message),
        OperationCanceledException => new HestiaException(
            HestiaErrorCode.IndexClosed, $"The index '{index.Path}' is being closed by its owner (pid {Environment.ProcessId}).", index.Path, "Try again."),
        IOException or UnauthorizedAccessException => HestiaException.FromIO(e, index.Path, "serving a request on"),
        _ => new HestiaException(
            HestiaErrorCode.InternalError, $"The owner of '{index.Path}' (pid {Environment.ProcessId}) failed with {e.GetType().Name}: {e.Message}",
            index.Path, "Please report it.", e),
    };

    private HestiaException Malformed(string what) => new(
        HestiaErrorCode.ControlUnsupported, $"A request to the owner of '{index.Path}' is not understood: {what}", index.Path,
        "Use the same version of Hestia in both processes.");

    /// <summary>The newest report that was not sent yet.</summary>
    private sealed class NewestProgress : IProgress<WorkProgress>
    {
        private readonly object _gate = new();
        private WorkProgress _newest = new("", 0, 0, 0, 0);
        private bool _isNew;

        public void Report(WorkProgress value)
        {
            lock (_gate) (_newest, _isNew) = (value, true);
        }

        public bool TryTake(out WorkProgress newest)
        {
            lock (_gate)
            {
                newest = _newest;
                var isNew = _isNew;
                _isNew = false;
                return isNew;
            }
        }
    }
}
