using Hestia.Core;

namespace Hestia.Backup;

/// <summary>A complete backup.</summary>
public sealed record BackupInfo
{
    /// <summary>Id, such as <c>bk-2026-04-15T03-00-00Z-7f3a91</c>.</summary>
    public required string BackupId { get; init; }

    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>What it is a backup of: "Hestia" for an index of ours, or the system whose folder it is, such as "HestiaStore".</summary>
    public string Kind { get; init; } = HestiaKind;

    /// <summary>The <see cref="Kind"/> of indexes of ours.</summary>
    public const string HestiaKind = "Hestia";

    /// <summary>Identity of the index; names may repeat, this does not.</summary>
    public required Guid IndexId { get; init; }

    /// <summary>Folder the index was in.</summary>
    public required string SourcePath { get; init; }

    /// <summary>Machine the backup was made on.</summary>
    public required string SourceHost { get; init; }

    /// <summary>Location of the repository it is in.</summary>
    public required string Repository { get; init; }

    /// <summary>The backup holds every write up to this LSN and none after it.</summary>
    public required Lsn Lsn { get; init; }

    /// <summary>Timeline the index was on.</summary>
    public Guid Timeline { get; init; }

    /// <summary>When the write at <see cref="Lsn"/> was committed, UTC; null before the first write.</summary>
    public DateTimeOffset? PointInTime { get; init; }

    /// <summary>With the archive of the log every write up to this LSN can be restored from this backup, on its timeline.</summary>
    public Lsn RecoverableToLsn { get; init; }

    /// <summary>When that write was committed, UTC; null before the first write.</summary>
    public DateTimeOffset? RecoverableToTime { get; init; }

    /// <summary>When it began, UTC, by the clock of the source.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it was published, UTC, by the clock of the source.</summary>
    public required DateTimeOffset Completed { get; init; }

    /// <summary>Segments in it.</summary>
    public required int Segments { get; init; }

    /// <summary>Bytes of its segments: what a restore to an empty place fetches.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes this backup had to send; the rest was in the repository already.</summary>
    public required long BytesSent { get; init; }

    /// <summary>Entries in its segments, overwritten ones and tombstones included: an upper bound of the live ones.</summary>
    public required long Entries { get; init; }

    /// <summary>Words it was marked with.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>When its manifest was stored, UTC, by the clock of the store; null where it was not listed.</summary>
    public DateTimeOffset? StoredAt { get; init; }

    /// <summary>
    /// When it was made, UTC, by its own word or by the time its manifest was stored, whichever is earlier: a copy made today of an old one is old,
    /// and one made while the clock of its source was ahead is not newer than all that follow it.
    /// </summary>
    public DateTimeOffset MadeAt => StoredAt is { } stored && stored < Completed ? stored : Completed;

    /// <summary>
    /// The one that was made last; null of none. Stores know whole seconds only: of two of the same second the one that says it is later.
    /// </summary>
    public static BackupInfo? Latest(IEnumerable<BackupInfo> backups) => backups.MaxBy(static b => (b.MadeAt, b.Completed));

    /// <summary>Settings of the index; of another system's folder only the name.</summary>
    public required IndexSettings Settings { get; init; }
}

/// <summary>What a repository holds: the backups that are complete, and what looks like one and is not.</summary>
/// <param name="Backups">Complete backups, oldest first.</param>
/// <param name="Findings">Manifests that are damaged, cut short or of a newer format: BackupDamaged, FormatTooNew.</param>
public sealed record BackupListing(IReadOnlyList<BackupInfo> Backups, IReadOnlyList<Finding> Findings);
