namespace Hestia.Core;

/// <summary>
/// Work that runs on a thread of its own while there is some, and on none while there is not. <see cref="Signal"/> while it runs makes it
/// look again. Thread-safe.
/// </summary>
internal sealed class BackgroundWork(IndexContext context, string name, Func<bool> step)
{
    private readonly object _gate = new();
    private bool _running;
    private bool _again;
    private bool _stopped;

    /// <summary>There may be something to do.</summary>
    public void Signal()
    {
        lock (_gate)
        {
            if (_stopped) return;
            _again = true;
            if (_running) return;
            _running = true;
        }

        try
        {
            context.Options.Scheduler.Start(name, Run);
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            // No thread to be had (a limit on processes). Waiting for a pool thread is better than for one that never comes.
            ThreadPool.UnsafeQueueUserWorkItem(static work => work.Run(), this, preferLocal: false);
        }
    }

    /// <summary>Lets the running step end and starts no other; returns when nothing runs any more.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
        }

        WaitIdle(CancellationToken.None);
    }

    /// <summary>Waits until nothing runs.</summary>
    public void WaitIdle(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.Register(() =>
        {
            lock (_gate) Monitor.PulseAll(_gate);
        });
        while (context.Options.Scheduler.TryRunPending())
        {
            // as far as the waiting thread is the one that runs it
        }

        lock (_gate)
        {
            while (_running)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_stopped || !_again)
                {
                    _running = false;
                    Monitor.PulseAll(_gate);
                    return;
                }

                _again = false;
            }

            // A step says whether there is more to do. It handles the failures it knows; any other fails the index, not the process.
            try
            {
                while (!Volatile.Read(ref _stopped) && step())
                {
                }
            }
            catch (Exception e)
            {
                context.Health.Fail(e);
            }
        }
    }
}
