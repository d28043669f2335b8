namespace Hestia.Core;

/// <summary>The life of an open index.</summary>
public enum IndexState
{
    /// <summary>Recovery runs.</summary>
    Opening,

    /// <summary>Reads and writes are served.</summary>
    Ready,

    /// <summary>Close runs: no new calls, the running ones end.</summary>
    Closing,

    /// <summary>Closed; every call is refused.</summary>
    Closed,

    /// <summary>A sync failed or the log is unusable: writes are refused with the cause, reads of what was durable go on.</summary>
    Failed,
}

/// <summary>Work that reports how far it is. Bytes count what was read from the source.</summary>
/// <param name="Activity">What is going on, for people.</param>
/// <param name="BytesDone">Bytes done so far.</param>
/// <param name="BytesTotal">Bytes to do, or 0 where it is not known.</param>
/// <param name="ItemsDone">Items (entries, segments, objects) done so far.</param>
/// <param name="ItemsTotal">Items to do, or 0 where it is not known.</param>
public readonly record struct WorkProgress(string Activity, long BytesDone, long BytesTotal, long ItemsDone, long ItemsTotal);

/// <summary>What a flush did.</summary>
/// <param name="SegmentsWritten">Segments written; 0 if nothing had been written since the last flush.</param>
/// <param name="BytesWritten">Their bytes.</param>
/// <param name="Checkpoint">The LSN up to which segments now hold everything.</param>
/// <param name="Duration">How long it took.</param>
public sealed record FlushResult(int SegmentsWritten, long BytesWritten, Lsn Checkpoint, TimeSpan Duration);

/// <summary>What a compaction on demand did.</summary>
/// <param name="SegmentsBefore">Live segments before.</param>
/// <param name="SegmentsAfter">Live segments after.</param>
/// <param name="BytesBefore">Their bytes before.</param>
/// <param name="BytesAfter">Their bytes after.</param>
/// <param name="BytesRewritten">Bytes of new segments; what the next backup has to send.</param>
/// <param name="Duration">How long it took.</param>
public sealed record CompactionResult(int SegmentsBefore, int SegmentsAfter, long BytesBefore, long BytesAfter, long BytesRewritten, TimeSpan Duration);

/// <summary>A change of the durability.</summary>
/// <param name="Before">The durability until then: of the session that was open, or what index.json said.</param>
/// <param name="After">The durability from then on.</param>
/// <param name="Lsn">The last write under the old one, in segments; null if there was nothing to change, or the index was closed.</param>
public sealed record DurabilityChange(Durability Before, Durability After, Lsn? Lsn);

/// <summary>Something recovery did that the owner should know.</summary>
/// <param name="Code">Stable name: WalTailCut, WalBehindCheckpoint, OlderManifestUsed, OrphanSegments, TemporaryFilesRemoved.</param>
/// <param name="Message">What was found and what was done about it.</param>
/// <param name="Path">The file it is about.</param>
public sealed record RecoveryNotice(string Code, string Message, string Path);

/// <summary>What opening an index found and did.</summary>
/// <param name="Notices">Anything out of the ordinary; empty after a clean close.</param>
/// <param name="ReplayedRecords">Log records replayed.</param>
/// <param name="ReplayedOperations">Operations in them.</param>
/// <param name="Duration">How long opening took.</param>
public sealed record RecoveryReport(IReadOnlyList<RecoveryNotice> Notices, long ReplayedRecords, long ReplayedOperations, TimeSpan Duration);

/// <summary>One level of the tree.</summary>
/// <param name="Level">0 is the newest; segments overlap only there.</param>
/// <param name="Segments">Segments in it.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Entries">Entries in it, tombstones included.</param>
public sealed record LevelStatistics(int Level, int Segments, long Bytes, long Entries);

/// <summary>The index in numbers, at one moment.</summary>
public sealed record IndexStatistics
{
    /// <summary>State of the index.</summary>
    public required IndexState State { get; init; }

    /// <summary>Durability in force in this session.</summary>
    public required Durability Durability { get; init; }

    /// <summary>Last LSN handed out.</summary>
    public required Lsn LastLsn { get; init; }

    /// <summary>Last LSN known to survive a power loss.</summary>
    public required Lsn DurableLsn { get; init; }

    /// <summary>The LSN up to which segments hold everything.</summary>
    public required Lsn Checkpoint { get; init; }

    /// <summary>Entries in segments and memtables, overwritten ones and tombstones included: an upper bound of the live ones.</summary>
    public required long EntriesUpperBound { get; init; }

    /// <summary>Bytes of live segments.</summary>
    public required long SegmentBytes { get; init; }

    /// <summary>Live segments per level, levels without any left out.</summary>
    public required IReadOnlyList<LevelStatistics> Levels { get; init; }

    /// <summary>Bytes of all memtables.</summary>
    public required long MemtableBytes { get; init; }

    /// <summary>Bytes of log files, retained ones included.</summary>
    public required long WalBytes { get; init; }

    /// <summary>Bytes of retired files not yet deleted.</summary>
    public required long RetiredBytes { get; init; }

