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
            var phases = new KillPhases(KillPhase.Flush, KillPhase.Compaction);
            int done = 0, flushes = 0, compactions = 0, whileOpening = 0;
            for (; !cancellationToken.IsCancellationRequested; done++)
            {
                if (done >= rounds && (phases.IsComplete || done >= rounds + KillPhases.MoreRounds)) break;
                var reports = Round(history, random, phases, done);
                phases.Count(reports);
                flushes += reports.Flushes;
                compactions += reports.Compactions;
                if (reports.Opened is null) whileOpening++;
                history.Verify(CrashKind.Killed, reports, readOnly: random.Next(2) == 0, $"{durability}, seed {seed}, round {done}");
            }

            if (!cancellationToken.IsCancellationRequested) phases.AssertComplete($"{durability}, seed {seed}, {done} rounds");
            return $"{durability}: {done} kills ({whileOpening} before it was open, {phases}), {history.WritesChecked} acknowledged writes, "
                + $"{flushes} flushes, {compactions} compactions, seed {seed}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static Reports Round(CrashHistory history, Random random, KillPhases phases, int round)
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
            phases.AwaitMoment(child, random, 400);
        }

        Assert.False(child.HasExited, $"The child ended by itself. {child.Describe()}");
        child.Kill();
        Assert.True(child.Errors.Length == 0, child.Errors);
        return child.Reports;
    }
}
