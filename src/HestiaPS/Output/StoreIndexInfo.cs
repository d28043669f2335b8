using Hestia.HestiaStore;
using Hestia.HestiaStore.Locking;

namespace HestiaPS;

/// <summary>What can be known of a HestiaStore directory without reading its entries.</summary>
public sealed class StoreIndexInfo
{
    internal StoreIndexInfo(StoreDescription description)
    {
        Name = description.Name;
        Path = description.Path;
        KeyType = description.KeyType.Name;
        ValueType = description.ValueType.Name;
        LockState = description.Lock.State;
        if (LockState != StoreLockState.None)
        {
            OwnerProcessId = description.Lock.ProcessId;
            OwnerHost = description.Lock.Host;
            OwnerSince = description.Lock.ProcessStart?.ToUniversalTime();
            LockReason = description.Lock.Reason;
        }

        Segments = description.Segments;
        SegmentBytes = description.SegmentBytes;
        EntriesUpperBound = description.EntriesUpperBound;
        WalEnabled = description.WalEnabled;
        WalBytes = description.WalBytes;
        Checkpoint = description.Checkpoint.Value;
        ManifestWritten = description.ManifestWritten;
    }

    /// <summary>Name of the index.</summary>
    public string Name { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>The format, for scripts that get both kinds.</summary>
    public string Format => "HestiaStore 1.0";

    /// <summary>Type of the keys, as HestiaStore names it.</summary>
    public string KeyType { get; }

    /// <summary>Type of the values, as HestiaStore names it.</summary>
    public string ValueType { get; }

    /// <summary>Whether its owner lives, as far as can be known from here.</summary>
    public StoreLockState LockState { get; }

    /// <summary>Process id in the lock, or null.</summary>
    public long? OwnerProcessId { get; }

    /// <summary>Machine in the lock, or null.</summary>
    public string? OwnerHost { get; }

    /// <summary>When that process began (UTC), or null.</summary>
    public DateTimeOffset? OwnerSince { get; }

    /// <summary>Why the lock is thought to be held or not, or null without one.</summary>
    public string? LockReason { get; }

    /// <summary>Segments in index.map.</summary>
    public int Segments { get; }

    /// <summary>Bytes of all segment folders.</summary>
    public long SegmentBytes { get; }

    /// <summary>Entries as the manifests count them, overwritten ones and tombstones included, without those only in the log.</summary>
    public long EntriesUpperBound { get; }

    /// <summary>Whether writes go to a log first.</summary>
    public bool WalEnabled { get; }

    /// <summary>Bytes of log files.</summary>
    public long WalBytes { get; }

    /// <summary>LSN up to which segments hold everything; 0 without a log.</summary>
    public ulong Checkpoint { get; }

    /// <summary>When manifest.txt was last written (UTC).</summary>
    public DateTimeOffset ManifestWritten { get; }
}
