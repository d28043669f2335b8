using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Unit.Simulation;

/// <summary>
/// Background work waits in a list until the simulation, or whoever waits for it, runs one piece, chosen by the seed. While
/// <see cref="Running"/> run, every wait of theirs lets the seed pick another.
/// </summary>
internal sealed class SimulatedScheduler(Random random) : WorkScheduler
{
    private readonly List<(string Name, Action Work)> _pending = [];

    /// <summary>The threads that run now, or null for the only one of the test itself.</summary>
    public SimulatedThreads? Running { get; set; }

    public override void Start(string name, Action work) => _pending.Add((name, work));

    /// <summary>Runs the pending piece of that name, if there is one.</summary>
    public bool TryRun(string name)
    {
        var index = _pending.FindIndex(piece => piece.Name == name);
        if (index < 0) return false;
        RunAt(index);
        return true;
    }

    /// <summary>Runs a piece here; if there is none, whoever waits for it lets those go on that may bring what it waits for.</summary>
    public override bool TryRunPending()
    {
        // Also where there is some: what it waits for may be under way on another.
        if (Running is { } threads && (_pending.Count == 0 || random.Next(3) == 0) && threads.TryGiveWayToOther()) return true;
        if (_pending.Count == 0) return false;
        RunAt(random.Next(_pending.Count));
        return true;
    }

    public override void Delay(TimeSpan time, ManualResetEventSlim until)
    {
        // time passes when the simulation says so
    }

    public override void Pause(TimeSpan time)
    {
        for (var i = random.Next(8); i > 0 && Running is { } threads; i--) threads.GiveWay();
    }

    public override void PauseUntil(Func<bool> here, TimeSpan atMost)
    {
        for (var i = random.Next(8); i > 0 && !here() && Running is { } threads; i--) threads.GiveWay();
    }

    public override void Wait(ThreadSignal until, bool brief)
    {
        if (Running is { } threads) threads.WaitFor(() => until.IsRaised);
        else base.Wait(until, brief);
    }

    public override void Wake(ThreadSignal waiting)
    {
        base.Wake(waiting);
        if (Running is { } threads && random.Next(4) == 0) threads.GiveWay();
    }

    public override bool WaitUntil(object gate, Func<bool> condition, TimeSpan atMost, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Running is { } threads)
        {
            if (!condition()) threads.WaitFor(condition);
            return true;
        }

        while (!condition())
            if (!TryRunPending()) throw new InvalidOperationException("The only thread waits for something that nobody can bring about.");
        return true;
    }

    public override IDisposable? After(TimeSpan time, Action work) => null; // time passes when the simulation says so

    public override IDisposable? Repeat(TimeSpan period, Action work) => null; // flush and compaction do it as well

    protected override void Enter(object gate)
    {
        if (Running is not { } threads)
        {
            base.Enter(gate);
            return;
        }

        while (!Monitor.TryEnter(gate))
            if (!threads.TryGiveWayToOther()) throw new InvalidOperationException("A lock is held by nobody who could leave it.");
    }

    private void RunAt(int index)
    {
        var (_, work) = _pending[index];
        _pending.RemoveAt(index);
        work();
    }
}
