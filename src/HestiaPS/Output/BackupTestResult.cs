using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>What Test-HestiaBackup found.</summary>
public sealed class BackupTestResult
{
    internal BackupTestResult(BackupVerification verification, string repository)
    {
        BackupId = verification.BackupId;
        IndexName = verification.IndexName;
        Repository = repository;
        Healthy = verification.Healthy;
        Deep = verification.Deep;
        ObjectsChecked = verification.ObjectsChecked;
        BytesChecked = verification.BytesChecked;
        Findings = FindingInfo.From(verification.Findings, DataEncoding.Bytes);
        Duration = verification.Duration;
    }

    /// <summary>The backup.</summary>
    public string BackupId { get; }

    /// <summary>Name of the index it is of.</summary>
    public string IndexName { get; }

    /// <summary>Location of its repository.</summary>
    public string Repository { get; }

    /// <summary>Whether it can be restored.</summary>
    public bool Healthy { get; }

    /// <summary>Whether every byte was read and hashed; otherwise presence and sizes were checked.</summary>
    public bool Deep { get; }

    /// <summary>Objects checked.</summary>
    public int ObjectsChecked { get; }

    /// <summary>Their bytes.</summary>
    public long BytesChecked { get; }

    /// <summary>What was found.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}
