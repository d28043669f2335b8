using System.Runtime.Versioning;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>Real power losses: the file system under the writer is shut down, unmounted and mounted again.</summary>
[SupportedOSPlatform("linux")]
internal static class PowerLossScenario
{
    /// <returns>One line that says what was done.</returns>
    public static string Run(string kind, Durability durability, int rounds, int seed, CancellationToken cancellationToken = default)
    {
        using var mount = ScratchMount.Create(kind, 192);
        var history = new CrashHistory(Path.Combine(mount.Point, "index"), durability);
        history.Create();
        var random = new Random(seed);
        long lost = 0;
        var done = 0;
        for (; done < rounds && !cancellationToken.IsCancellationRequested; done++)
        {
            var (reports, cut) = Round(mount, history, random);
            var acknowledged = reports.Acknowledged(history.Counters);
            var where = $"{kind}, {durability}, seed {seed}, cut {done}";
            history.Verify(CrashKind.PowerLost, reports, readOnly: random.Next(2) == 0, where, cut);
            for (var thread = 0; thread < acknowledged.Length; thread++)
                lost += (long)(acknowledged[thread] - Math.Min(acknowledged[thread], history.Counters[thread]));
        }

        return $"{kind}, {durability}: {done} power cuts, {history.WritesChecked} acknowledged writes, "
            + $"{lost} of them gone, none that had been promised, seed {seed}";
    }

    private static (Reports Reports, long Cut) Round(ScratchMount mount, CrashHistory history, Random random)
    {
        using var child = new WriterProcess(history.Path, history.Durability, random.Next());
        child.WaitForOpen();
        Assert.True(child.WaitUntil(r => r.WriteCount >= 50), $"It does not write. {child.Describe()}");
        var allowance = history.Durability == Durability.Async ? (int)CrashHistory.AsyncAllowance.TotalMilliseconds + 200 : 0;
        Thread.Sleep(allowance + random.Next(50, 500));
        Assert.False(child.HasExited, $"The child ended by itself. {child.Describe()}");
        var cut = mount.CutPower();
        child.Kill();
        Assert.True(child.Errors.Length == 0, child.Errors);
        mount.Unmount();
        mount.Mount();
        return (child.Reports, cut);
    }
}
