using Hestia.Core;

namespace Hestia.Bench;

/// <summary>
/// What every engine under test is asked to do. Thread-safe but for cursors. Spans go in and out so that no engine pays for a copy it
/// does not need.
/// </summary>
internal interface IEngine : IDisposable
{
    string Version { get; }

    void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Copies the value and returns its length, or -1 if the key is not there.</summary>
    int Get(ReadOnlySpan<byte> key, Span<byte> destination);

    IEngineCursor Scan(bool reverse);

    /// <summary>Everything written is in sorted files when it returns.</summary>
    void Flush();

    /// <summary>Anything worth a column beside the rates, for example level-0 files and compaction debt left.</summary>
    IReadOnlyDictionary<string, double> Facts();
}

/// <summary>Entries in key order; the spans are good until the next move.</summary>
internal interface IEngineCursor : IDisposable
{
    ReadOnlySpan<byte> Key { get; }

    ReadOnlySpan<byte> Value { get; }

    bool MoveNext();
}

/// <summary>The settings that every engine gets alike.</summary>
internal sealed record EngineSettings(string Path, Durability Durability, long CacheBytes);

/// <summary>Makes engines by name.</summary>
internal static class EngineFactory
{
    /// <summary>Creates the index if it is not there, opens it otherwise.</summary>
    public static IEngine Open(string name, EngineSettings settings) => name switch
    {
        "hestia" => new HestiaEngine(settings),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such engine."),
    };
}
