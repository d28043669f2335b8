namespace Hestia.Backup.Pruning;

/// <summary>
/// When the owner of a marker gives signs of life, after how long without one it is taken for dead, and how waiting is done. Ages are by
/// the clock of the store. A backup that is wrongly taken for dead finds its marker gone and begins its looks again, so its time costs at
/// most work; a prune looks for its marker before every few deletions and stops without it.
/// </summary>
internal sealed record MarkerTiming
{
    public TimeSpan BackupRenewal { get; init; } = TimeSpan.FromHours(1);

    public TimeSpan BackupDeadAfter { get; init; } = TimeSpan.FromDays(1);

    public TimeSpan PruneRenewal { get; init; } = TimeSpan.FromMinutes(1);

    public TimeSpan PruneDeadAfter { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Between two looks while waiting for others: from the first to the last.</summary>
    public TimeSpan FirstPoll { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan LastPoll { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Lets time pass. Throws when cancelled.</summary>
    public Action<TimeSpan, CancellationToken> Sleep { get; init; } = static (time, token) =>
    {
        if (token.WaitHandle.WaitOne(time)) token.ThrowIfCancellationRequested();
    };

    /// <summary>Who markers are written for; null for this process.</summary>
    public Func<MarkerOwner>? Owner { get; init; }

    /// <summary>Whether the process that wrote a marker is known to have ended.</summary>
    public Func<MarkerOwner, bool> HasEnded { get; init; } = static owner => owner.HasEnded();
}
