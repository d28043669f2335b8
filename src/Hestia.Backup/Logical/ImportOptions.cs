using Hestia.Core;

namespace Hestia.Backup.Logical;

/// <summary>How entries are imported.</summary>
public sealed record ImportOptions
{
    /// <summary>
    /// Into a new index: replaces an index that is at the target, never one that is in use. Into an open one: overwrites entries that have other
    /// values there.
    /// </summary>
    public bool Force { get; init; }

    /// <summary>Name of the new index; null takes the folder's.</summary>
    public string? Name { get; init; }
}

/// <summary>What an import did.</summary>
public sealed record ImportResult
{
    /// <summary>Name of the index.</summary>
    public required string IndexName { get; init; }

    /// <summary>Full path of the index.</summary>
    public required string Path { get; init; }

    /// <summary>What was imported from.</summary>
    public required string Source { get; init; }

    /// <summary>What kind of source that is.</summary>
    public required string SourceKind { get; init; }

    /// <summary>How keys are shown.</summary>
    public required DataEncoding KeyEncoding { get; init; }

    /// <summary>How values are shown.</summary>
    public required DataEncoding ValueEncoding { get; init; }

    /// <summary>Entries imported: different keys of the source.</summary>
    public required long Entries { get; init; }

    /// <summary>Bytes of their keys and values.</summary>
    public required long DataBytes { get; init; }

    /// <summary>Bytes read from the source.</summary>
    public required long BytesRead { get; init; }

    /// <summary>Entries of the source whose key came again later in it; the last one counts.</summary>
    public required long Duplicates { get; init; }

    /// <summary>Entries of the source that did not come in ascending key order.</summary>
    public required long OutOfOrder { get; init; }

    /// <summary>Entries whose key the index did not have before.</summary>
    public required long Added { get; init; }

    /// <summary>Entries whose key the index had with another value.</summary>
    public required long Replaced { get; init; }

    /// <summary>Entries the index had already, value and all; they were not written again.</summary>
    public required long Unchanged { get; init; }

    /// <summary>LSN of the last write.</summary>
    public required Lsn Lsn { get; init; }

    /// <summary>
    /// The <see cref="LogicalFingerprint"/> of the entries as they were read from the source; if they did not come in key order, that of the same
    /// entries put in order.
    /// </summary>
    public required string SourceFingerprint { get; init; }

    /// <summary>The <see cref="LogicalFingerprint"/> of the same keys as the index has them now.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>
    /// Whether both agree. Into a new index nothing else is ever kept; into an open one somebody may have written to the same keys meanwhile.
    /// </summary>
    public bool FingerprintsAgree => string.Equals(SourceFingerprint, Fingerprint, StringComparison.Ordinal);

    /// <summary>Whether an index was replaced.</summary>
    public bool ReplacedIndex { get; init; }

    /// <summary>What the reader should know: Duplicates, OutOfOrder, ReplacedKept, and what the source has to tell.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }
}
