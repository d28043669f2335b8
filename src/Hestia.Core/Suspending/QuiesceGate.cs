namespace Hestia.Core.Suspending;

/// <summary>
/// What changes files of the directory beside the commit leader passes here: flush, compaction, deletion of retired files, the next log file, the state of
/// the archive. Closed, it lets nobody in, and who closes it waits until those inside have left. Who holds it must not wait for the commit
/// leader, who may be the one that closes it. Thread-safe.
/// </summary>
internal sealed class QuiesceGate(WorkScheduler scheduler)
{
    private readonly object _gate = new();
    private CancellationTokenSource _leaving = new();
    private int _inside;
    private bool _closed;

    /// <summary>Cancelled when the gate closes: long work inside should give up and come again. Taken while inside.</summary>
    public CancellationToken Leaving
    {
        get
        {
            lock (_gate) return _leaving.Token;
        }
    }

    public bool IsClosed
    {
        get
        {
            lock (_gate) return _closed;
        }
    }

    /// <summary>Enters unless it is closed; for background work, which comes again when it opens.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_closed) return false;
            _inside++;
            return true;
        }
    }

    /// <summary>Enters, once it is open; for work that somebody waits for.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled before.</exception>
    public void Enter(CancellationToken cancellationToken)
    {
        while (!TryEnter()) scheduler.WaitUntil(_gate, () => !_closed, Timeout.InfiniteTimeSpan, cancellationToken);
    }

    public void Exit()
    {
        lock (_gate)
        {
            _inside--;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Closes, and waits until nobody is inside. Cancelled, it is open again.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Close(CancellationToken cancellationToken)
    {
        CancellationTokenSource leaving;
        lock (_gate)
        {
            _closed = true;
            leaving = _leaving;
        }

        leaving.Cancel();
        try
        {
            scheduler.WaitUntil(_gate, () => _inside == 0, Timeout.InfiniteTimeSpan, cancellationToken);
        }
        catch
        {
            Open();
            throw;
        }
    }

    public void Open()
    {
        lock (_gate)
        {
            if (!_closed) return;
            _closed = false;
            _leaving = new CancellationTokenSource(); // the old one goes with those who hold its token
            Monitor.PulseAll(_gate);
        }
    }
}
