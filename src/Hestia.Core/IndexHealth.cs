using Hestia.Core.Diagnostics;

namespace Hestia.Core;

/// <summary>
/// The state of an open index and, once failed, why. Ready may become Failed or Closing; Failed only Closing; Closing only Closed.
/// Thread-safe.
/// </summary>
internal sealed class IndexHealth(string path, IndexCounters counters, IndexEvents? events = null)
{
    private readonly object _gate = new();
    private volatile IndexState _state = IndexState.Opening;
    private volatile Exception? _cause;

    public IndexState State => _state;

    /// <summary>Why the index failed, or null.</summary>
    public Exception? Cause => _cause;

    public void Opened()
    {
        lock (_gate)
            if (_state == IndexState.Opening) _state = IndexState.Ready;
    }

    /// <summary>The first failure stays; returns whether this was the first.</summary>
    public bool Fail(Exception cause)
    {
        if (IO.IOErrors.IsSyncFailure(cause)) counters.SyncFailed();
        lock (_gate)
        {
            if (_cause is not null) return false;
            _cause = cause;
            if (_state is IndexState.Ready or IndexState.Opening) _state = IndexState.Failed;
        }

        events?.Raise(
            IndexEventId.Failed, IndexEventLevel.Error, cause,
            "The index {IndexName} ({IndexPath}) has failed and takes no more writes: {Reason}", ("Reason", cause.Message));
        return true;
    }

    /// <summary>Begins closing; false if that happened already.</summary>
    public bool BeginClose()
    {
        lock (_gate)
        {
            if (_state is IndexState.Closing or IndexState.Closed) return false;
            _state = IndexState.Closing;
            return true;
        }
    }

    public void Closed() => _state = IndexState.Closed;

    /// <exception cref="HestiaException">IndexClosed.</exception>
    public void RequireReadable()
    {
        if (_state is IndexState.Ready or IndexState.Failed) return;
        throw NotOpen();
    }

    /// <exception cref="HestiaException">IndexFailed with the cause, IndexClosed.</exception>
    public void RequireWritable()
    {
        if (_state == IndexState.Ready) return;
        if (_cause is { } cause && _state != IndexState.Closed) throw Failed(cause);
        throw NotOpen();
    }

    public HestiaException Failed(Exception cause) => new(
        HestiaErrorCode.IndexFailed,
        $"The index '{path}' refuses writes since it failed: {cause.Message}",
        path,
        "Close it, check the device and the system log, and open it again; recovery keeps every acknowledged write.",
        cause);

    private HestiaException NotOpen() => new(HestiaErrorCode.IndexClosed, $"The index '{path}' is closed.", path, "Open it again.");
}
