using System.Diagnostics;
using Hestia.Core.Diagnostics;

namespace Hestia.Core.Suspending;

/// <summary>
/// The window in which nothing in the directory changes: when it began, who waits for its end, and how it ended. Begun by the commit leader,
/// behind a closed <see cref="QuiesceGate"/>; the leaders that come after it wait here, and with them every writer. Thread-safe.
/// </summary>
internal sealed class Suspension(IndexContext context)
{
    /// <summary>So many windows that nobody has asked for since are remembered.</summary>
    private const int MaxExpired = 16;

    private readonly object _gate = new();
    private readonly WorkScheduler _scheduler = context.Options.Scheduler;
    private volatile SuspensionInfo? _current;
    private readonly List<SuspensionResult> _expired = []; // told to the Resume that comes too late; the newest last
    private bool _endedByLimit; // the last one
    private IDisposable? _timer;
    private long _began;

    /// <summary>Called when writers and background work may go on.</summary>
    public Action? Over { get; set; }

    public SuspensionInfo? Current => _current;

    /// <exception cref="HestiaException">IndexSuspended.</exception>
    public void RequireNone()
    {
        if (_current is not { } current) return;
        throw new HestiaException(
            HestiaErrorCode.IndexSuspended,
            $"The index '{context.Path}' has been suspended since {current.Began:u}, until {current.Until:u} at the latest.",
            context.Path,
            "Wait for its end, or end it with Resume.");
    }

    /// <summary>The commit leader's, with the gate closed and nothing left to write.</summary>
    public SuspensionInfo Begin(Lsn lsn, TimeSpan duration)
    {
        var now = context.Files.Clock.GetUtcNow();
        var info = new SuspensionInfo(lsn, now, now + duration);
        lock (_gate)
        {
            _endedByLimit = false;
            _began = Stopwatch.GetTimestamp();
            _current = info;
            _timer = _scheduler.After(duration, () => End(SuspensionEnd.Expired, info.Began)); // and none that began while the timer was on its way
        }

        context.Events?.Raise(
            IndexEventId.Suspended, IndexEventLevel.Information,
            "The index {IndexName} ({IndexPath}) is suspended at LSN {Lsn} until {Until} at the latest; writers wait.",
            ("Lsn", lsn.Value), ("Until", info.Until.ToString("u")));
        return info;
    }

    /// <summary>
    /// Ends the window; null if there is none, or another one than the one that began then. Closing keeps the gate closed: nothing is to change any more.
    /// </summary>
    public SuspensionResult? End(SuspensionEnd how, DateTimeOffset? began = null)
    {
        SuspensionResult result;
        lock (_gate)
        {
            if (_current is not { } current || (began is { } meant && meant != current.Began)) return null;
            result = new SuspensionResult(current.Lsn, current.Began, context.Files.Clock.GetUtcNow(), Stopwatch.GetElapsedTime(_began), how);
            if (how == SuspensionEnd.Expired)
            {
                if (_expired.Count == MaxExpired) _expired.RemoveAt(0);
                _expired.Add(result);
                _endedByLimit = true;
            }

            _timer?.Dispose();
            _timer = null;
            if (how != SuspensionEnd.Closed) context.Quiesce.Open();
            _current = null;
            Monitor.PulseAll(_gate);
        }

        if (how != SuspensionEnd.Closed) Over?.Invoke();
        if (how == SuspensionEnd.Expired)
        {
            context.Events?.Raise(
                IndexEventId.SuspensionExpired, IndexEventLevel.Warning,
                "The suspension of the index {IndexName} ({IndexPath}) at LSN {Lsn} was ended by its time limit after {Seconds} s. A snapshot that was "
                + "not finished by then is not of one moment.",
                ("Lsn", result.Lsn.Value), ("Seconds", Math.Round(result.Duration.TotalSeconds, 1)));
        }
        else
        {
            context.Events?.Raise(
                IndexEventId.Resumed, IndexEventLevel.Information,
                "The suspension of the index {IndexName} ({IndexPath}) at LSN {Lsn} was ended after {Seconds} s ({How}).",
                ("Lsn", result.Lsn.Value), ("Seconds", Math.Round(result.Duration.TotalSeconds, 1)), ("How", how));
        }

        return result;
    }

    /// <summary>The window that its time limit ended, once; or null. Without a beginning it is the last there was, if that ended so.</summary>
    public SuspensionResult? TakeExpired(DateTimeOffset? began)
    {
        lock (_gate)
        {
            var at = began is { } meant ? _expired.FindIndex(result => result.Began == meant) : _endedByLimit ? _expired.Count - 1 : -1;
            if (at < 0) return null;
            var result = _expired[at];
            if (at == _expired.Count - 1) _endedByLimit = false;
            _expired.RemoveAt(at);
            return result;
        }
    }

    /// <summary>Waits for the end of the window, outside the leader's place.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled before.</exception>
    public void AwaitEnd(CancellationToken cancellationToken)
    {
        if (_current is not null) _scheduler.WaitUntil(_gate, () => _current is null, Timeout.InfiniteTimeSpan, cancellationToken);
    }

    /// <summary>The commit leader waits for the end of the window.</summary>
    /// <exception cref="HestiaException">TimedOut: its own time was up first.</exception>
    public void AwaitEnd(long deadline)
    {
        if (_current is not { } current) return;
        var rest = WriteDeadline.Rest(deadline);
        if (_scheduler.WaitUntil(_gate, () => _current is null, rest, CancellationToken.None)) return;
        throw WriteDeadline.TimedOut(context, $"for the end of its suspension, which lasts until {current.Until:u} at the latest");
    }
}
