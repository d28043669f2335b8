using Hestia.Core;

namespace Hestia.Backup.Logical;

/// <summary>What of an index is exported, and how.</summary>
public sealed record ExportOptions
{
    /// <summary>Which entries, in ascending order; a reverse scan is refused.</summary>
    public Hestia.Core.Reading.ScanOptions Range { get; init; }

    /// <summary>Whether the file is compressed with gzip.</summary>
    public bool Gzip { get; init; }

    /// <summary>Whether a file that is there is replaced.</summary>
    public bool Force { get; init; }
}

/// <summary>What an export would write.</summary>
/// <param name="Entries">Entries in the range.</param>
/// <param name="DataBytes">Bytes of their keys and values; the file is larger, or smaller if compressed.</param>
/// <param name="Lsn">The export would hold every write up to it and none after.</param>
/// <param name="Replaces">Whether a file is there that would be replaced.</param>
public sealed record ExportPlan(long Entries, long DataBytes, Lsn Lsn, bool Replaces);

/// <summary>What an export wrote.</summary>
public sealed record ExportResult
{
    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>Folder of the index.</summary>
    public required string SourcePath { get; init; }

    /// <summary>Full path of the file.</summary>
    public required string Path { get; init; }

    /// <summary>Whether it is compressed.</summary>
    public required bool Gzip { get; init; }

    /// <summary>Entries in it.</summary>
    public required long Entries { get; init; }

    /// <summary>Bytes of their keys and values.</summary>
    public required long DataBytes { get; init; }

    /// <summary>Bytes of the file.</summary>
    public required long FileBytes { get; init; }

    /// <summary>It holds every write up to this LSN and none after it, as far as they are in the range.</summary>
    public required Lsn Lsn { get; init; }

    /// <summary>The <see cref="LogicalFingerprint"/> of the entries.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }
}
