using Hestia.Core.Caching;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;
using Hestia.Core.Suspending;

namespace Hestia.Core;

/// <summary>What every part of an open index works with. Built once at open; the parts know each other through it only for these.</summary>
internal sealed class IndexContext
{
    private KeyValuePair<string, object?>[]? _metricAttributes;
    private int _changedDurability = -1;

    public required string Path { get; init; }

    public required FileSystem Files { get; init; }

    public required IndexOptions Options { get; init; }

    /// <summary>What index.json says. Replaced by the commit leader when the durability is changed.</summary>
    public required IndexSettingsFile SettingsFile { get; set; }

    /// <summary>The exact bytes of index.json, for a backup.</summary>
    public required byte[] SettingsBytes { get; set; }

    public required IndexHealth Health { get; init; }

    /// <summary>Where events go; null if nobody listens.</summary>
    public IndexEvents? Events { get; init; }

    /// <summary>What changes files passes here, so that it can be held up.</summary>
    public required QuiesceGate Quiesce { get; init; }

    public required BlockCache Cache { get; init; }

    public required OpenFileLimit OpenFiles { get; init; }

    public required SegmentTable Segments { get; init; }

    public required IndexCounters Counters { get; init; }

    /// <summary>What metrics tell this index from others by.</summary>
    public KeyValuePair<string, object?>[] MetricAttributes => _metricAttributes ??=
    [
        new(HestiaMeter.IndexIdAttribute, SettingsFile.Id.ToString()),
        new(HestiaMeter.IndexNameAttribute, Settings.Name ?? System.IO.Path.GetFileName(Path)),
        new(HestiaMeter.IndexPathAttribute, Path),
    ];

    public IndexSettings Settings => SettingsFile.Settings;

    /// <summary>The durability in force: as it was changed, or what the session asked for, or what index.json says.</summary>
    public Durability Durability => Volatile.Read(ref _changedDurability) is >= 0 and var changed
        ? (Durability)changed
        : Options.Durability ?? Settings.Durability;

    public TimeSpan GroupDelay => Options.GroupDelay ?? Settings.GroupDelay;

    public string WalDirectory => System.IO.Path.Combine(Path, FileNames.Wal);

    public string QuarantineDirectory => System.IO.Path.Combine(Path, FileNames.Quarantine);

    /// <summary>Takes over what index.json says now. The commit leader's.</summary>
    public void DurabilityChanged(IndexSettingsFile file, byte[] bytes)
    {
        SettingsFile = file;
        SettingsBytes = bytes;
        Volatile.Write(ref _changedDurability, (int)file.Settings.Durability);
    }

    public SegmentWriterOptions WriterOptions(bool dropLsn) => new()
    {
        BlockBytes = Settings.BlockBytes,
        RestartInterval = Settings.RestartInterval,
        BloomBitsPerKey = Settings.BloomBitsPerKey,
        Codec = Settings.Codec,
        DropLsn = dropLsn,
    };
}
