using Hestia.Core;

namespace HestiaPS;

/// <summary>What can be known of an index without opening it.</summary>
public sealed class IndexInfo
{
    internal IndexInfo(IndexDescription description)
    {
        Name = description.Name;
        Path = description.Path;
        Id = description.Id;
        Created = description.Created.ToUniversalTime();
        InUse = description.InUse;
        if (description.InUse && description.Owner is { } owner)
        {
            OwnerProcessId = owner.ProcessId;
            OwnerProcess = owner.ProcessName;
            OwnerHost = owner.Host;
            OwnerSince = owner.Since.ToUniversalTime();
        }

        KeyEncoding = description.Settings.KeyEncoding;
        ValueEncoding = description.Settings.ValueEncoding;
        Durability = description.Settings.Durability;
        Checkpoint = description.Checkpoint.Value;
        Segments = description.Segments;
        SegmentBytes = description.SegmentBytes;
        EntriesUpperBound = description.EntriesUpperBound;
        WalBytes = description.WalBytes;
        Levels = [.. description.Levels];
    }

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
    public int? OwnerProcessId { get; }

    /// <summary>Name of that process, or null.</summary>
    public string? OwnerProcess { get; }

    /// <summary>Host it runs on, or null.</summary>
    public string? OwnerHost { get; }

    /// <summary>Since when it has the index open (UTC), or null.</summary>
    public DateTimeOffset? OwnerSince { get; }

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

    /// <summary>Entries in segments, overwritten ones and tombstones included.</summary>
    public long EntriesUpperBound { get; }

    /// <summary>Bytes of log files.</summary>
    public long WalBytes { get; }

    /// <summary>Segments per level.</summary>
    public LevelStatistics[] Levels { get; }
}