    /// <summary>Bytes that compaction should still move.</summary>
    public required long CompactionDebtBytes { get; init; }

    /// <summary>Batches acknowledged since open; a single write is a batch of one.</summary>
    public required long Batches { get; init; }

    /// <summary>Operations in them.</summary>
    public required long Operations { get; init; }

    /// <summary>Bytes of them: keys, values and a few bytes each.</summary>
    public required long BytesWritten { get; init; }

    /// <summary>
    /// Commits since open whose time was taken: each where it includes a sync, one of 64 elsewhere. A commit is that of a group of writers, from its turn to its
    /// acknowledgement; waiting for the turn and for room is not in it.
    /// </summary>
    public required long CommitsTimed { get; init; }

    /// <summary>What they took together; divided by their number, the mean.</summary>
    public required TimeSpan CommitTime { get; init; }

    /// <summary>Point reads since open, those of snapshots not counted.</summary>
    public required long Reads { get; init; }

    /// <summary>Snapshots and cursors opened since open.</summary>
    public required long Scans { get; init; }

    /// <summary>Blocks found in the cache since open.</summary>
    public required long CacheHits { get; init; }

    /// <summary>Blocks read from files since open.</summary>
    public required long CacheMisses { get; init; }

    /// <summary>Bytes in the cache now.</summary>
    public required long CacheUsedBytes { get; init; }

    /// <summary>Times since open that writers were stopped until flush or compaction had made room.</summary>
    public required long WriteStalls { get; init; }

    /// <summary>Time writers were stopped, or slowed before it came to that, since open.</summary>
    public required TimeSpan WriteStallTime { get; init; }

    /// <summary>Syncs of the log since open.</summary>
    public required long WalSyncs { get; init; }

    /// <summary>Bytes written into the log since open.</summary>
    public required long WalBytesWritten { get; init; }

    /// <summary>Failed syncs of any file since open; the first fails the index.</summary>
    public required long SyncFailures { get; init; }

    /// <summary>Memtables written out since open.</summary>
    public required long Flushes { get; init; }

    /// <summary>Flushes that failed since open; each is tried again.</summary>
    public required long FlushFailures { get; init; }

    /// <summary>Bytes flushes have written into segments since open.</summary>
    public required long FlushBytesWritten { get; init; }

    /// <summary>Compaction jobs done since open; segments that only moved to another level are not counted.</summary>
    public required long Compactions { get; init; }

    /// <summary>Background compaction jobs that failed since open; each is tried again.</summary>
    public required long CompactionFailures { get; init; }

    /// <summary>Bytes compaction has written into segments since open.</summary>
    public required long CompactionBytesWritten { get; init; }

    /// <summary>Bytes written into segments by flush and compaction since open.</summary>
    public long SegmentBytesWritten => FlushBytesWritten + CompactionBytesWritten;

    /// <summary>Snapshots and cursors open now.</summary>
    public required int OpenSnapshots { get; init; }

    /// <summary>Pins held now.</summary>
    public required int Pins { get; init; }

    /// <summary>Until when the index is suspended at the latest, UTC; null if it is not.</summary>
    public DateTimeOffset? SuspendedUntil { get; init; }

    /// <summary>Everything up to here is in every repository the log is archived to; null if it is not archived.</summary>
    public Lsn? ArchivedLsn { get; init; }

    /// <summary>Bytes of closed log files that wait for their shipment.</summary>
    public long ArchiveQueueBytes { get; init; }

    /// <summary>The last LSN whose log was given up unshipped because the queue was full; null if none was, or a shipment has passed it.</summary>
    public Lsn? ArchiveDroppedLsn { get; init; }

    /// <summary>Why the index failed, or null.</summary>
    public string? FailureReason { get; init; }
}

/// <summary>How bad a finding is.</summary>
public enum FindingSeverity
{
    /// <summary>Worth knowing; nothing is wrong.</summary>
    Information,

    /// <summary>The index opens and holds everything it promised, but something should be looked at.</summary>
    Warning,

    /// <summary>Something is damaged or missing.</summary>
    Error,
}

/// <summary>One thing a check found: what, where, and what is at stake.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Code">Stable name, for scripts.</param>
/// <param name="Message">What is wrong and what it means, for people.</param>
/// <param name="File">Path of the file relative to the index, or null.</param>
/// <param name="Offset">Offset in it, or null.</param>
/// <param name="FirstLsn">First LSN at stake, or null.</param>
/// <param name="LastLsn">Last LSN at stake, or null.</param>
/// <param name="FirstKey">First key at stake, or null.</param>
/// <param name="LastKey">Last key at stake, or null.</param>
public sealed record Finding(
    FindingSeverity Severity,
    string Code,
    string Message,
    string? File = null,
    long? Offset = null,
    Lsn? FirstLsn = null,
    Lsn? LastLsn = null,
    byte[]? FirstKey = null,
    byte[]? LastKey = null)
{
    /// <summary>Severity, code, place and message in one line.</summary>
    public override string ToString() => $"{Severity} {Code}{(File is null ? "" : $" {File}{(Offset is { } o ? $"@{o}" : "")}")}: {Message}";
}
