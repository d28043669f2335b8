using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Checking;

/// <summary>
/// What is wrong with the log archive of one index: how long ago something of it was stored, by the clock of the store. The place to add
/// what else the archive knows of itself.
/// </summary>
internal static class ArchiveCheck
{
    private const string Archive = "archive/";

    public static IEnumerable<Finding> Find(
        RepositoryContext repository, IndexFreshness index, TimeSpan? maxLag, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (maxLag is not { } limit || index.IndexId is not { } id) yield break;
        var folder = $"{Archive}{id:d}/";
        var newest = DateTime.MinValue;
        foreach (var item in repository.Store.List(folder, cancellationToken))
            if (item.StoredAt > newest) newest = item.StoredAt;
        if (newest == DateTime.MinValue)
        {
            yield return new Finding(
                FindingSeverity.Error, "ArchiveMissing",
                $"Nothing of the log of the index '{index.IndexName}' ({id:d}) is archived; "
                + $"at most {RepositoryCheckJob.Text(limit)} may be missing.",
                folder);
        }
        else if (now.UtcDateTime - newest > limit)
        {
            yield return new Finding(
                FindingSeverity.Error, "ArchiveLag",
                $"The log of the index '{index.IndexName}' ({id:d}) was last archived "
                + $"{RepositoryCheckJob.Text(now.UtcDateTime - newest)} ago; at most {RepositoryCheckJob.Text(limit)} are allowed.",
                folder);
        }
    }
}
