using Hestia.Backup.Logical;
using Hestia.Core;

namespace HestiaPS;

/// <summary>What Import-HestiaIndex did.</summary>
public sealed class ImportReport
{
    internal ImportReport(ImportResult result)
    {
        IndexName = result.IndexName;
        Path = result.Path;
        Source = result.Source;
        SourceKind = result.SourceKind;
        KeyEncoding = result.KeyEncoding;
        ValueEncoding = result.ValueEncoding;
        Entries = result.Entries;
        DataBytes = result.DataBytes;
        BytesRead = result.BytesRead;
        Duplicates = result.Duplicates;
        OutOfOrder = result.OutOfOrder;
        Added = result.Added;
        Replaced = result.Replaced;
        Unchanged = result.Unchanged;
        Lsn = result.Lsn.Value;
        SourceFingerprint = result.SourceFingerprint;
        Fingerprint = result.Fingerprint;
        Verified = result.FingerprintsAgree;
        ReplacedIndex = result.ReplacedIndex;
        Findings = FindingInfo.From(result.Findings, result.KeyEncoding);
        Duration = result.Duration;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Where the index is.</summary>
    public string Path { get; }

    /// <summary>What was imported from.</summary>
    public string Source { get; }

    /// <summary>What kind of source that is: "Hestia export", "HestiaStore directory", "HestiaStore bundle" or "HestiaStore JSON lines".</summary>
    public string SourceKind { get; }

    /// <summary>How keys are shown and taken.</summary>
    public DataEncoding KeyEncoding { get; }

    /// <summary>How values are shown and taken.</summary>
    public DataEncoding ValueEncoding { get; }

    /// <summary>Entries imported.</summary>
    public long Entries { get; }

    /// <summary>Bytes of their keys and values.</summary>
    public long DataBytes { get; }

    /// <summary>Bytes read from the source.</summary>
    public long BytesRead { get; }

    /// <summary>Entries of the source whose key came again later in it; the last one counts.</summary>
    public long Duplicates { get; }

    /// <summary>Entries of the source that did not come in key order.</summary>
    public long OutOfOrder { get; }

    /// <summary>Entries whose key the index did not have.</summary>
    public long Added { get; }

    /// <summary>Entries whose key it had with another value.</summary>
    public long Replaced { get; }

    /// <summary>Entries it had already.</summary>
    public long Unchanged { get; }

    /// <summary>LSN of the last write.</summary>
    public ulong Lsn { get; }

    /// <summary>SHA-256 over the entries as they were read from the source, in key order.</summary>
    public string SourceFingerprint { get; }

    /// <summary>SHA-256 over the same keys as the index has them now.</summary>
    public string Fingerprint { get; }

    /// <summary>Whether both agree.</summary>
    public bool Verified { get; }

    /// <summary>Whether an index was replaced.</summary>
    public bool ReplacedIndex { get; }

    /// <summary>What is worth a word; empty if nothing is.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}
