namespace Hestia.Unit.Crashes;

/// <summary>What a process can be in the middle of when it is killed.</summary>
internal enum KillPhase
{
    Flush,
    Compaction,
    Backup,
    Restore,
}

/// <summary>
/// Counts what kills fell into, by what the process had reported to have begun and not to have ended. Rounds go on until each has been hit,
/// and half of the kills aim at the one that was hit least.
/// </summary>
internal sealed class KillPhases(params KillPhase[] wanted)
{
    /// <summary>So many rounds more, where random moments have missed something.</summary>
    public const int MoreRounds = 20;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1.5);

    private readonly int[] _hits = new int[wanted.Length];

    /// <summary>Whether a kill has fallen into each.</summary>
    public bool IsComplete => Array.TrueForAll(_hits, static n => n > 0);

    private KillPhase Rarest => wanted[Array.IndexOf(_hits, _hits.Min())];

    private static (int Begun, int Finished) Of(Reports reports, KillPhase phase) => phase switch
    {
        KillPhase.Flush => (reports.FlushesBegun, reports.Flushes),
        KillPhase.Compaction => (reports.CompactionsBegun, reports.Compactions),
        KillPhase.Backup => (reports.BackupsBegun, reports.Backups.Count),
        _ => (reports.RestoresBegun.Count, reports.RestoresFinished.Count),
    };

    /// <summary>Waits for the moment to kill: some time, or in the middle of what was hit least, the first of it or a later one.</summary>
    public void AwaitMoment(WriterProcess child, Random random, int atMostMilliseconds)
    {
        if (random.Next(2) == 0)
        {
            Thread.Sleep(random.Next(atMostMilliseconds));
            return;
        }

        var phase = Rarest;
        var after = random.Next(3);
        child.WaitUntil(r => Of(r, phase) is var (begun, finished) && finished >= after && begun > finished, s_patience);
        Thread.Sleep(random.Next(3) * random.Next(8));
    }

    /// <summary>What a killed process had said.</summary>
    public void Count(Reports reports)
    {
        for (var i = 0; i < wanted.Length; i++)
        {
            var (begun, finished) = Of(reports, wanted[i]);
            if (begun > finished) _hits[i]++;
        }
    }

    public void AssertComplete(string where) => Assert.True(IsComplete, $"{where}: no kill fell into one of these: {this}");

    public override string ToString() => string.Join(", ", wanted.Select((p, i) => $"{_hits[i]} in a {p.ToString().ToLowerInvariant()}"));
}
