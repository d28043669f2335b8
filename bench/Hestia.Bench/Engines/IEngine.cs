namespace Hestia.Bench.Engines;

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

    /// <summary>All entries, or those from <paramref name="from"/> on in the direction of the scan.</summary>
    IEngineCursor Scan(bool reverse, ReadOnlySpan<byte> from = default);

    /// <summary>Everything written is in sorted files when it returns.</summary>
    void Flush();

    /// <summary>Waits until background work (flush, compaction) has nothing left to do.</summary>
    void Settle();

    /// <summary>Deletes files that are kept only for a grace period; settled before.</summary>
    void DropRetired();

    /// <summary>Its own way of incremental backups into a folder; null if it has none.</summary>
    IBackupTarget? OpenBackups(string path);

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

/// <summary>A folder of backups, each holding what the one before did not have.</summary>
internal interface IBackupTarget : IDisposable
{
    void Backup();
}
