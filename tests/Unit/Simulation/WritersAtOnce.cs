using Hestia.Core;

namespace Hestia.Unit.Simulation;

/// <summary>
/// Several writers on one index, each on a thread of its own, of which one runs at a time (<see cref="SimulatedThreads"/>): while one leads a
/// group, the others queue up behind it. Other work may run beside them.
/// </summary>
internal sealed class WritersAtOnce(HestiaIndex index, SimulatedDisk disk, SimulatedScheduler scheduler, Random random)
{
    private readonly SimulatedThreads _threads = new(random);
    private readonly List<Attempt> _attempts = [];
    private readonly List<HestiaException> _errors = [];

    /// <summary>What the writes and the work beside them were refused with.</summary>
    public IReadOnlyList<HestiaException> Errors => _errors;

    /// <summary>Called at each acknowledgement, with its LSN.</summary>
    public Action<ulong>? Acknowledged { get; init; }

    /// <summary>Called at each call to the disk, before another thread may go on.</summary>
    public Action<DiskCall, string>? Observer { get; init; }

    public int Switches => _threads.Switches;

    /// <summary>A writer of so many batches, who gives up at the first refusal.</summary>
    public void AddWriter(string name, int writes, Func<WriteBatch, IReadOnlyList<Change>> next) => _threads.Add(name, () =>
    {
        for (var i = 0; i < writes; i++)
        {
            using var batch = new WriteBatch();
            var changes = next(batch);
            if (index.State != IndexState.Ready) return; // surely refused
            var attempt = new Attempt(changes);
            _attempts.Add(attempt);
            try
            {
                attempt.Last = index.Write(batch).Value;
            }
            catch (HestiaException e)
            {
                attempt.Error = e;
                _errors.Add(e);
                return;
            }

            Acknowledged?.Invoke(attempt.Last);
        }
    });

    /// <summary>Something else that goes on meanwhile; a refusal is noted.</summary>
    public void Add(string name, Action work) => _threads.Add(name, () =>
    {
        try
        {
            work();
        }
        catch (HestiaException e)
        {
            _errors.Add(e);
        }
    });

    /// <summary>Background work that comes to its turn meanwhile.</summary>
    public void AddBackgroundWork(int pieces) => _threads.Add("background", () =>
    {
        for (var i = 0; i < pieces; i++)
        {
            scheduler.TryRunPending();
            _threads.GiveWay();
        }
    });

    public void GiveWay() => _threads.GiveWay();

    /// <summary>Runs all to their ends and notes in the history what was acknowledged and what nobody knows the fate of.</summary>
    /// <returns>What is wrong with the LSNs they got, or null.</returns>
    public string? Run(WriteHistory history)
    {
        var first = index.LastLsn.Value + 1;
        history.ForgetFrom(first);
        var before = disk.Observer;
        disk.Observer = (call, path) =>
        {
            Observer?.Invoke(call, path);
            if (random.Next(2) == 0) _threads.GiveWay();
        };
        scheduler.Running = _threads;
        try
        {
            _threads.Run();
        }
        finally
        {
            scheduler.Running = null;
            disk.Observer = before;
        }

        foreach (var attempt in _attempts.Where(static a => a.Last > 0).OrderBy(static a => a.Last))
        {
            var batch = new WrittenBatch(first, attempt.Changes);
            if (attempt.Last != batch.Last) return $"a writer of several got LSN {attempt.Last}, {batch.Last} is the next free";
            history.Add(batch);
            first = batch.Last + 1;
        }

        // Refused while the index went on: not there. Otherwise nobody can know before the next open.
        foreach (var attempt in _attempts)
            if (attempt.Error is { } error && error.Code is not (HestiaErrorCode.IoError or HestiaErrorCode.DiskFull)) history.AddDoubtful(attempt.Changes);
        return null;
    }

    private sealed class Attempt(IReadOnlyList<Change> changes)
    {
        public IReadOnlyList<Change> Changes { get; } = changes;

        public ulong Last { get; set; }

        public HestiaException? Error { get; set; }
    }
}
