using Hestia.Core.Segments;

namespace Hestia.Core;

/// <summary>When a write is acknowledged, and so what a crash may take.</summary>
public enum Durability
{
    /// <summary>An fdatasync that began after the write has returned; waiting writers share one. Nothing acknowledged is lost.</summary>
    Sync,

    /// <summary>As <see cref="Sync"/>, and the leader of a group may wait up to the group delay for company. Nothing acknowledged is lost.</summary>
    GroupSync,

    /// <summary>The write to the log file has returned; synced at least every second. A power loss may take the last second; a killed process loses nothing.</summary>
    Async,

    /// <summary>In memory; there is no log. A crash may take everything since the last flush or close.</summary>
    Off,
}

/// <summary>How keys or values are shown to and taken from people. The engine itself always works on bytes.</summary>
public enum DataEncoding
{
    /// <summary>Bytes as they are.</summary>
    Bytes,

    /// <summary>UTF-8 text, ordered by code point.</summary>
    Utf8,

    /// <summary>A signed 64-bit integer: 8 bytes big-endian with the sign bit flipped, so that order is numeric.</summary>
    Int64,

    /// <summary>A GUID: 16 bytes in the order of its text form, so that order is that of the text.</summary>
    Guid,
}

/// <summary>What is fixed when an index is created, and stands in index.json. Only the durability may be changed later (<see cref="HestiaIndex.SetDurability(Durability, CancellationToken)"/>).</summary>
public sealed record IndexSettings
{
    /// <summary>Name for people and backups; null takes the folder's name.</summary>
    public string? Name { get; init; }

    /// <summary>How keys are shown. Default <see cref="DataEncoding.Bytes"/>.</summary>
    public DataEncoding KeyEncoding { get; init; }

    /// <summary>How values are shown. Default <see cref="DataEncoding.Bytes"/>.</summary>
    public DataEncoding ValueEncoding { get; init; }

    /// <summary>When a write is acknowledged. Default <see cref="Durability.GroupSync"/>.</summary>
    public Durability Durability { get; init; } = Durability.GroupSync;

    /// <summary>How long the leader of a <see cref="Durability.GroupSync"/> group waits for company; 0 to 1 second. Default 0: by itself, up to a third of the
    /// time a sync takes and only while others that have just written are not back yet; a lone writer never waits.</summary>
    public TimeSpan GroupDelay { get; init; }

    /// <summary>Bytes of entries a data block aims at; 1 KiB to 1 MiB. Default 4 KiB.</summary>
    public int BlockBytes { get; init; } = 4 << 10;

    /// <summary>Entries between two restart points in a block; 1 to 256. Default 16.</summary>
    public int RestartInterval { get; init; } = 16;

    /// <summary>Bits per key of the Bloom filters; 0 (none) to 32. Default 10.</summary>
    public int BloomBitsPerKey { get; init; } = 10;

    /// <summary>Codec of the data blocks. Default <see cref="BlockCodec.Snappy"/>.</summary>
    public BlockCodec Codec { get; init; } = BlockCodec.Snappy;
}

/// <summary>How a session works on an index; nothing here is stored.</summary>
public sealed record IndexOptions
{
    /// <summary>Only read: nothing in the directory is changed, the log is replayed into memory. Refused while another process has it open for writing.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Durability of this session; null takes what index.json says.</summary>
    public Durability? Durability { get; init; }

    /// <summary>Group delay of this session; null takes what index.json says.</summary>
    public TimeSpan? GroupDelay { get; init; }

    /// <summary>Size at which a memtable is written out, in bytes; 64 KiB to 1 GiB. Default 64 MiB. Up to <see cref="MaxMemtables"/> exist at once.</summary>
    public long MemtableBytes { get; init; } = 64L << 20;

    /// <summary>Memtables (the active one included) before writers have to wait; 2 to 16. Default 3.</summary>
    public int MaxMemtables { get; init; } = 3;

    /// <summary>Budget of the block cache, in bytes; 0 (none) to 1 TiB. Default 64 MiB.</summary>
    public long CacheBytes { get; init; } = 64L << 20;

    /// <summary>Segment files kept open at once; 16 to 100,000. Default 512.</summary>
    public int MaxOpenFiles { get; init; } = 512;

    /// <summary>How long files no longer needed stay, so that a plain copy that runs now still finds them. Default 15 minutes.</summary>
    public TimeSpan RetiredAge { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How many bytes of such files may stay; null takes the larger of 1 GiB and a quarter of the live size.</summary>
    public long? RetiredBytes { get; init; }

    /// <summary>Level-0 segments at which compaction starts; 2 to 64. Default 4.</summary>
    public int Level0Trigger { get; init; } = 4;

    /// <summary>Level-0 segments at which writers are slowed; default 12. At twice as many they wait.</summary>
    public int Level0Slowdown { get; init; } = 12;

    /// <summary>Bytes level 1 may hold before a deeper level is begun; each deeper one may hold ten times more. Default 256 MiB.</summary>
    public long Level1Bytes { get; init; } = 256L << 20;

    /// <summary>Bytes a segment of level 1 aims at; deeper ones are larger, up to eight times. Default 8 MiB.</summary>
    public long SegmentBytes { get; init; } = 8L << 20;

    /// <summary>Whether compaction runs by itself in the background. Default true.</summary>
    public bool BackgroundCompaction { get; init; } = true;

    /// <summary>Memory that memtables kept alive only by snapshots may take, in bytes, before new snapshots are refused. Default 256 MiB.</summary>
    public long MaxSnapshotBytes { get; init; } = 256L << 20;

    /// <summary>
    /// How long a write may wait before it is begun: for the end of a suspension (<see cref="HestiaIndex.Suspend"/>), or for flush and compaction to make room.
    /// When it is up the write is refused with TimedOut, and nothing of it is written. Default: for ever (<see cref="Timeout.InfiniteTimeSpan"/>).
    /// </summary>
    public TimeSpan WriteTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Is told what happens to the index; null for nobody. Hestia.Extensions.Logging has one that writes to an ILogger.</summary>
    public Diagnostics.IIndexEventListener? EventListener { get; init; }

    /// <summary>
    /// Whether other processes of this user, and root or Administrators, can reach the index while this one has it open: to flush it, back it up, look
    /// at it (docs/control.md). Not in a read-only session. Default true.
    /// </summary>
    public bool ControlEndpoint { get; init; } = true;

    /// <summary>The file system; tests put a simulated one here.</summary>
    internal IO.FileSystem FileSystem { get; init; } = IO.FileSystem.Physical;

    /// <summary>Where background work runs.</summary>
    internal WorkScheduler Scheduler { get; init; } = WorkScheduler.Threads;
}
