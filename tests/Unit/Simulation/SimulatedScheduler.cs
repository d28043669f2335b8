using Hestia.Core;

namespace Hestia.Unit.Simulation;

/// <summary>Background work waits in a list until the simulation, or whoever waits for it, runs one piece, chosen by the seed.</summary>
internal sealed class SimulatedScheduler(Random random) : WorkScheduler
{
    private readonly List<(string Name, Action Work)> _pending = [];

    public override void Start(string name, Action work) => _pending.Add((name, work));

    /// <summary>Runs the pending piece of that name, if there is one.</summary>
    public bool TryRun(string name)
    {
        var index = _pending.FindIndex(piece => piece.Name == name);
        if (index < 0) return false;
        RunAt(index);
        return true;
    }

    public override bool TryRunPending()
    {
        if (_pending.Count == 0) return false;
        RunAt(random.Next(_pending.Count));
        return true;
    }

    public override void Delay(TimeSpan time, ManualResetEventSlim until)
    {
        // time passes when the simulation says so
    }

    public override IDisposable? Repeat(TimeSpan period, Action work) => null; // flush and compaction do it as well

    private void RunAt(int index)
    {
        var (_, work) = _pending[index];
        _pending.RemoveAt(index);
        work();
    }
}
