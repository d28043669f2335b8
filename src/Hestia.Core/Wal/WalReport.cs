namespace Hestia.Core.Wal;

/// <summary>What a check of a write-ahead log found. Nothing was changed by it.</summary>
public sealed record WalReport
{
    /// <summary>Whether the log is what it should be; the tail a crash leaves is no fault.</summary>
    public required bool Healthy { get; init; }

    /// <summary>The path that was checked.</summary>
    public required string CheckedPath { get; init; }

    /// <summary>Log files.</summary>
    public required int Files { get; init; }

    /// <summary>Whole records before any damage, also those at or below the checkpoint, which opening does not need.</summary>
    public required long Records { get; init; }

    /// <summary>Operations in them.</summary>
    public required long Operations { get; init; }

    /// <summary>Bytes of the files, reserved space included.</summary>
    public required long Bytes { get; init; }

    /// <summary>First LSN in the usable records; None if there are none.</summary>
    public required Lsn FirstLsn { get; init; }

    /// <summary>Last LSN in the usable records; None if there are none.</summary>
    public required Lsn LastLsn { get; init; }

    /// <summary>Commit time of the last usable record, or null.</summary>
    public required DateTimeOffset? LastCommitTime { get; init; }

    /// <summary>Everything found, in order of files.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>What opening the index would do about it, in a sentence.</summary>
    public required string OpenWould { get; init; }

    /// <summary>
    /// What opening the index around the log would refuse for although it is not the log: its settings, its manifest, a segment. Also among the
    /// findings; null if there is nothing of the kind, or no index around the log.
    /// </summary>
    public Finding? OpenRefusal { get; init; }

    /// <summary>Whether opening would go on: neither the log nor anything else it looks at first is in its way.</summary>
    public bool WouldOpen => Healthy && OpenRefusal is null;
}

/// <summary>One operation of a log record.</summary>
/// <param name="Lsn">Its number.</param>
/// <param name="Kind">Put or delete.</param>
/// <param name="Key">The key.</param>
/// <param name="ValueLength">Bytes of the value; 0 for a delete.</param>
/// <param name="Value">The value; empty for a delete.</param>
public sealed record WalOperation(Lsn Lsn, OperationKind Kind, byte[] Key, int ValueLength, byte[] Value);

/// <summary>One record (an atomic batch) of a log file, or, where <see cref="Damage"/> is not null, bytes that are none.</summary>
public sealed record WalRecord
{
    /// <summary>Path of the file.</summary>
    public required string File { get; init; }

    /// <summary>Where it begins in the file.</summary>
    public required long Offset { get; init; }

    /// <summary>Its bytes, header included; of damage, the bytes up to the next record or the end.</summary>
    public required long Bytes { get; init; }

    /// <summary>LSN of its first operation; of damage, the LSN that should have followed.</summary>
    public required Lsn FirstLsn { get; init; }

    /// <summary>LSN of its last operation; of damage, the last one missing, or None if that is not known.</summary>
    public required Lsn LastLsn { get; init; }

    /// <summary>When it was committed; null for damage.</summary>
    public DateTimeOffset? CommitTime { get; init; }

    /// <summary>The file was synced up to this offset when the record was written.</summary>
    public long SyncedOffset { get; init; }

    /// <summary>Its operations; where a key was asked for, only those on it.</summary>
    public IReadOnlyList<WalOperation> Operations { get; init; } = [];

    /// <summary>What is wrong here, or null for a record.</summary>
    public string? Damage { get; init; }
}

/// <summary>Which records <see cref="WalInspector.ReadRecords(string, WalReadOptions?, CancellationToken)"/> gives.</summary>
public sealed record WalReadOptions
{
    /// <summary>Only records with an operation at or above this.</summary>
    public Lsn? FromLsn { get; init; }

    /// <summary>Only records with an operation at or below this.</summary>
    public Lsn? ToLsn { get; init; }

    /// <summary>Only records with an operation on this key, and of those only these operations.</summary>
    public byte[]? Key { get; init; }

    /// <summary>Only the last so many; they are kept in memory until the end.</summary>
    public int? Last { get; init; }
}
