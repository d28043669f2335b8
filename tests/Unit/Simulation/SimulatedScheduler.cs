using Hestia.Core;

namespace Hestia.Unit.Simulation;

/// <summary>Background work waits in a list until the simulation, or whoever waits for it, runs one piece, chosen by the seed.</summary>
internal sealed class SimulatedScheduler(Random random) : WorkScheduler
{
    private readonly List<Action> _pending = [];

    public int Pending => _pending.Count;

    public override void Start(string name, Action work) => _pending.Add(work);

    public override bool TryRunPending()
    {
        if (_pending.Count == 0) return false;
        var index = random.Next(_pending.Count);
        var work = _pending[index];
        _pending.RemoveAt(index);
        work();
        return true;
    }

    public override void Delay(TimeSpan time, ManualResetEventSlim until)
    {
        // time passes when the simulation says so
    }

    public override IDisposable? Repeat(TimeSpan period, Action work) => null; // flush and compaction do it as well
}
