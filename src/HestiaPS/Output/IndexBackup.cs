using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>
/// A complete backup in a repository. Where it came from is called IndexName and SourcePath, never Index or Path, so that nothing in a
/// pipeline takes its source for a target.
/// </summary>
public sealed class IndexBackup
{
    internal IndexBackup(BackupInfo backup)
    {
        BackupId = backup.BackupId;
        IndexName = backup.IndexName;
        Kind = backup.Kind;
        IndexId = backup.IndexId;
        SourcePath = backup.SourcePath;
        SourceHost = backup.SourceHost;
        Repository = backup.Repository;
        Lsn = backup.Lsn.Value;
        Timeline = backup.Timeline;
        PointInTime = backup.PointInTime?.ToUniversalTime();
        RecoverableToLsn = backup.RecoverableToLsn.Value;
        RecoverableToTime = backup.RecoverableToTime?.ToUniversalTime();
        Started = backup.Started.ToUniversalTime();
        Completed = backup.Completed.ToUniversalTime();
        Segments = backup.Segments;
        Bytes = backup.Bytes;
        BytesSent = backup.BytesSent;
        Entries = backup.Entries;
        Tags = [.. backup.Tags];
        KeyEncoding = backup.Settings.KeyEncoding;
        ValueEncoding = backup.Settings.ValueEncoding;
    }

    /// <summary>Name of the backup, unique in its repository.</summary>
    public string BackupId { get; }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>What it is a backup of: Hestia, or HestiaStore for one of its directories.</summary>
    public string Kind { get; }

    /// <summary>Identity of the index.</summary>
    public Guid IndexId { get; }

    /// <summary>Where the index was.</summary>
    public string SourcePath { get; }

    /// <summary>On which host.</summary>
    public string SourceHost { get; }

    /// <summary>Location of the repository it is in.</summary>
    public string Repository { get; }

    /// <summary>It holds every write up to this one and none after.</summary>
    public ulong Lsn { get; }

    /// <summary>Timeline the index was on.</summary>
    public Guid Timeline { get; }

    /// <summary>When the write at Lsn was committed (UTC), or null before the first write.</summary>
    public DateTimeOffset? PointInTime { get; }

    /// <summary>With the archived log every write up to this one can be restored from it.</summary>
    public ulong RecoverableToLsn { get; }

    /// <summary>When that write was committed (UTC), or null before the first write.</summary>
    public DateTimeOffset? RecoverableToTime { get; }

    /// <summary>When it began (UTC).</summary>
    public DateTimeOffset Started { get; }

    /// <summary>When it was complete (UTC).</summary>
    public DateTimeOffset Completed { get; }

    /// <summary>Segments in it.</summary>
    public int Segments { get; }

    /// <summary>Bytes a restore brings back.</summary>
    public long Bytes { get; }

    /// <summary>Bytes it had to send.</summary>
    public long BytesSent { get; }

    /// <summary>Entries in its segments.</summary>
    public long Entries { get; }

    /// <summary>Words it was marked with.</summary>
    public string[] Tags { get; }

    /// <summary>How keys are shown and taken.</summary>
    public DataEncoding KeyEncoding { get; }

    /// <summary>How values are shown and taken.</summary>
    public DataEncoding ValueEncoding { get; }

    /// <summary>The id.</summary>
    public override string ToString() => BackupId;
}
