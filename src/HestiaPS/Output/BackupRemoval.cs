using Hestia.Backup;

namespace HestiaPS;

/// <summary>What Remove-HestiaBackup did with a backup.</summary>
public enum RemovalAction
{
    /// <summary>It stays.</summary>
    Kept,

    /// <summary>It is removed.</summary>
    Removed,

    /// <summary>With -WhatIf: it would be removed.</summary>
    WouldRemove,
}

/// <summary>What became of a backup, and why.</summary>
public sealed class BackupRemoval
{
    internal BackupRemoval(RetentionDecision decision, RemovalAction action, string repository)
    {
        BackupId = decision.BackupId;
        Action = action;
        Reason = string.Join(", ", decision.Reasons);
        Repository = repository;
        if (decision.Backup is not { } backup) return;
        IndexName = backup.IndexName;
        IndexId = backup.IndexId;
        Started = backup.Started.ToUniversalTime();
        Bytes = backup.Bytes;
        Tags = [.. backup.Tags];
    }

    /// <summary>The backup.</summary>
    public string BackupId { get; }

    /// <summary>Name of its index; empty if it is damaged.</summary>
    public string IndexName { get; } = "";

    /// <summary>Identity of its index, if it can be read.</summary>
    public Guid? IndexId { get; }

    /// <summary>When it began (UTC), if it can be read.</summary>
    public DateTimeOffset? Started { get; }

    /// <summary>Bytes a restore brings back.</summary>
    public long Bytes { get; }

    /// <summary>Words it was marked with.</summary>
    public string[] Tags { get; } = [];

    /// <summary>What became of it.</summary>
    public RemovalAction Action { get; }

    /// <summary>Why it stays or goes: the rules that keep it.</summary>
    public string Reason { get; }

    /// <summary>Location of the repository.</summary>
    public string Repository { get; }

    /// <summary>The id.</summary>
    public override string ToString() => BackupId;
}
