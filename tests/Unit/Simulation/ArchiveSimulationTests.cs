namespace Hestia.Unit.Simulation;

/// <summary>Many seeds of <see cref="ArchiveSimulation"/>; HESTIA_SIMULATION_SEED replays one, HESTIA_SIMULATION_SEEDS sets how many run.</summary>
public sealed class ArchiveSimulationTests
{
    private const int DefaultSeeds = 2000;
    private const int Steps = 60;

    [Fact]
    public void Every_lsn_and_moment_that_the_archive_reaches_restores_exactly()
    {
        var one = Environment.GetEnvironmentVariable("HESTIA_SIMULATION_SEED");
        var first = one is not null ? int.Parse(one) : int.Parse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_FIRST") ?? "1");
        var count = one is not null ? 1 : Math.Max(1, int.Parse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_SEEDS") ?? DefaultSeeds.ToString()) / 10);
        int crashes = 0, shipments = 0, restores = 0, refusals = 0, timelines = 0, gaps = 0;
        for (var seed = first; seed < first + count; seed++)
        {
            var simulation = new ArchiveSimulation(seed);
            try
            {
                simulation.Run(Steps);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: replay with HESTIA_SIMULATION_SEED={seed}\n{e}\n{simulation.Trace}");
            }

            crashes += simulation.Crashes;
            shipments += simulation.Shipments;
            restores += simulation.Restores;
            refusals += simulation.Refusals;
            timelines += simulation.Timelines;
            gaps += simulation.Gaps;
        }

        var summary = $"{count} seeds, {crashes} crashes, {shipments} shipments, {restores} restores, {refusals} refusals, {timelines} timelines, {gaps} gaps";
        TestContext.Current.TestOutputHelper?.WriteLine(summary);
        if (one is null && count >= 100)
            Assert.True(crashes > count && shipments > 5 * count && restores > 5 * count && refusals > count && timelines > 2 * count && gaps > 10, summary);
    }
}
