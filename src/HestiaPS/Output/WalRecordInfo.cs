using Hestia.Core;
using Hestia.Core.Wal;

namespace HestiaPS;

/// <summary>One record of the log: a batch that became visible as one.</summary>
public sealed class WalRecordInfo
{
    internal WalRecordInfo(WalRecord record, DataView keys, DataView values)
    {
        File = record.File;
        Offset = record.Offset;
        FirstLsn = record.FirstLsn.Value;
        LastLsn = record.LastLsn.Value;
        CommitTime = record.CommitTime?.ToUniversalTime();
        SyncedOffset = record.SyncedOffset;
        Bytes = record.Bytes;
        Damage = record.Damage;
        Operations = new WalOperationInfo[record.Operations.Count];
        for (var i = 0; i < Operations.Length; i++) Operations[i] = new WalOperationInfo(record.Operations[i], keys, values);
    }

    /// <summary>The log file.</summary>
    public string File { get; }

    /// <summary>Offset of the record in it.</summary>
    public long Offset { get; }

    /// <summary>LSN of its first operation.</summary>
    public ulong FirstLsn { get; }

    /// <summary>LSN of its last operation.</summary>
    public ulong LastLsn { get; }

    /// <summary>When it was committed (UTC); null for damage.</summary>
    public DateTimeOffset? CommitTime { get; }

    /// <summary>Offset of the file known to be synced when the record was written.</summary>
    public long SyncedOffset { get; }

    /// <summary>Length of the record, its header included.</summary>
    public long Bytes { get; }

    /// <summary>The puts and deletes in it.</summary>
    public WalOperationInfo[] Operations { get; }

    /// <summary>What is wrong with these bytes, or null for a good record.</summary>
    public string? Damage { get; }
}

/// <summary>One put or delete in a log record.</summary>
public sealed class WalOperationInfo
{
    internal WalOperationInfo(WalOperation operation, DataView keys, DataView values)
    {
        Lsn = operation.Lsn.Value;
        Kind = operation.Kind;
        Key = keys.Decode(operation.Key);
        Value = operation.Kind == OperationKind.Put ? values.Decode(operation.Value) : null;
    }

    /// <summary>Number of the write.</summary>
    public ulong Lsn { get; }

    /// <summary>Put or Delete.</summary>
    public OperationKind Kind { get; }

    /// <summary>The key.</summary>
    public object Key { get; }

    /// <summary>The value of a put; null for a delete.</summary>
    public object? Value { get; }

    /// <summary>The operation in one line.</summary>
    public override string ToString() => $"{Kind} {Display.Data(Key, 40)}";
}
