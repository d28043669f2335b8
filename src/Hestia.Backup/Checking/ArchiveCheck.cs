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

    /// <summary>Whether the archive holds the last write of a backup: then there was nothing to archive until that backup.</summary>
    private static bool Reaches(IReadOnlyList<ArchiveStatus> archives, BackupInfo backup)
    {
        foreach (var status in archives)
            if (status.IndexId == backup.IndexId && status.Timeline == backup.Timeline && status.LastLsn >= backup.Lsn) return true;
        return false;
    }
}
