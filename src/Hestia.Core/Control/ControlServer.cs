using System.Diagnostics;
using Hestia.Core.IO;

namespace Hestia.Core.Control;

/// <summary>
/// The owner's end of the control endpoint. Waits for connections without a thread, serves so many at once and no more, and takes a thread only for
/// an operation that may wait. Nothing a client does or leaves undone is waited for longer than <see cref="ControlTiming"/> says. Thread-safe.
/// </summary>
internal sealed class ControlServer : IDisposable
{
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly WeakReference<HestiaIndex> _index; // an index that is forgotten instead of closed is not kept by being served
    private readonly LocalListener _listener;
    private readonly ControlLeases _leases;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _room = new(ControlTiming.MaxConnections);
    private readonly SemaphoreSlim _longRoom = new(ControlTiming.MaxLongOperations);
    private readonly object _gate = new();
    private int _serving;
    private bool _disposed;

    private ControlServer(HestiaIndex index, LocalListener listener)
    {
        _index = new WeakReference<HestiaIndex>(index);
        _listener = listener;
        _leases = new ControlLeases(index.Path, index.Context.Events);
    }

    /// <summary>What other processes need to find it.</summary>
    public string Name => _listener.Name;

    /// <summary>Begins to serve an index.</summary>
    /// <exception cref="IOException">There can be no endpoint here.</exception>
    /// <exception cref="UnauthorizedAccessException">There can be no endpoint here.</exception>
    public static ControlServer Start(HestiaIndex index)
    {
        var server = new ControlServer(index, LocalEndpoint.Listen(index.Path));
        // Not with the context of whoever opens the index: it would be kept for as long as the index is open.
        ThreadPool.UnsafeQueueUserWorkItem(static server => _ = server.AcceptAsync(), server, preferLocal: false);
        return server;
    }

    /// <summary>Takes no more requests, cancels the running ones and waits a moment until they have ended.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }

        _stop.Cancel();
        _listener.Dispose();
        _leases.Dispose();
        lock (_gate)
        {
            // With nothing to wait for this takes no thread of the pool, all of which may be busy writing.
            var until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
            while (_serving > 0 && until - Environment.TickCount64 is > 0 and var rest) Monitor.Wait(_gate, (int)rest);
        }
    }

    private async Task AcceptAsync()
    {
        var pace = new AcceptPace();
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                await _room.WaitAsync(_stop.Token).ConfigureAwait(false);
                var taken = false;
                try
                {
                    await pace.WaitAsync(_stop.Token).ConfigureAwait(false);
                    if (await _listener.AcceptAsync(_stop.Token).ConfigureAwait(false) is not { } stream) continue;
                    taken = true;
                    _ = ServeAsync(stream);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException && !_stop.IsCancellationRequested)
                {
                    // Out of descriptors, a client that was gone before it was there, or no leave for the next pipe. The endpoint is not worth failing for.
                    await Task.Delay(FailurePause, _stop.Token).ConfigureAwait(false);
                }
                finally
                {
                    if (!taken) _room.Release();
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            // being closed
        }
    }

    private async Task ServeAsync(Stream stream)
    {
        try
        {
            await using (stream.ConfigureAwait(false))
            {
                lock (_gate)
                {
                    if (_disposed) return;
                    _serving++;
                }

                try
                {
                    if (_index.TryGetTarget(out var index))
                        await new ControlConnection(index, _leases, stream, _longRoom, _stop.Token).RunAsync().ConfigureAwait(false);
                }
                finally
                {
                    lock (_gate)
                    {
                        _serving--;
                        Monitor.PulseAll(_gate);
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidDataException)
        {
            // The client is gone, too slow or no client of ours: that is its own affair.
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>Spreads a flood of connections over time, so that it costs the owner little; a few at once pass as they come.</summary>
    private sealed class AcceptPace
    {
        private const int Burst = 64;

        private double _tokens = Burst;
        private long _last = Stopwatch.GetTimestamp();

        public async ValueTask WaitAsync(CancellationToken cancellationToken)
        {
            var now = Stopwatch.GetTimestamp();
            _tokens = Math.Min(Burst, _tokens + (Stopwatch.GetElapsedTime(_last, now).TotalSeconds * ControlTiming.AcceptsPerSecond));
            _last = now;
            if (--_tokens >= 0) return;
            await Task.Delay(TimeSpan.FromSeconds(-_tokens / ControlTiming.AcceptsPerSecond), cancellationToken).ConfigureAwait(false);
        }
    }
}
