using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Archive;

/// <summary>
/// Which pieces no backup leads to any more. A piece is of use only behind a backup at a lower LSN, whatever the timeline; so what ends at or
/// below the lowest backup of its index may go, and nothing of an index without backups, or with one that cannot be read.
/// </summary>
internal static class ArchiveRetention
{
    /// <summary>Pieces and notes that may be removed, in order of name.</summary>
    public static List<ArchiveItem> FindRemovable(RepositoryContext repository, CancellationToken cancellationToken)
    {
        // Pieces first: a backup that is published meanwhile is then counted, and its pieces with it.
        var archived = new ArchiveCatalog(repository).Load(null, cancellationToken);
        var removable = new List<ArchiveItem>();
        if (archived.Count == 0) return removable;
        var listing = new BackupCatalog(repository).List(cancellationToken);
        if (listing.Findings.Count > 0) return removable;
        // One that is there and was not found when it was to be read (or came since) may be the lowest: then nothing goes this time.
        var known = listing.Backups.Select(static backup => backup.BackupId).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in new BackupCatalog(repository).Entries(cancellationToken))
            if (!known.Contains(entry.BackupId)) return removable;
        var lowest = new Dictionary<Guid, Lsn>();
        foreach (var backup in listing.Backups)
            if (!lowest.TryGetValue(backup.IndexId, out var lsn) || backup.Lsn < lsn) lowest[backup.IndexId] = backup.Lsn;
        foreach (var timeline in archived.Values)
        {
            if (!lowest.TryGetValue(timeline.IndexId, out var floor)) continue;
            foreach (var items in (IReadOnlyList<ArchiveItem>[])[timeline.Pieces, timeline.Gaps])
                foreach (var item in items)
                    if (item.Last <= floor) removable.Add(item);
        }

        removable.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return removable;
    }
}
