using Hestia.Backup;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>What Backup-HestiaIndex -Wal did.</summary>
public sealed class ArchiveReport
{
    internal ArchiveReport(ArchiveResult result)
    {
        IndexName = result.IndexName;
        IndexId = result.IndexId;
        SourcePath = result.SourcePath;
        Repository = result.Repository;
        Timeline = result.Timeline;
        FromLsn = result.FromLsn.Value == 0 ? null : result.FromLsn.Value;
        ArchivedLsn = result.ArchivedLsn.Value;
        ArchivedTime = result.ArchivedTime?.ToUniversalTime();
        LsnsBehind = result.LsnsBehind;
        Pieces = result.Pieces;
        Records = result.Records;
        BytesSent = result.BytesSent;
        Findings = FindingInfo.From(result.Findings, Hestia.Core.DataEncoding.Bytes);
        Duration = result.Duration;
        Via = result.Via;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Identity of the index.</summary>
    public Guid IndexId { get; }

    /// <summary>Where the index is.</summary>
    public string SourcePath { get; }

    /// <summary>Location of the repository.</summary>
    public string Repository { get; }

    /// <summary>Timeline of the index.</summary>
    public Guid Timeline { get; }

    /// <summary>First LSN sent, or null if nothing was new.</summary>
    public ulong? FromLsn { get; }

    /// <summary>The archive holds what the log had up to here.</summary>
    public ulong ArchivedLsn { get; }

    /// <summary>Commit time of that write (UTC), or null if it is not known.</summary>
    public DateTimeOffset? ArchivedTime { get; }

    /// <summary>Writes that the archive does not have yet.</summary>
    public long LsnsBehind { get; }

    /// <summary>Pieces sent.</summary>
    public int Pieces { get; }

    /// <summary>Log records sent.</summary>
    public long Records { get; }

    /// <summary>Bytes sent.</summary>
    public long BytesSent { get; }

    /// <summary>Gaps, a backup that is needed, and what else the owner should know.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Whether the index was a session of this process, was opened for the work, or another process has it open.</summary>
    public IndexVia Via { get; }
}
