using System.Globalization;

namespace Hestia.Unit.Simulation;

/// <summary>
/// Many seeds of <see cref="IndexSimulation"/>. A failing one names its seed; to replay it alone, set HESTIA_SIMULATION_SEED to it and run this class.
/// HESTIA_SIMULATION_SEEDS sets how many run, HESTIA_SIMULATION_FIRST where they begin,
/// HESTIA_SIMULATION_ALL goes on after failures and counts them.
/// </summary>
public sealed class IndexSimulationTests
{
    private const int DefaultSeeds = 2000;

    private static readonly int? s_one = Number("HESTIA_SIMULATION_SEED");
    private static readonly int s_first = s_one ?? Number("HESTIA_SIMULATION_FIRST") ?? 1;
    private static readonly int s_count = s_one is not null ? 1 : Number("HESTIA_SIMULATION_SEEDS") ?? DefaultSeeds;
    private static readonly bool s_all = Environment.GetEnvironmentVariable("HESTIA_SIMULATION_ALL") is not null;

    [Fact]
    public void Nothing_promised_is_lost_and_nothing_never_written_appears()
    {
        var total = new SimulationCount { All = s_all };
        total.Run(s_first, s_count);
        TestContext.Current.TestOutputHelper?.WriteLine($"{total}");
        Assert.True(total.Failures.Count == 0, string.Join("\n\n", total.Failures));
        if (s_count >= 100) Assert.True(total.Crashes > s_count && total.Faults > s_count / 10, $"only {total}");
    }

    [Fact]
    public void Finished_backups_always_restore_and_targets_are_never_half()
    {
        var count = s_one is not null ? 1 : Math.Max(1, s_count / 10);
        var total = new SimulationCount { All = s_all };
        for (var seed = s_first; seed < s_first + count && (s_all || total.Failures.Count == 0); seed++) total.RunBackup(seed);
        TestContext.Current.TestOutputHelper?.WriteLine($"{total}");
        Assert.True(total.Failures.Count == 0, string.Join("\n\n", total.Failures));
        if (count >= 100)
            Assert.True(total.Crashes > count && total.Backups > count && total.Restores > count && total.BackupFaults > count, $"only {total}");
    }

    private static int? Number(string name) =>
        Environment.GetEnvironmentVariable(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
