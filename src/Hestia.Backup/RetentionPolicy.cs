namespace Hestia.Backup;

/// <summary>
/// Which backups of an index to keep; what no rule keeps goes. Each rule looks at every backup, so rules add up. Hours, days, weeks (from
/// Monday), months and years are those of the backup's start in UTC, and a rule of n keeps the newest backup of each of the last n of
/// them that have one, so that a pause in the backups costs none.
/// </summary>
public sealed record RetentionPolicy
{
    /// <summary>The newest so many.</summary>
    public int? KeepLast { get; init; }

    /// <summary>The newest of each of so many hours.</summary>
    public int? KeepHourly { get; init; }

    /// <summary>The newest of each of so many days.</summary>
    public int? KeepDaily { get; init; }

    /// <summary>The newest of each of so many weeks.</summary>
    public int? KeepWeekly { get; init; }

    /// <summary>The newest of each of so many months.</summary>
    public int? KeepMonthly { get; init; }

    /// <summary>The newest of each of so many years.</summary>
    public int? KeepYearly { get; init; }

    /// <summary>All that began at most this long before the newest of the index.</summary>
    public TimeSpan? KeepWithin { get; init; }

    /// <summary>All with any of these tags.</summary>
    public IReadOnlyList<string> KeepTags { get; init; } = [];

    /// <summary>Whether it keeps nothing at all.</summary>
    public bool IsEmpty => KeepLast is null && KeepHourly is null && KeepDaily is null && KeepWeekly is null && KeepMonthly is null
        && KeepYearly is null && KeepWithin is null && KeepTags.Count == 0;
}

/// <summary>What is to become of one backup, and why.</summary>
/// <param name="BackupId">Its id.</param>
/// <param name="Backup">The backup, or null if its manifest is damaged.</param>
/// <param name="Remove">Whether it goes.</param>
/// <param name="Reasons">Why it stays, or goes.</param>
public sealed record RetentionDecision(string BackupId, BackupInfo? Backup, bool Remove, IReadOnlyList<string> Reasons);
