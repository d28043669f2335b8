namespace Hestia.Unit.Backup.Pruning;

/// <summary>
/// Actors on threads of their own, of which one runs at a time: at every step the seed says who goes on. The same seed gives the same
/// run. An actor can be killed at a step: it never gets beyond it, like a process that dies.
/// </summary>
internal sealed class Interleaving(int seed)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly Random _random = new(seed);
    private readonly List<Actor> _actors = [];
    private readonly SemaphoreSlim _returned = new(0);
    [ThreadStatic] private static Actor? s_current;

    public int Steps { get; private set; }

    /// <summary>The first failure of an actor that was not killed.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The actor that runs, or null outside.</summary>
    public string? Current => s_current?.Name;

    public bool IsKilled(string name) => _actors.Exists(a => a.Name == name && a.Killed);

    public void Add(string name, Action work, int killAt = int.MaxValue)
    {
        var actor = new Actor(name, killAt);
        actor.Thread = new Thread(() =>
        {
            s_current = actor;
            actor.Go.Wait();
            try
            {
                if (!actor.Killed) work();
            }
            catch (ActorKilledException)
            {
                // as it should be
            }
            catch (Exception e)
            {
                Failure ??= new InvalidOperationException($"seed {seed}, {name}: {e.Message}", e);
            }

            actor.Ended = true;
            _returned.Release();
        }, 256 << 10) { IsBackground = true };
        actor.Thread.Start();
        _actors.Add(actor);
    }

    /// <summary>Called by an actor before whatever others can see; from outside it does nothing.</summary>
    public void Step()
    {
        if (s_current is not { } actor) return;
        if (actor.Killed) throw new ActorKilledException(); // what a dead process would do in its finally blocks it does not do
        if (++actor.Steps >= actor.KillAt)
        {
            actor.Killed = true;
            throw new ActorKilledException();
        }

        _returned.Release();
        actor.Go.Wait();
    }

    /// <summary>Runs all to their ends; fails if that takes too many steps.</summary>
    public void Run(int mostSteps)
    {
        var alive = new List<Actor>(_actors);
        while (alive.Count > 0)
        {
            if (++Steps > mostSteps)
            {
                Failure ??= new InvalidOperationException($"seed {seed}: still running after {mostSteps} steps: {string.Join(", ", alive.Select(a => a.Name))}");
                foreach (var actor in alive) actor.Killed = true;
                foreach (var actor in alive) actor.KillAt = 0;
            }

            var next = alive[_random.Next(alive.Count)];
            next.Go.Release();
            if (!_returned.Wait(s_patience))
            {
                // It waits for another actor, which cannot go on before it: what steps must hold nothing that others want.
                Failure ??= new InvalidOperationException($"seed {seed}: {next.Name} did not come back from step {Steps}");
                return;
            }

            if (!next.Ended) continue;
            next.Thread!.Join();
            alive.Remove(next);
        }
    }

    private sealed class Actor(string name, int killAt)
    {
        public string Name { get; } = name;

        public SemaphoreSlim Go { get; } = new(0);

        public Thread? Thread { get; set; }

        public int Steps { get; set; }

        public int KillAt { get; set; } = killAt;

        public volatile bool Killed;

        public bool Ended { get; set; }
    }
}

/// <summary>Ends an actor like a kill: no code of the product catches it.</summary>
internal sealed class ActorKilledException : Exception;
