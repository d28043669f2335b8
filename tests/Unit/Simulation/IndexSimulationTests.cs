namespace Hestia.Unit.Simulation;

/// <summary>
/// Many seeds of <see cref="IndexSimulation"/>. A failing one names its seed; to replay it alone, set HESTIA_SIMULATION_SEED to it and run this class.
/// HESTIA_SIMULATION_SEEDS sets how many run, HESTIA_SIMULATION_FIRST where they begin,
/// HESTIA_SIMULATION_ALL goes on after failures and counts them.
/// </summary>
public sealed class IndexSimulationTests
{
    private const int DefaultSeeds = 2000;
    private const int Steps = 120;

    [Fact]
    public void Nothing_promised_is_lost_and_nothing_never_written_appears()
    {
        var one = Environment.GetEnvironmentVariable("HESTIA_SIMULATION_SEED");
        var first = one is not null ? int.Parse(one) : int.Parse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_FIRST") ?? "1");
        var count = one is not null ? 1 : int.Parse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_SEEDS") ?? DefaultSeeds.ToString());
        var all = Environment.GetEnvironmentVariable("HESTIA_SIMULATION_ALL") is not null; // count every failing seed
        var failures = new List<string>();
        int crashes = 0, faults = 0, grouped = 0, repairs = 0;
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, (seed, loop) =>
        {
            var simulation = new IndexSimulation(seed);
            try
            {
                simulation.Run(Steps);
            }
            catch (Exception e)
            {
                lock (failures) failures.Add($"seed {seed}: replay with HESTIA_SIMULATION_SEED={seed}\n{e}\n{simulation.Trace}");
                if (failures.Count >= 3 && !all) loop.Stop();
            }

            Interlocked.Add(ref crashes, simulation.Crashes);
            Interlocked.Add(ref faults, simulation.Faults);
            Interlocked.Add(ref grouped, simulation.Grouped);
            Interlocked.Add(ref repairs, simulation.Repairs);
        });
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} seeds, {crashes} crashes, {faults} planted faults, {grouped} writes in a group, {repairs} repairs");
        if (all) TestContext.Current.TestOutputHelper?.WriteLine($"{failures.Count} seeds failed");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
        if (one is null && count >= 100) Assert.True(crashes > count && faults > count / 10, $"only {crashes} crashes and {faults} faults");
    }

    [Fact]
    public void Finished_backups_always_restore_and_targets_are_never_half()
    {
        var one = Environment.GetEnvironmentVariable("HESTIA_SIMULATION_SEED");
        var first = one is not null ? int.Parse(one) : int.Parse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_FIRST") ?? "1");
        var count = one is not null ? 1 : Math.Max(1, int.Parse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_SEEDS") ?? DefaultSeeds.ToString()) / 10);
        int crashes = 0, backups = 0, restores = 0;
        for (var seed = first; seed < first + count; seed++)
        {
            var simulation = new BackupSimulation(seed);
            try
            {
                simulation.Run(80);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: replay with HESTIA_SIMULATION_SEED={seed}\n{e}\n{simulation.Trace}");
            }

            crashes += simulation.Crashes;
            backups += simulation.Backups;
            restores += simulation.Restores;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} seeds, {crashes} crashes, {backups} backups, {restores} restores");
        if (one is null && count >= 100) Assert.True(crashes > count && backups > count && restores > count, $"{crashes} crashes, {backups} backups, {restores} restores");
    }
}
