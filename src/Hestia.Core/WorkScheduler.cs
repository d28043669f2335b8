using System.Diagnostics;
using Hestia.Core.IO;

namespace Hestia.Core;

/// <summary>
/// Where background work runs, and how threads wait for one another: on threads of its own, with the locks and events of the runtime. The second
/// half of the seam to the outside: tests put a scheduler here that lets one thread run at a time and chooses which, so that a run can be
/// repeated. Only waits that can last go through it: for an event, for time, and for the locks that are held across calls to the disk.
/// </summary>
internal class WorkScheduler
{
    /// <summary>Up to here a pause spins: sleeping takes longer than that.</summary>
    private static readonly TimeSpan MaxSpin = TimeSpan.FromMilliseconds(2);

    /// <summary>A wait of the runtime is no longer than this; longer ones are several.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromHours(1);

    public static WorkScheduler Threads { get; } = new();

    /// <summary>Runs the work once, soon.</summary>
    public virtual void Start(string name, Action work) => new Thread(() => work()) { IsBackground = true, Name = name }.Start();

    /// <summary>Called by who is about to wait for background work: runs a piece of it here, if that is how it runs.</summary>
    public virtual bool TryRunPending() => false;

    /// <summary>Waits for a moment, or until the event is set.</summary>
    public virtual void Delay(TimeSpan time, ManualResetEventSlim until) => until.Wait(time);

    /// <summary>Lets time pass, at least so much of it.</summary>
    public virtual void Pause(TimeSpan time)
    {
        var until = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < until)
        {
            if (time > MaxSpin) Thread.Sleep(1);
            else Thread.SpinWait(20);
        }
    }

    /// <summary>Lets other threads run until there is what is hoped for, for so long at most.</summary>
    public virtual void PauseUntil(Func<bool> here, TimeSpan atMost)
    {
        var until = Stopwatch.GetTimestamp() + (long)(atMost.TotalSeconds * Stopwatch.Frequency);
        while (!here() && Stopwatch.GetTimestamp() < until)
        {
            if (!Thread.Yield()) Thread.SpinWait(20);
        }
    }

    /// <summary>Waits until another thread has set the event with <see cref="Wake"/>.</summary>
    /// <param name="until">The event.</param>
    /// <param name="brief">It is a matter of microseconds.</param>
    public virtual void Wait(ThreadSignal until, bool brief) => until.Wait(brief);

    /// <summary>Sets an event that a thread waits for, or soon will.</summary>
    public virtual void Wake(ThreadSignal waiting) => waiting.Raise();

    /// <summary>
    /// Waits until something is true, at most for so long; false when the time is up. The condition is looked at under the lock, and whoever makes it true
    /// pulses that.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public virtual bool WaitUntil(object gate, Func<bool> condition, TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.Register(() =>
        {
            lock (gate) Monitor.PulseAll(gate);
        });
        var began = Stopwatch.GetTimestamp();
        lock (gate)
        {
            while (!condition())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (atMost == Timeout.InfiniteTimeSpan)
                {
                    Monitor.Wait(gate);
                    continue;
                }

                var rest = atMost - Stopwatch.GetElapsedTime(began);
                if (rest <= TimeSpan.Zero) return false;
                Monitor.Wait(gate, rest < MaxWait ? rest : MaxWait);
            }

            return true;
        }
    }

    /// <summary>Runs work once, after a time, unless it is disposed before; null where time does not pass by itself.</summary>
    public virtual IDisposable? After(TimeSpan time, Action work) => new Timer(_ => work(), null, time, Timeout.InfiniteTimeSpan);

    /// <summary>Runs work now and then until it is disposed.</summary>
    public virtual IDisposable? Repeat(TimeSpan period, Action work) => new Timer(_ => work(), null, period, period);

    /// <summary>Takes a lock that is held across calls to the disk, until what this returns is disposed. Shorter ones are taken with <c>lock</c>.</summary>
    public HeldGate Hold(object gate)
    {
        Enter(gate);
        return new HeldGate(gate);
    }

    protected virtual void Enter(object gate) => Monitor.Enter(gate);

    /// <summary>A lock taken with <see cref="Hold"/>.</summary>
    public readonly struct HeldGate(object gate) : IDisposable
    {
        public void Dispose() => Monitor.Exit(gate);
    }
}
