using System.Globalization;

namespace Hestia.Unit.Crashes;

/// <summary>How much is done, from the environment: HESTIA_CRASH_ROUNDS, HESTIA_CRASH_SEED, HESTIA_CRASH_JOBS, HESTIA_SOAK_MINUTES.</summary>
internal static class CrashSettings
{
    /// <summary>Kills for each durability.</summary>
    public static int Rounds { get; } = Number("HESTIA_CRASH_ROUNDS", 20);

    /// <summary>Rounds of each kind in a soak; as many as there is time for, unless somebody says.</summary>
    public static int SoakRounds { get; } = Number("HESTIA_CRASH_ROUNDS", int.MaxValue);

    /// <summary>What the moments and sizes follow from; a failure names it.</summary>
    public static int Seed { get; } = Number("HESTIA_CRASH_SEED", Environment.TickCount & 0xFFFFFF);

    /// <summary>Only these of backup, restore, prune and copy, to look closer at one; null for all.</summary>
    public static string[]? Jobs { get; } = Environment.GetEnvironmentVariable("HESTIA_CRASH_JOBS")?.Split(',');

    /// <summary>How long a soak goes on.</summary>
    public static TimeSpan SoakTime { get; } = TimeSpan.FromMinutes(Number("HESTIA_SOAK_MINUTES", 10));

    /// <summary>A folder of its own below the system's temporary one.</summary>
    public static string NewFolder()
    {
        var path = Path.Combine(Path.GetTempPath(), "hestia-crash-" + Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(path);
        return path;
    }

    private static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var set) && set > 0 ? set : otherwise;
}
