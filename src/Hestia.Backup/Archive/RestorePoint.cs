using Hestia.Backup.Format;
using Hestia.Core;

namespace Hestia.Backup.Archive;

/// <summary>Where a restore begins, what it adds, and where it ends.</summary>
/// <param name="Backup">The backup it begins with.</param>
/// <param name="Pieces">What of the archive it adds, in order.</param>
/// <param name="Lsn">The last LSN it has.</param>
/// <param name="Timeline">Timeline of that LSN.</param>
/// <param name="RecoverableTo">How far this timeline can be restored without a gap from that backup.</param>
/// <param name="RecoverableToTime">Commit time of that write, UTC microseconds; 0 before the first write.</param>
internal sealed record RestorePoint(
    BackupManifest Backup, IReadOnlyList<PieceUse> Pieces, Lsn Lsn, Guid Timeline, Lsn RecoverableTo, long RecoverableToTime)
{
    /// <summary>What whoever asked for it should know; null if it is what it seems.</summary>
    public Finding? Notice { get; init; }

    /// <summary>Bytes of the pieces.</summary>
    public long ArchiveBytes
    {
        get
        {
            long bytes = 0;
            foreach (var piece in Pieces) bytes += piece.Item.Size;
            return bytes;
        }
    }
}

/// <summary>A piece, and the last LSN of it that is wanted.</summary>
internal readonly record struct PieceUse(ArchiveItem Item, Lsn UpTo);

/// <summary>What was asked for. At most one of LSN, time and latest.</summary>
internal readonly record struct RestoreWish(Lsn? Lsn, DateTimeOffset? Time, bool Latest, Guid? Timeline)
{
    public bool IsPointInTime => Lsn is not null || Time is not null || Latest || Timeline is not null;
}
