using System.Globalization;

namespace Hestia.Unit.Simulation;

/// <summary>Runs seeds, and counts what they did.</summary>
internal sealed class SimulationCount
{
    private const int Steps = 120;
    private const int BackupSteps = 80;
    private const int EnoughFailures = 3;

    private readonly object _gate = new();
    private readonly List<string> _failures = [];
    private int _seeds;
    private int _backupSeeds;
    private int _faults;
    private int _grouped;
    private int _repairs;
    private int _refused;
    private int _failed;
    private int _durabilities;
    private int _suspensions;

    public IReadOnlyList<string> Failures => _failures;

    public int Crashes { get; private set; }

    public int Faults => _faults;

    public int Backups { get; private set; }

    public int Restores { get; private set; }

    /// <summary>Calls of backups and restores that failed as planned.</summary>
    public int BackupFaults { get; private set; }

    /// <summary>Goes on after failures.</summary>
    public bool All { get; init; }

    public void Run(int first, int count, Func<bool>? enough = null)
    {
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, (seed, loop) =>
        {
            if (enough?.Invoke() == true)
            {
                loop.Stop();
                return;
            }

            var simulation = new IndexSimulation(seed);
            try
            {
                simulation.Run(Steps);
            }
            catch (Exception e)
            {
                if (Failed("IndexSimulationTests", seed, e, simulation.Trace)) loop.Stop();
            }

            lock (_gate)
            {
                _seeds++;
                Crashes += simulation.Crashes;
                _faults += simulation.Faults;
                _grouped += simulation.Grouped;
                _repairs += simulation.Repairs;
                _durabilities += simulation.DurabilityChanges;
                _suspensions += simulation.Suspensions;
            }
        });
    }

    public void RunBackup(int seed)
    {
        var simulation = new BackupSimulation(seed);
        try
        {
            simulation.Run(BackupSteps);
        }
        catch (Exception e)
        {
            Failed("IndexSimulationTests", seed, e, simulation.Trace);
        }

        _backupSeeds++;
        Crashes += simulation.Crashes;
        _grouped += simulation.Grouped;
        BackupFaults += simulation.Faults;
        _refused += simulation.Refused;
        _failed += simulation.Failures;
        Backups += simulation.Backups;
        Restores += simulation.Restores;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_seeds} seeds of the index, {_backupSeeds} of backups, {Crashes} crashes, {_faults} planted faults, {_grouped} writes in another's group, {_repairs} repairs, {_durabilities} changes of durability, {_suspensions} looks at suspended indexes, {Backups} backups, {Restores} restores, {BackupFaults} planted faults in these, {_refused} refused because of them, {_failed} failed indexes, {_failures.Count} seeds failed");

    /// <summary>Notes a failure and how to replay it; true once there are enough.</summary>
    private bool Failed(string tests, int seed, Exception e, string trace)
    {
        lock (_gate)
        {
            _failures.Add(
                $"seed {seed}: replay with HESTIA_SIMULATION_SEED={seed} dotnet run --project tests/Unit -c Release -- -class Hestia.Unit.Simulation.{tests}\n{e}\n{trace}");
            return !All && _failures.Count >= EnoughFailures;
        }
    }
}
