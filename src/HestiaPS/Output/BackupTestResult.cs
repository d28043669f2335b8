using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>How the test of a backup ended.</summary>
public enum BackupTestStatus
{
    /// <summary>Everything looked at is as it should be.</summary>
    Success,

    /// <summary>It is damaged, or did not come back as it should.</summary>
    Failed,

    /// <summary>The restore could not be tried, for want of room or permission in the scratch folder.</summary>
    Skipped,
}

/// <summary>What Test-HestiaBackup found.</summary>
public sealed class BackupTestResult
{
    internal BackupTestResult(string backupId, string indexName, string repository)
    {
        BackupId = backupId;
        IndexName = indexName;
        Repository = repository;
    }

    internal BackupTestResult(BackupVerification verification, string repository)
        : this(verification.BackupId, verification.IndexName, repository)
    {
        Status = verification.Healthy ? BackupTestStatus.Success : BackupTestStatus.Failed;
        Deep = verification.Deep;
        ObjectsChecked = verification.ObjectsChecked;
        BytesChecked = verification.BytesChecked;
        ObjectsHashed = verification.ObjectsHashed;
        BytesHashed = verification.BytesHashed;
        Findings = FindingInfo.From(verification.Findings, DataEncoding.Bytes);
        Reason = verification.Healthy ? null : FindingInfo.Summary(Findings);
        Duration = verification.Duration;
    }

    /// <summary>The backup; empty if the index has none that can be read.</summary>
    public string BackupId { get; }

    /// <summary>Name of the index it is of.</summary>
    public string IndexName { get; }

    /// <summary>Location of its repository.</summary>
    public string Repository { get; }

    /// <summary>How the test ended.</summary>
    public BackupTestStatus Status { get; internal set; }

    /// <summary>Why it did not succeed, or null.</summary>
    public string? Reason { get; internal set; }

    /// <summary>Whether it succeeded.</summary>
    public bool Healthy => Status == BackupTestStatus.Success;

    /// <summary>Whether every byte was read and hashed in place; otherwise presence and sizes were checked.</summary>
    public bool Deep { get; }

    /// <summary>Objects checked.</summary>
    public int ObjectsChecked { get; internal set; }

    /// <summary>Their bytes.</summary>
    public long BytesChecked { get; internal set; }

    /// <summary>Objects of which every byte was read and hashed.</summary>
    public int ObjectsHashed { get; internal set; }

    /// <summary>Their bytes.</summary>
    public long BytesHashed { get; internal set; }

    /// <summary>With -Drill: how long it took until the restored index was open; null if that was not reached.</summary>
    public TimeSpan? RecoveryTime { get; internal set; }

    /// <summary>With -Drill: commit time of the last write that came back; null if that was not reached.</summary>
    public DateTimeOffset? RecoveryPoint { get; internal set; }

    /// <summary>With -Drill: LSN of the last write that came back.</summary>
    public ulong? Lsn { get; internal set; }

    /// <summary>With -Drill: entries that came back.</summary>
    public long? Entries { get; internal set; }

    /// <summary>What was found.</summary>
    public FindingInfo[] Findings { get; internal set; } = [];

    /// <summary>How long it took in all.</summary>
    public TimeSpan Duration { get; internal set; }
}
