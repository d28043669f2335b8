namespace Hestia.Unit.Simulation;

/// <summary>
/// Several threads of which one runs at a time. It runs until it comes to a place that gives way (a call to the disk, a wait, a wake-up);
/// there the seed picks who goes on. So what the threads do between them follows from the seed, and can be repeated.
/// </summary>
internal sealed class SimulatedThreads(Random random)
{
    /// <summary>Only a real lock that nobody leaves can take that long.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private const int MaxSwitches = 200_000;

    private readonly List<Strand> _strands = [];
    private readonly List<Strand> _ready = [];
    private readonly ManualResetEventSlim _ended = new(false);
    private volatile Strand? _current;
    private volatile string? _stuck;

    /// <summary>How often the next thread was another one.</summary>
    public int Switches { get; private set; }

    public bool IsRunning => _current is not null;

    public void Add(string name, Action body) => _strands.Add(new Strand(this, name, body));

    /// <summary>Runs all of them to their ends; what one threw is thrown here.</summary>
    public void Run()
    {
        foreach (var strand in _strands) strand.Thread.Start();
        var first = Pick(null)!;
        _current = first;
        first.Go.Set();
        if (!_ended.Wait(Patience)) throw new InvalidOperationException($"'{_current?.Name}' waits for a real lock for ever.");
        _current = null;
        if (_stuck is { } stuck) throw new InvalidOperationException(stuck);
        foreach (var strand in _strands) strand.Thread.Join();
        foreach (var strand in _strands)
            if (strand.Failure is { } failure and not PowerLossException) throw new InvalidOperationException($"{strand.Name}: {failure.Message}", failure);
    }

    /// <summary>Lets the seed pick who goes on, perhaps the same.</summary>
    public void GiveWay()
    {
        if (_current is { } current) SwitchFrom(current);
    }

    /// <summary>As <see cref="GiveWay"/>, but to another one; false if no other can run.</summary>
    public bool TryGiveWayToOther()
    {
        if (_current is not { } current || Pick(current) is not { } other) return false;
        Switch(current, other);
        return true;
    }

    /// <summary>Goes on when the condition is true and the seed picks this one.</summary>
    public void WaitFor(Func<bool> condition)
    {
        var current = _current!;
        current.Condition = condition;
        SwitchFrom(current);
        current.Condition = null;
    }

    private void SwitchFrom(Strand current)
    {
        if (Pick(null) is { } next) Switch(current, next);
        else Stuck();
    }

    private void Switch(Strand current, Strand next)
    {
        if (ReferenceEquals(current, next)) return;
        if (++Switches > MaxSwitches) throw new InvalidOperationException($"'{current.Name}' waits in circles.");
        current.Go.Reset();
        _current = next;
        next.Go.Set();
        current.Go.Wait();
    }

    private Strand? Pick(Strand? not)
    {
        _ready.Clear();
        foreach (var strand in _strands)
            if (!strand.HasEnded && !ReferenceEquals(strand, not) && strand.Condition?.Invoke() != false) _ready.Add(strand);
        return _ready.Count == 0 ? null : _ready[random.Next(_ready.Count)];
    }

    private void End(Strand ended)
    {
        ended.HasEnded = true;
        if (Pick(null) is { } next)
        {
            _current = next;
            next.Go.Set();
        }
        else if (_strands.TrueForAll(static strand => strand.HasEnded))
        {
            _ended.Set();
        }
        else
        {
            Stuck();
        }
    }

    /// <summary>Everyone waits for someone else. The threads stay where they are; the run is over.</summary>
    private void Stuck()
    {
        _stuck = "all wait: " + string.Join(", ", _strands.Where(static strand => !strand.HasEnded).Select(static strand => strand.Name));
        _ended.Set();
        Thread.Sleep(Timeout.Infinite);
    }

    private sealed class Strand
    {
        private const int StackBytes = 1 << 20;

        public Strand(SimulatedThreads owner, string name, Action body)
        {
            Name = name;
            Thread = new Thread(
                () =>
                {
                    Go.Wait();
                    try
                    {
                        body();
                    }
                    catch (Exception e)
                    {
                        Failure = e;
                    }

                    owner.End(this);
                },
                StackBytes) { IsBackground = true, Name = name };
        }

        public string Name { get; }

        public Thread Thread { get; }

        public ManualResetEventSlim Go { get; } = new(false, spinCount: 1);

        public Func<bool>? Condition { get; set; }

        public bool HasEnded { get; set; }

        public Exception? Failure { get; private set; }
    }
}
