using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>The writer is killed at a random moment, again and again on one directory that grows over the rounds.</summary>
internal static class KillScenario
{
    /// <returns>One line that says what was done.</returns>
    public static string Run(Durability durability, int rounds, int seed, CancellationToken cancellationToken = default)
    {
        var root = CrashSettings.NewFolder();
        try
        {
            var history = new CrashHistory(Path.Combine(root, "index"), durability);
            history.Create();
            var random = new Random(seed);
            int done = 0, flushes = 0, compactions = 0, whileOpening = 0;
            for (; done < rounds && !cancellationToken.IsCancellationRequested; done++)
            {
                var reports = Round(history, random, done);
                flushes += reports.Flushes;
                compactions += reports.Compactions;
                if (reports.Opened is null) whileOpening++;
                history.Verify(CrashKind.Killed, reports, readOnly: random.Next(2) == 0, $"{durability}, seed {seed}, round {done}");
            }

            return $"{durability}: {done} kills ({whileOpening} before it was open), {history.WritesChecked} acknowledged writes, "
                + $"{flushes} flushes, {compactions} compactions, seed {seed}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static Reports Round(CrashHistory history, Random random, int round)
    {
        using var child = new WriterProcess(history.Path, history.Durability, random.Next());
        // One in five dies while it starts and recovers what the one before it left.
        if (round % 5 == 4)
        {
            Thread.Sleep(random.Next(60, 200));
        }
        else
        {
            child.WaitForOpen();
            Thread.Sleep(random.Next(5, 500));
        }

        Assert.False(child.HasExited, $"The child ended by itself. {child.Describe()}");
        child.Kill();
        Assert.True(child.Errors.Length == 0, child.Errors);
        return child.Reports;
    }
}
