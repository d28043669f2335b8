using Hestia.Backup;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>What Backup-HestiaIndex did.</summary>
public sealed class BackupReport
{
    internal BackupReport(BackupResult result)
    {
        BackupId = result.BackupId;
        IndexName = result.IndexName;
        Kind = result.Kind;
        SourcePath = result.SourcePath;
        Repository = result.Repository;
        Lsn = result.Lsn.Value;
        Bytes = result.Bytes;
        BytesSent = result.BytesSent;
        SegmentsSent = result.SegmentsSent;
        SegmentsReused = result.SegmentsReused;
        Duration = result.Duration;
        FlushedIndices = result.Flushed ? 1 : 0;
        SegmentsWritten = result.SegmentsFlushed;
        Via = result.Via;
    }

    /// <summary>Name of the backup, unique in its repository.</summary>
    public string BackupId { get; }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>What it is a backup of: Hestia, or HestiaStore for one of its directories.</summary>
    public string Kind { get; }

    /// <summary>Where the index is.</summary>
    public string SourcePath { get; }

    /// <summary>Location of the repository.</summary>
    public string Repository { get; }

    /// <summary>It holds every write up to this one and none after.</summary>
    public ulong Lsn { get; }

    /// <summary>Bytes a restore brings back.</summary>
    public long Bytes { get; }

    /// <summary>Bytes that had to be sent.</summary>
    public long BytesSent { get; }

    /// <summary>Segments that had to be sent.</summary>
    public int SegmentsSent { get; }

    /// <summary>Segments the repository had already.</summary>
    public int SegmentsReused { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Indices flushed first: 1, or 0 with -NoFlush; one object comes for each index.</summary>
    public int FlushedIndices { get; }

    /// <summary>Segments that flush wrote; 0 if nothing had been written since the last one.</summary>
    public int SegmentsWritten { get; }

    /// <summary>LSN up to which segments hold everything, which is where the backup ends.</summary>
    public ulong WalCheckpoint => Lsn;

    /// <summary>Whether the index was a session of this process, was opened for the work, or another process has it open.</summary>
    public IndexVia Via { get; }
}
