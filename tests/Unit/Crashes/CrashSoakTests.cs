using System.Diagnostics;
using System.Runtime.Versioning;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>
/// All of it, over and over with other seeds, until HESTIA_SOAK_MINUTES or HESTIA_CRASH_ROUNDS of each kind are used up: kills and power
/// cuts by the twenty, the other faults once with each twenty. A kind of fault that cannot be made here is left out and named.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class CrashSoakTests(ITestOutputHelper output)
{
    private const int RoundsAtOnce = 20;

    private static readonly Durability[] s_durabilities = [Durability.Sync, Durability.GroupSync, Durability.Async, Durability.Off];

    private static readonly string[] s_systems = ["ext4", "xfs"];

    [Fact]
    [Trait("Category", "Soak")]
    public void Crashes_of_every_kind_lose_nothing()
    {
        using var timeIsUp = new CancellationTokenSource(CrashSettings.SoakTime);
        var kinds = Kinds(timeIsUp.Token);
        var left = new Dictionary<string, string>();
        var done = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var clock = Stopwatch.StartNew();
        var random = new Random(CrashSettings.Seed);
        for (var cycle = 0; (long)cycle * RoundsAtOnce < CrashSettings.SoakRounds && !timeIsUp.IsCancellationRequested; cycle++)
        {
            var rounds = Math.Min(RoundsAtOnce, CrashSettings.SoakRounds - (cycle * RoundsAtOnce));
            foreach (var (kind, run) in kinds)
            {
                if (timeIsUp.IsCancellationRequested) break;
                if (left.ContainsKey(kind)) continue;
                try
                {
                    output.WriteLine($"{clock.Elapsed:hh\\:mm\\:ss} {run(rounds, random.Next())}");
                    done[kind] = done.GetValueOrDefault(kind) + 1;
                }
                catch (Exception e) when (e.Message.StartsWith("$XunitDynamicSkip$", StringComparison.Ordinal))
                {
                    left[kind] = e.Message["$XunitDynamicSkip$".Length..];
                    output.WriteLine($"{kind} is left out: {left[kind]}");
                }
            }
        }

        output.WriteLine($"Cycles: {string.Join(", ", done.Select(d => $"{d.Key} {d.Value}"))}");
        Assert.NotEmpty(done);
    }

    /// <summary>Each runs some rounds with a seed and says in one line what it did.</summary>
    private static List<(string Kind, Func<int, int, string> Run)> Kinds(CancellationToken timeIsUp)
    {
        var kinds = new List<(string, Func<int, int, string>)>();
        foreach (var durability in s_durabilities)
        {
            kinds.Add(($"kill {durability}", (rounds, seed) => KillScenario.Run(durability, rounds, seed, timeIsUp)));
            kinds.Add(($"kill with backups {durability}", (rounds, seed) => BackupKillScenario.Run(durability, rounds, seed, timeIsUp)));
            foreach (var system in s_systems)
            {
                kinds.Add(($"power {system} {durability}", (rounds, seed) =>
                    PowerLossScenario.Run(system, durability, rounds, seed, timeIsUp)));
                kinds.Add(($"device {system} {durability}", (_, seed) => FailureScenario.DeviceError(system, durability, seed)));
                kinds.Add(($"full {system} {durability}", (_, seed) => DiskFullScenario.Run(system, durability, seed)));
            }

            kinds.Add(($"full tmpfs {durability}", (_, seed) => DiskFullScenario.Run("tmpfs", durability, seed)));
            foreach (var call in durability == Durability.Off ? (string[])["fsync", "pwrite64"] : ["fdatasync", "fsync", "pwrite64"])
            {
                foreach (var error in (string[])["EIO", "ENOSPC"])
                {
                    kinds.Add(($"{call} {error} {durability}", (_, seed) =>
                        FailureScenario.SystemCallError(call, error, 2 + (seed % 40), durability, seed, mustFail: false)));
                }
            }
        }

        foreach (var job in JobFaultTests.Names)
        {
            foreach (var store in Enum.GetValues<StoreKind>())
            {
                foreach (var fault in Enum.GetValues<JobFault>())
                {
                    kinds.Add(($"{job} {store} {fault}", (rounds, seed) =>
                        JobFaultScenario.Run(job, store, fault, rounds, seed, timeIsUp)));
                }
            }
        }

        return kinds;
    }
}
