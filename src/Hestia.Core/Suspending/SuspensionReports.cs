namespace Hestia.Core.Suspending;

/// <summary>A window in which nothing in the directory of an index changes.</summary>
/// <param name="Lsn">The files of the directory hold every write up to here, and none after.</param>
/// <param name="Began">When it began, UTC.</param>
/// <param name="Until">When it ends at the latest, UTC.</param>
public sealed record SuspensionInfo(Lsn Lsn, DateTimeOffset Began, DateTimeOffset Until);

/// <summary>What ended a suspension.</summary>
public enum SuspensionEnd
{
    /// <summary>Who asked for it, or somebody else who called Resume.</summary>
    Resumed,

    /// <summary>Its time limit: what was copied after that moment may not be of the same one.</summary>
    Expired,

    /// <summary>The index was closed. Closing changes no file that a copy needs.</summary>
    Closed,
}

/// <summary>A suspension that has ended.</summary>
/// <param name="Lsn">What the directory held meanwhile: every write up to here.</param>
/// <param name="Began">When it began, UTC.</param>
/// <param name="Ended">When it ended, UTC.</param>
/// <param name="Duration">How long it lasted, by a clock that is never set.</param>
/// <param name="End">What ended it.</param>
public sealed record SuspensionResult(Lsn Lsn, DateTimeOffset Began, DateTimeOffset Ended, TimeSpan Duration, SuspensionEnd End)
{
    /// <summary>Whether the time limit ended it, and not whoever calls Resume.</summary>
    public bool Expired => End == SuspensionEnd.Expired;
}
