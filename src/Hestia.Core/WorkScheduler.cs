namespace Hestia.Core;

/// <summary>
/// Where background work runs: on threads of its own. The second half of the seam to the outside: tests put a scheduler here that runs
/// work at moments it chooses, on the thread that waits for it, so that a run can be repeated.
/// </summary>
internal class WorkScheduler
{
    public static WorkScheduler Threads { get; } = new();

    /// <summary>Runs the work once, soon.</summary>
    public virtual void Start(string name, Action work) => new Thread(() => work()) { IsBackground = true, Name = name }.Start();

    /// <summary>Called by who is about to wait for background work: runs a piece of it here, if that is how it runs.</summary>
    public virtual bool TryRunPending() => false;

    /// <summary>Waits for a moment, or until the event is set.</summary>
    public virtual void Delay(TimeSpan time, ManualResetEventSlim until) => until.Wait(time);

    /// <summary>Runs work now and then until it is disposed.</summary>
    public virtual IDisposable? Repeat(TimeSpan period, Action work) => new Timer(_ => work(), null, period, period);
}
