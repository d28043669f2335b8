using Hestia.Core.Caching;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core;

/// <summary>What every part of an open index works with. Built once at open; the parts know each other through it only for these.</summary>
internal sealed class IndexContext
{
    private KeyValuePair<string, object?>[]? _metricAttributes;

    public required string Path { get; init; }

    public required FileSystem Files { get; init; }

    public required IndexOptions Options { get; init; }

    public required IndexSettingsFile SettingsFile { get; init; }

    /// <summary>The exact bytes of index.json, for a backup.</summary>
    public required byte[] SettingsBytes { get; init; }

    public required IndexHealth Health { get; init; }

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

    public Durability Durability => Options.Durability ?? Settings.Durability;

    public TimeSpan GroupDelay => Options.GroupDelay ?? Settings.GroupDelay;

    public string WalDirectory => System.IO.Path.Combine(Path, FileNames.Wal);

    public string QuarantineDirectory => System.IO.Path.Combine(Path, FileNames.Quarantine);

    public SegmentWriterOptions WriterOptions(bool dropLsn) => new()
    {
        BlockBytes = Settings.BlockBytes,
        RestartInterval = Settings.RestartInterval,
        BloomBitsPerKey = Settings.BloomBitsPerKey,
        Codec = Settings.Codec,
        DropLsn = dropLsn,
    };
}
