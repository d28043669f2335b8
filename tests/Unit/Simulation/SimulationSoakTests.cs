using System.Diagnostics;
using System.Globalization;
using Hestia.Unit.Crashes;

namespace Hestia.Unit.Simulation;

/// <summary>
/// Seeds that no run has had before, one after the other, until HESTIA_SOAK_MINUTES are used up. They begin at a number taken from the clock,
/// or at HESTIA_SIMULATION_FIRST. The first that fails ends it and says how to replay it.
/// </summary>
public sealed class SimulationSoakTests(ITestOutputHelper output)
{
    private const int SeedsAtOnce = 200;
    private const int SeedsPerBackupSeed = 10;

    [Fact]
    [Trait("Category", "Soak")]
    public void New_seeds_lose_nothing()
    {
        var clock = Stopwatch.StartNew();
        var first = int.TryParse(Environment.GetEnvironmentVariable("HESTIA_SIMULATION_FIRST"), CultureInfo.InvariantCulture, out var set)
            ? set
            : (int)(DateTimeOffset.UtcNow.ToUnixTimeSeconds() % 100_000_000) * 20; // a second is less than twenty seeds
        var total = new SimulationCount();
        var next = first;
        for (; clock.Elapsed < CrashSettings.SoakTime; next += SeedsAtOnce)
        {
            total.Run(next, SeedsAtOnce, () => clock.Elapsed >= CrashSettings.SoakTime);
            for (var i = 0; i < SeedsAtOnce / SeedsPerBackupSeed && clock.Elapsed < CrashSettings.SoakTime; i++) total.RunBackup(next + i);
            output.WriteLine($"{clock.Elapsed:hh\\:mm\\:ss} seeds from {next}: {total}");
            Assert.True(total.Failures.Count == 0, string.Join("\n\n", total.Failures));
        }
    }
}
