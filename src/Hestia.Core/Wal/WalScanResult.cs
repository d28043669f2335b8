using System.Diagnostics.CodeAnalysis;
using Hestia.Core.Diagnostics;

namespace Hestia.Core.Wal;

/// <summary>What recovery has to do with a log file before it writes anything.</summary>
internal enum WalFileAction
{
    /// <summary>Nothing.</summary>
    Keep,

    /// <summary>Cut it at <see cref="WalScannedFile.CutOffset"/>; the bytes behind go to quarantine.</summary>
    CutTail,

    /// <summary>
    /// It holds no record of the history: move it to quarantine whole. If it is <see cref="WalScannedFile.IsEmpty"/>, deleting is enough.
    /// </summary>
    Remove,
}

/// <summary>What a scan knows of the index the log belongs to. What is null is not checked.</summary>
/// <param name="IndexId">Null: that of the newest file with a whole header.</param>
/// <param name="TimelineId">Checked on the files above the checkpoint only.</param>
/// <param name="Checkpoint">Segments hold everything up to here; null: unknown, every file counts.</param>
/// <param name="IncludeUnneeded">Whether files wholly at or below the checkpoint are read as well; damage there is a warning.</param>
/// <param name="Progress">Told of the bytes read; null for nobody.</param>
internal sealed record WalScanOptions(
    Guid? IndexId, Guid? TimelineId, Lsn? Checkpoint, bool IncludeUnneeded = false, ByteProgress? Progress = null);

/// <summary>One log file, judged.</summary>
internal sealed record WalScannedFile
{
    public required string Path { get; init; }

    public required string Name { get; init; }

    public required long Length { get; init; }

    /// <summary>Null if it is damaged.</summary>
    public WalFileHeader? Header { get; init; }

    /// <summary>False if every record in it is at or below the checkpoint; recovery does not read it.</summary>
    public required bool Needed { get; init; }

    /// <summary>Whether its records were read.</summary>
    public bool Scanned { get; init; }

    /// <summary>
    /// Records that may be replayed are between these offsets. Behind the header unless damage below the checkpoint is passed over.
    /// </summary>
    public long UsedFrom { get; init; }

    /// <inheritdoc cref="UsedFrom"/>
    public long UsedUpTo { get; init; }

    /// <summary>First LSN between those offsets; None without records.</summary>
    public Lsn FirstLsn { get; init; }

    /// <summary>Last LSN between those offsets; None without records.</summary>
    public Lsn LastLsn { get; init; }

    public long Records { get; init; }

    public long Operations { get; init; }

    public uint LastRecordHeaderCrc { get; init; }

    public long LastCommitMicroseconds { get; init; }

    public WalFileAction Action { get; init; }

    /// <summary>Where to cut, or null.</summary>
    public long? CutOffset { get; init; }

    /// <summary>Nothing but a whole header and zeros.</summary>
    public bool IsEmpty { get; init; }

    /// <summary>Whether a replay of what comes after an LSN reads it.</summary>
    [MemberNotNullWhen(true, nameof(Header))]
    public bool IsReplayed(Lsn after) => Needed && Records > 0 && LastLsn > after && Header is not null;
}

/// <summary>What a log directory holds and what opening the index on it means. Nothing was changed.</summary>
internal sealed record WalScanResult
{
    /// <summary>All log files, in order of first LSN.</summary>
    public required IReadOnlyList<WalScannedFile> Files { get; init; }

    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>First LSN that replay can give; None without records.</summary>
    public required Lsn FirstLsn { get; init; }

    /// <summary>Last LSN that replay gives; None without records.</summary>
    public required Lsn LastLsn { get; init; }

    /// <summary>Records in the files that count.</summary>
    public required long Records { get; init; }

    public required long Operations { get; init; }

    /// <summary>Commit time of the last record, below which no later one may go; 0 without records.</summary>
    public required long LastCommitMicroseconds { get; init; }

    /// <summary>What the header of the next log file names as its predecessor.</summary>
    public required WalPredecessor Predecessor { get; init; }

    /// <summary>
    /// Whether the index may open, after the actions that <see cref="Files"/> name. They must be durable before anything is written.
    /// </summary>
    public bool CanOpen => FirstError is null;

    /// <summary>The finding that forbids opening, or null.</summary>
    public Finding? FirstError
    {
        get
        {
            foreach (var finding in Findings)
            {
                if (finding.Severity == FindingSeverity.Error) return finding;
            }

            return null;
        }
    }

    /// <summary>Bytes that a replay of what comes after an LSN reads.</summary>
    public long BytesToReplay(Lsn after)
    {
        var bytes = 0L;
        foreach (var file in Files)
            if (file.IsReplayed(after)) bytes += file.UsedUpTo - file.UsedFrom;
        return bytes;
    }

    public bool NeedsChange
    {
        get
        {
            foreach (var file in Files)
            {
                if (file.Action != WalFileAction.Keep) return true;
            }

            return false;
        }
    }
}

/// <summary>Stable names of what a check of the log finds.</summary>
internal static class WalFindings
{
    public const string TornTail = "WalTornTail";
    public const string Damaged = "WalDamaged";
    public const string Gap = "WalGap";
    public const string Foreign = "ForeignFile";
    public const string TooNew = "FormatTooNew";
    public const string BehindCheckpoint = "WalBehindCheckpoint";
    public const string UnknownFile = "WalUnknownFile";
}
