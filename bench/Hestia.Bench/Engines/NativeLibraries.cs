using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hestia.Bench.Engines;

/// <summary>Finds the peers' libraries under the names that systems install them.</summary>
internal static class NativeLibraries
{
    public const string RocksDb = "rocksdb";
    public const string LevelDb = "leveldb";
    public const string Sqlite = "sqlite3";

    private static readonly Dictionary<string, string[]> Candidates = new()
    {
        [RocksDb] =
        [
            "librocksdb.so.7.8", "librocksdb.so", "librocksdb.so.7", "librocksdb.so.8", "librocksdb.so.9",
            "librocksdb.dylib", "rocksdb.dll",
        ],
        [LevelDb] = ["libleveldb.so.1d", "libleveldb.so.1", "libleveldb.so", "libleveldb.dylib", "leveldb.dll"],
        [Sqlite] = ["libsqlite3.so.0", "libsqlite3.so", "libsqlite3.dylib", "sqlite3.dll", "winsqlite3.dll"],
    };

    private static readonly Dictionary<string, nint> Loaded = [];

    /// <summary>Why the library cannot be used, or null if it can.</summary>
    public static string? Absence(string name) =>
        Load(name) != 0 ? null : $"not installed (none of {string.Join(", ", Candidates[name])} was found)";

    /// <summary>The file that was loaded, links followed where the system tells; null if none was.</summary>
    public static string? PathOf(string name)
    {
        if (Load(name) == 0) return null;
        using var process = Process.GetCurrentProcess();
        foreach (ProcessModule module in process.Modules)
        {
            if (module.ModuleName.Contains(name, StringComparison.Ordinal)) return module.FileName;
        }

        return null;
    }

    [ModuleInitializer]
    internal static void Register() => NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => Load(name));

    private static nint Load(string name)
    {
        if (!Candidates.TryGetValue(name, out var candidates)) return 0;
        lock (Loaded)
        {
            if (Loaded.TryGetValue(name, out var known)) return known;
            foreach (var candidate in candidates)
            {
                if (NativeLibrary.TryLoad(candidate, out var handle)) return Loaded[name] = handle;
            }

            return Loaded[name] = 0;
        }
    }
}
