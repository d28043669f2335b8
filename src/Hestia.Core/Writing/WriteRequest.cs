using Hestia.Core.IO;
using Hestia.Core.Suspending;

namespace Hestia.Core.Writing;

/// <summary>
/// One waiting writer, or a piece of work that has to run between writes. Each thread reuses its own. The leader finishes it exactly
/// once; the event is set after the state, and the waiter looks at the state, so a late set of an earlier use only wakes it once for nothing.
/// </summary>
internal sealed class WriteRequest
{
    private const int Waiting = 0;
    private const int Leading = 1;
    private const int Done = 2;

    [ThreadStatic]
    private static WriteRequest? t_cached;

    private readonly ThreadSignal _event = new();
    private int _state;

    /// <summary>The operations to write, or null for work.</summary>
    public WriteBatch? Batch { get; private set; }

    /// <summary>Work to run alone, while no write is under way.</summary>
    public Action? Work { get; private set; }

    /// <summary>Until when it may wait before it is begun.</summary>
    public long Deadline { get; private set; }

    /// <summary>LSN of the last operation, once done.</summary>
    public Lsn Result { get; private set; }

    public Exception? Error { get; private set; }

    public bool IsDone => Volatile.Read(ref _state) == Done;

    public static WriteRequest ForThisThread(WriteBatch? batch, Action? work, long deadline = WriteDeadline.None)
    {
        var request = t_cached ?? new WriteRequest();
        t_cached = null; // work that writes in turn gets another one
        request.Batch = batch;
        request.Work = work;
        request.Deadline = deadline;
        request.Error = null;
        request.Result = Lsn.None;
        Volatile.Write(ref request._state, Waiting);
        return request;
    }

    /// <summary>Gives the request back for the thread's next write.</summary>
    public void Recycle()
    {
        Batch = null;
        Work = null;
        Error = null;
        t_cached = this;
    }

    /// <summary>Waits until the request is done (false) or its thread has become the leader (true).</summary>
    public bool WaitForTurn(WorkScheduler scheduler, bool brief)
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            if (state == Done) return false;
            if (state == Leading) return true;
            scheduler.Wait(_event, brief);
            _event.Reset();
        }
    }

    public void Lead(WorkScheduler scheduler)
    {
        Volatile.Write(ref _state, Leading);
        scheduler.Wake(_event);
    }

    public void Complete(Lsn result, Exception? error, WorkScheduler scheduler)
    {
        Result = result;
        Error = error;
        Volatile.Write(ref _state, Done);
        scheduler.Wake(_event);
    }

    /// <summary>As <see cref="Complete"/>, by the thread that owns the request itself.</summary>
    public void CompleteOwn(Lsn result, Exception? error)
    {
        Result = result;
        Error = error;
        Volatile.Write(ref _state, Done);
    }
}
