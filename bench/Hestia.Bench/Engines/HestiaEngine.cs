using System.Reflection;
using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Bench.Engines;

/// <summary>This engine.</summary>
internal sealed class HestiaEngine : IEngine
{
    private readonly EngineSettings _settings;
    private readonly IndexOptions _options;

    public HestiaEngine(EngineSettings settings)
    {
        _settings = settings;
        _options = new IndexOptions
        {
            Durability = settings.Durability,
            CacheBytes = settings.CacheBytes,
            MemtableBytes = settings.MemtableBytes,
            MaxMemtables = settings.MaxMemtables,
            BackgroundCompaction = settings.Compaction,
        };
        Index = IndexDescription.IsIndex(settings.Path)
            ? HestiaIndex.Open(settings.Path, _options)
            : HestiaIndex.Create(settings.Path, new IndexSettings { Durability = settings.Durability }, _options);
    }

    public HestiaIndex Index { get; private set; }

    public string Version =>
        typeof(HestiaIndex).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Index.Put(key, value);

    public int Get(ReadOnlySpan<byte> key, Span<byte> destination) => Index.TryGet(key, destination, out var length, out _) switch
    {
        GetStatus.Found => length,
        GetStatus.NotFound => -1,
        _ => throw new InvalidOperationException($"A value of {length} bytes where {destination.Length} were expected at most."),
    };

    public IEngineCursor Scan(bool reverse, ReadOnlySpan<byte> from = default)
    {
        if (from.IsEmpty) return new Cursor(Index.Scan(new ScanOptions { Reverse = reverse }));
        ReadOnlyMemory<byte> bound = from.ToArray();
        return new Cursor(Index.Scan(reverse
            ? new ScanOptions { Reverse = true, To = bound, ToInclusive = true, FillCache = true }
            : new ScanOptions { From = bound, FillCache = true }));
    }

    public void Flush() => Index.Flush();

    public void Settle() => Index.WaitForBackgroundWork();

    public void DropRetired()
    {
        // The grace period is fixed for a session: one without any does it.
        Index.Close();
        using (var index = HestiaIndex.Open(_settings.Path, _options with { RetiredAge = TimeSpan.Zero, RetiredBytes = 0 }))
        {
            index.WaitForBackgroundWork();
            index.PruneRetired();
        }

        Index = HestiaIndex.Open(_settings.Path, _options);
    }

    public IBackupTarget OpenBackups(string path) => new Backups(this, BackupRepository.Create(path));

    public IReadOnlyDictionary<string, double> Facts()
    {
        var statistics = Index.GetStatistics();
        return new Dictionary<string, double>
        {
            ["level0Segments"] = statistics.Levels.Where(l => l.Level == 0).Sum(l => l.Segments),
            ["segments"] = statistics.Levels.Sum(l => l.Segments),
            ["retiredBytes"] = statistics.RetiredBytes,
            ["segmentBytes"] = statistics.SegmentBytes,
            ["compactionDebtBytes"] = statistics.CompactionDebtBytes,
            ["segmentBytesWritten"] = statistics.SegmentBytesWritten,
            ["walBytesWritten"] = statistics.WalBytesWritten,
            ["walSyncs"] = statistics.WalSyncs,
            ["writeStallSeconds"] = statistics.WriteStallTime.TotalSeconds,
        };
    }

    public void Dispose() => Index.Dispose();

    private sealed class Backups(HestiaEngine engine, BackupRepository repository) : IBackupTarget
    {
        public void Backup() => repository.Backup(engine.Index);

        public void Dispose() => repository.Dispose();
    }

    private sealed class Cursor(IndexCursor cursor) : IEngineCursor
    {
        public ReadOnlySpan<byte> Key => cursor.Key;

        public ReadOnlySpan<byte> Value => cursor.Value;

        public bool MoveNext() => cursor.MoveNext();

        public void Dispose() => cursor.Dispose();
    }
}
