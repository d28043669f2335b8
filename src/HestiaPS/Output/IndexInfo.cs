using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Control;
using Hestia.Core.Locking;

namespace HestiaPS;

/// <summary>
/// What can be known of an index by its path: of an open one what its owner says; of a closed one, or where the owner cannot be asked, what its files
/// say, without opening it.
/// </summary>
public sealed class IndexInfo
{
    internal IndexInfo(IndexDescription description)
    {
        Via = IndexVia.Files;
        Name = description.Name;
        Path = description.Path;
        Id = description.Id;
        Created = description.Created.ToUniversalTime();
        InUse = description.InUse;
        State = description.InUse ? null : IndexState.Closed;
        if (description.InUse) SetOwner(description.Owner);
        KeyEncoding = description.Settings.KeyEncoding;
        ValueEncoding = description.Settings.ValueEncoding;
        Durability = description.Settings.Durability;
        Checkpoint = description.Checkpoint.Value;
        Segments = description.Segments;
        SegmentBytes = description.SegmentBytes;
        EntriesUpperBound = description.EntriesUpperBound;
        WalBytes = description.WalBytes;
        Levels = [.. description.Levels];
        LastBackup = description.LastBackup;
    }

    /// <param name="status">What its owner says.</param>
    /// <param name="path">The directory as this process names it; the owner may know it by another name.</param>
    /// <param name="via">Who was asked.</param>
    internal IndexInfo(IndexStatus status, string path, IndexVia via)
    {
        Via = via;
        Name = status.Name;
        Path = path;
        Id = status.Id;
        Created = status.Created.ToUniversalTime();
        InUse = true;
        SetOwner(status.Owner);
        KeyEncoding = status.Settings.KeyEncoding;
        ValueEncoding = status.Settings.ValueEncoding;
        Durability = status.Durability;
        LastBackup = status.LastBackup;
        var numbers = status.Statistics;
        State = numbers.State;
        FailureReason = numbers.FailureReason;
        SuspendedUntil = numbers.SuspendedUntil;
        Checkpoint = numbers.Checkpoint.Value;
        LastLsn = numbers.LastLsn.Value;
        DurableLsn = numbers.DurableLsn.Value;
        Levels = [.. numbers.Levels];
        Segments = numbers.Levels.Sum(static level => level.Segments);
        SegmentBytes = numbers.SegmentBytes;
        EntriesUpperBound = numbers.EntriesUpperBound;
        WalBytes = numbers.WalBytes;
        RetiredBytes = numbers.RetiredBytes;
        MemtableBytes = numbers.MemtableBytes;
        CompactionDebtBytes = numbers.CompactionDebtBytes;
        var lookups = numbers.CacheHits + numbers.CacheMisses;
        CacheHitRate = lookups == 0 ? null : (double)numbers.CacheHits / lookups;
        WriteStalls = numbers.WriteStalls;
        WriteStallTime = numbers.WriteStallTime;
        Pins = numbers.Pins;
        SyncFailures = numbers.SyncFailures;
        ArchivedLsn = numbers.ArchivedLsn?.Value;
        Statistics = numbers;
    }

    /// <summary>Where this comes from: a session of this process, the process that has it open, or its files.</summary>
    public IndexVia Via { get; }

    /// <summary>Name of the index.</summary>
    public string Name { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>Identity, fixed at creation.</summary>
    public Guid Id { get; }

    /// <summary>When it was created (UTC).</summary>
    public DateTimeOffset Created { get; }

    /// <summary>Whether a live process has it open now.</summary>
    public bool InUse { get; }

    /// <summary>That process, or null.</summary>
    public int? OwnerProcessId { get; private set; }

    /// <summary>Name of that process, or null.</summary>
    public string? OwnerProcess { get; private set; }

    /// <summary>Host it runs on, or null.</summary>
    public string? OwnerHost { get; private set; }

    /// <summary>Since when it has the index open (UTC), or null.</summary>
    public DateTimeOffset? OwnerSince { get; private set; }

    /// <summary>How keys are shown and taken.</summary>
    public DataEncoding KeyEncoding { get; }

    /// <summary>How values are shown and taken.</summary>
    public DataEncoding ValueEncoding { get; }

    /// <summary>When a write is acknowledged, unless a session says otherwise.</summary>
    public Durability Durability { get; }

    /// <summary>LSN up to which segments hold everything.</summary>
    public ulong Checkpoint { get; }

    /// <summary>Live segments.</summary>
    public int Segments { get; }

    /// <summary>Their bytes.</summary>
    public long SegmentBytes { get; }

    /// <summary>Entries, overwritten ones and tombstones included; of an index that is not open, those in segments.</summary>
    public long EntriesUpperBound { get; }

    /// <summary>Bytes of log files, retained ones included.</summary>
    public long WalBytes { get; }

    /// <summary>Segments per level.</summary>
    public LevelStatistics[] Levels { get; }

    /// <summary>State; null if another process has it open that cannot be asked.</summary>
    public IndexState? State { get; }

    /// <summary>Why it failed, or null.</summary>
    public string? FailureReason { get; }

    /// <summary>When the suspension of its writers ends by itself; null if it is not suspended.</summary>
    public DateTimeOffset? SuspendedUntil { get; }

    /// <summary>LSN of the last write that readers see; null if the index is not open or cannot be asked, like all that follows.</summary>
    public ulong? LastLsn { get; }

    /// <summary>LSN up to which everything survives a power loss.</summary>
    public ulong? DurableLsn { get; }

    /// <summary>Bytes of files that nothing live needs and that are kept for copies that are running.</summary>
    public long? RetiredBytes { get; }

    /// <summary>Bytes of memtables.</summary>
    public long? MemtableBytes { get; }

    /// <summary>Bytes that compaction should still move.</summary>
    public long? CompactionDebtBytes { get; }

    /// <summary>Part of the blocks read that the cache had, 0 to 1; null before the first read.</summary>
    public double? CacheHitRate { get; }

    /// <summary>How often writers were stopped until flush or compaction had made room.</summary>
    public long? WriteStalls { get; }

    /// <summary>Time writers were stopped or slowed.</summary>
    public TimeSpan? WriteStallTime { get; }

    /// <summary>Pins held: backups that are running.</summary>
    public int? Pins { get; }

    /// <summary>Failed syncs; the first fails the index.</summary>
    public long? SyncFailures { get; }

    /// <summary>Everything up to here is in the archive of the log; null if it is not archived.</summary>
    public ulong? ArchivedLsn { get; }

    /// <summary>The last backup made of it; null if none is known.</summary>
    public LastBackup? LastBackup { get; }

    /// <summary>All numbers of an open index; null if it is closed or cannot be asked.</summary>
    public IndexStatistics? Statistics { get; }

    private void SetOwner(LockOwner? owner)
    {
        if (owner is null) return;
        OwnerProcessId = owner.ProcessId;
        OwnerProcess = owner.ProcessName;
        OwnerHost = owner.Host;
        OwnerSince = owner.Since.ToUniversalTime();
    }
}
