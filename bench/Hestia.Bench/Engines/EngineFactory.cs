using Hestia.Core;

namespace Hestia.Bench.Engines;

/// <summary>The settings that every engine gets alike.</summary>
internal sealed record EngineSettings(string Path, Durability Durability, long CacheBytes)
{
    /// <summary>Size at which a memtable is written out: our own default, for every engine that has one.</summary>
    public long MemtableBytes { get; init; } = new IndexOptions().MemtableBytes;

    /// <summary>Memtables before writers have to wait: our own default, for every engine that has them.</summary>
    public int MaxMemtables { get; init; } = new IndexOptions().MaxMemtables;

    /// <summary>Whether compaction runs in the background; only LevelDB cannot do without, and SQLite has none.</summary>
    public bool Compaction { get; init; } = true;
}

/// <summary>Makes engines by name.</summary>
internal static class EngineFactory
{
    public static readonly string[] Names = ["hestia", "rocksdb", "leveldb", "sqlite"];

    /// <summary>Why the engine cannot run here, or null if it can.</summary>
    public static string? Absence(string name) => name switch
    {
        "rocksdb" => NativeLibraries.Absence(NativeLibraries.RocksDb),
        "leveldb" => NativeLibraries.Absence(NativeLibraries.LevelDb),
        "sqlite" => NativeLibraries.Absence(NativeLibraries.Sqlite),
        _ => null,
    };

    /// <summary>Creates the index if it is not there, opens it otherwise.</summary>
    public static IEngine Open(string name, EngineSettings settings) => name switch
    {
        "hestia" => new HestiaEngine(settings),
        "rocksdb" => new RocksDbEngine(settings),
        "leveldb" => new LevelDbEngine(settings),
        "sqlite" => new SqliteEngine(settings),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such engine."),
    };
}
