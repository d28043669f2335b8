using Hestia.Backup.Archive;
using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Checking;

/// <summary>
/// What is wrong with the log archive: gaps, damage, two histories in one; and where a limit was given, an index of which nothing was archived
/// for longer. An index that nobody writes to has nothing to archive: a backup that holds no more than the archive counts as well.
/// </summary>
internal static class ArchiveCheck
{
    /// <param name="repository">The repository.</param>
    /// <param name="archives">What was found of the archive.</param>
    /// <param name="index">The index, with its newest backup.</param>
    /// <param name="limit">The longest that is allowed.</param>
    /// <param name="now">The time by the clock of the store.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static Finding? FindLag(
        RepositoryContext repository,
        IReadOnlyList<ArchiveStatus> archives,
        IndexFreshness index,
        TimeSpan limit,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        if (index.Newest is not { } backup || index.Age is not { } age) return null;
        var folder = ArchiveNames.OfIndex(backup.IndexId);
        var newest = DateTime.MinValue;
        foreach (var item in repository.Store.List(folder, cancellationToken))
            if (item.StoredAt > newest) newest = item.StoredAt;
        if (newest == DateTime.MinValue)
        {
            return new Finding(
                FindingSeverity.Error, "ArchiveMissing",
                $"Nothing of the log of the index '{index.IndexName}' ({backup.IndexId:d}) is archived; "
                + $"at most {RepositoryCheckJob.Text(limit)} may be missing.",
                folder);
        }

        var lag = now.UtcDateTime - newest;
        if (lag > limit && age < lag && Reaches(archives, backup)) lag = age;
        return lag <= limit ? null : new Finding(
            FindingSeverity.Error, "ArchiveLag",
            $"The log of the index '{index.IndexName}' ({backup.IndexId:d}) was last archived {RepositoryCheckJob.Text(lag)} ago; "
            + $"at most {RepositoryCheckJob.Text(limit)} are allowed.",
            folder);
    }

    /// <summary>
    /// Whether what was archived last can be restored at all: log behind a gap, or of a timeline that no backup leads to, is of no use until the next backup.
    /// </summary>
    public static Finding? FindUnreachable(
        RepositoryContext repository, IReadOnlyList<ArchiveStatus> archives, IndexFreshness index, CancellationToken cancellationToken)
    {
        if (index.IndexId is not { } id) return null;
        ArchiveStatus? newest = null;
        foreach (var status in archives)
            if (status.IndexId == id && status.LastTime is { } time && (newest is null || time >= newest.LastTime)) newest = status;
        if (newest is null || (index.Newest is { PointInTime: { } backedUp } && backedUp >= newest.LastTime)) return null;
        var reached = Lsn.None;
        try
        {
            var wish = new RestoreWish(null, null, Latest: true, newest.Timeline);
            reached = new RestorePlanner(repository, new ArchiveCatalog(repository), cancellationToken).OfIndex(id.ToString("d"), wish).RecoverableTo;
            if (reached >= newest.LastLsn) return null;
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.PointNotReachable)
        {
            // not even its beginning
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.ArchiveDiverged or HestiaErrorCode.BackupDamaged
            or HestiaErrorCode.FormatTooNew)
        {
            return null; // told already, with its name
        }

        return new Finding(
            FindingSeverity.Error,
            "ArchiveUnreachable",
            $"The log of the index '{index.IndexName}' ({id:d}) is archived up to LSN {newest.LastLsn}, but no backup leads "
            + (reached == Lsn.None ? "there. " : $"beyond LSN {reached}. ") + "Back up the index; until then nothing behind it can be restored.",
            $"{ArchiveNames.OfIndex(id)}{newest.Timeline:d}",
            FirstLsn: reached == Lsn.None ? newest.FirstLsn : reached.Next,
            LastLsn: newest.LastLsn);
    }

    /// <summary>Whether the archive holds the last write of a backup: then there was nothing to archive until that backup.</summary>
    private static bool Reaches(IReadOnlyList<ArchiveStatus> archives, BackupInfo backup)
    {
        foreach (var status in archives)
            if (status.IndexId == backup.IndexId && status.Timeline == backup.Timeline && status.LastLsn >= backup.Lsn) return true;
        return false;
    }
}
