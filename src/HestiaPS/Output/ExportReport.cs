using Hestia.Backup.Logical;

namespace HestiaPS;

/// <summary>What Export-HestiaIndex did.</summary>
public sealed class ExportReport
{
    internal ExportReport(ExportResult result)
    {
        IndexName = result.IndexName;
        SourcePath = result.SourcePath;
        Path = result.Path;
        Gzip = result.Gzip;
        Entries = result.Entries;
        DataBytes = result.DataBytes;
        Bytes = result.FileBytes;
        Lsn = result.Lsn.Value;
        Fingerprint = result.Fingerprint;
        Duration = result.Duration;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Where the index is.</summary>
    public string SourcePath { get; }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Whether it is compressed.</summary>
    public bool Gzip { get; }

    /// <summary>Entries in it.</summary>
    public long Entries { get; }

    /// <summary>Bytes of their keys and values.</summary>
    public long DataBytes { get; }

    /// <summary>Bytes of the file.</summary>
    public long Bytes { get; }

    /// <summary>It holds every write up to this one and none after, as far as they are in the range.</summary>
    public ulong Lsn { get; }

    /// <summary>SHA-256 over the entries, which an import compares.</summary>
    public string Fingerprint { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}
