using System.Text.Json;
using Hestia.Bench.Engines;
using Hestia.Bench.Reporting;
using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>The one engine of this process, its index and its rows.</summary>
internal sealed class BenchSession : IDisposable
{
    /// <summary>A prime near the golden section of 2^32: with it numbers come in an order that is neither theirs nor the keys'.</summary>
    private const long Stride = 2654435761;

    private EngineSettings? _settings;
    private IEngine? _engine;

    public BenchSession(BenchArguments arguments)
    {
        Arguments = arguments;
        EngineName = arguments.Engines[0];
        Folder = Path.Combine(arguments.Folder, $"hestia-bench-{Environment.ProcessId}");
        IndexPath = Path.Combine(Folder, "index");
    }

    public BenchArguments Arguments { get; }

    public string EngineName { get; }

    public string Folder { get; }

    public string IndexPath { get; }

    public KeySpace Keys { get; private set; }

    /// <summary>Entries 0 to this one are in the index, all others are not.</summary>
    public long Filled { get; set; }

    /// <summary>Whether the index is as loading left it, nothing overwritten since.</summary>
    public bool IsPristine { get; set; }

    public IEngine Engine => _engine ?? throw new InvalidOperationException("No index is open.");

    public TimeSpan Limit => Arguments.Seconds > 0 ? TimeSpan.FromSeconds(Arguments.Seconds) : TimeSpan.MaxValue;

    public long LogicalBytes => Filled * Keys.EntryBytes;

    public EngineSettings Settings(Durability durability) => new(IndexPath, durability, Arguments.CacheBytes);

    /// <summary>A permutation of 0 to the number of entries.</summary>
    public long Scatter(long number) => (long)((Int128)number * Stride % Arguments.Entries);

    public void CreateEmpty(bool random, EngineSettings settings)
    {
        Close();
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
        Directory.CreateDirectory(Folder);
        Keys = new KeySpace(random, Arguments.ValueBytes, Arguments.Keys, Arguments.Values);
        Open(settings);
        Filled = 0;
        IsPristine = true;
    }

    public void Open(EngineSettings settings)
    {
        _engine = EngineFactory.Open(EngineName, settings);
        _settings = settings;
    }

    public void Close()
    {
        _engine?.Dispose();
        _engine = null;
        _settings = null;
    }

    /// <summary>Reads need the whole index: one is filled, unmeasured, if none was or it is not as loading left it.</summary>
    public void EnsureFilled(EngineSettings settings, bool random = true)
    {
        if (!IsPristine || Keys.Random != random || Filled != Arguments.Entries)
        {
            CreateEmpty(random, Settings(Durability.Off));
            Load();
        }

        if (_settings == settings && _engine is not null) return;
        Close();
        Open(settings);
    }

    /// <summary>Puts all entries in, in an order that is not that of the keys, and waits until flush and compaction are done.</summary>
    private void Load()
    {
        var key = new byte[KeySpace.KeyBytes];
        var value = new byte[Keys.ValueBytes];
        for (var i = 0L; i < Arguments.Entries; i++)
        {
            var number = Keys.Random ? i : Scatter(i);
            Keys.Key(number, key);
            Keys.Value(number, value);
            Engine.Put(key, value);
        }

        Engine.Flush();
        if (Arguments.Settle) Engine.Settle();
        Filled = Arguments.Entries;
    }

    public Measurement Measure(int threads, Action<int, ThreadRun> body, Action? final = null, int sampleEvery = ThreadRun.Sampled) =>
        Measurement.Of(Limit, threads, body, final, sampleEvery);

    /// <summary>Writes the row as one line of JSON; who started this process reads it.</summary>
    public void Emit(
        string workload,
        Durability? durability,
        int threads,
        Measurement measured,
        IReadOnlyDictionary<string, double>? facts = null,
        long? disk = null)
    {
        Write(Row(EngineName, workload, measured) with
        {
            Version = _engine?.Version ?? "",
            Durability = durability?.ToString(),
            Threads = threads,
            DiskBytes = disk ?? ProcessUsage.DirectoryBytes(IndexPath),
            // Where nothing is written the engine's own facts say nothing new.
            Facts = facts ?? (durability is null ? null : _engine?.Facts()),
        });
    }

    /// <summary>A row that no engine took part in.</summary>
    public void EmitReference(string workload, Measurement measured) =>
        Write(Row(SyncLoop.EngineName, workload, measured) with { Beside = EngineName });

    private static BenchResult Row(string engine, string workload, Measurement measured) => new()
    {
        Engine = engine,
        Version = "",
        Workload = workload,
        Operations = measured.Operations,
        Seconds = measured.Seconds,
        P50Microseconds = measured.Latency.Microseconds(0.5),
        P99Microseconds = measured.Latency.Microseconds(0.99),
        P999Microseconds = measured.Latency.Microseconds(0.999),
        MaxMicroseconds = measured.Latency.Microseconds(1),
        PeakRssBytes = ProcessUsage.PeakBytes(),
    };

    private static void Write(BenchResult row) => Console.WriteLine(JsonSerializer.Serialize(row, ResultFile.LineJson));

    public void Dispose()
    {
        Close();
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
    }
}
