using System.Reflection;
using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Bench;

/// <summary>This engine.</summary>
internal sealed class HestiaEngine : IEngine
{
    public HestiaEngine(EngineSettings settings)
    {
        var options = new IndexOptions { Durability = settings.Durability, CacheBytes = settings.CacheBytes };
        Index = IndexDescription.IsIndex(settings.Path)
            ? HestiaIndex.Open(settings.Path, options)
            : HestiaIndex.Create(settings.Path, new IndexSettings { Durability = settings.Durability }, options);
    }

    public HestiaIndex Index { get; }

    public string Version =>
        typeof(HestiaIndex).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Index.Put(key, value);

    public int Get(ReadOnlySpan<byte> key, Span<byte> destination) => Index.TryGet(key, destination, out var length, out _) switch
    {
        GetStatus.Found => length,
        GetStatus.NotFound => -1,
        _ => throw new InvalidOperationException($"A value of {length} bytes where {destination.Length} were expected at most."),
    };

    public IEngineCursor Scan(bool reverse) => new Cursor(Index.Scan(new ScanOptions { Reverse = reverse }));

    public void Flush() => Index.Flush();

    public IReadOnlyDictionary<string, double> Facts()
    {
        var statistics = Index.GetStatistics();
        return new Dictionary<string, double>
        {
            ["level0Segments"] = statistics.Levels.Where(l => l.Level == 0).Sum(l => l.Segments),
            ["segments"] = statistics.Levels.Sum(l => l.Segments),
            ["segmentBytes"] = statistics.SegmentBytes,
            ["compactionDebtBytes"] = statistics.CompactionDebtBytes,
            ["segmentBytesWritten"] = statistics.SegmentBytesWritten,
            ["walBytesWritten"] = statistics.WalBytesWritten,
            ["walSyncs"] = statistics.WalSyncs,
            ["writeStallSeconds"] = statistics.WriteStallTime.TotalSeconds,
        };
    }

    public void Dispose() => Index.Dispose();

    private sealed class Cursor(IndexCursor cursor) : IEngineCursor
    {
        public ReadOnlySpan<byte> Key => cursor.Key;

        public ReadOnlySpan<byte> Value => cursor.Value;

        public bool MoveNext() => cursor.MoveNext();

        public void Dispose() => cursor.Dispose();
    }
}
