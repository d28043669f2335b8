using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Core;

namespace Hestia.Backup.Archive;

/// <summary>
/// Which pieces no backup leads to any more. A piece is of use only behind a backup at a lower LSN, whatever the timeline; so what ends at or
/// below the lowest backup of its index may go, and nothing of an index without backups, or with one that cannot be read.
/// <para>
/// A backup that is at work is not listed yet and may be lower than all that are: nothing goes of its index. The order is everything: pieces, backups
/// at work, backups that are there. One that begins later holds all that was shipped by then; without a flush only what the
/// checkpoint holds, and so at least what the backups of its timeline hold. Of a timeline without any (just begun by a restore) nothing goes for a day.
/// </para>
/// </summary>
internal static class ArchiveRetention
{
    /// <summary>How long, by the clock of the store, the newest piece keeps a timeline that has no backup yet.</summary>
    public static readonly TimeSpan NewTimeline = TimeSpan.FromDays(1);

    /// <summary>Pieces and notes that may be removed, in order of name.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="revalidate">Sees to it that the lists that follow are not old ones; null where nothing is removed by them.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static List<ArchiveItem> FindRemovable(RepositoryContext repository, Action? revalidate, CancellationToken cancellationToken)
    {
        var archived = new ArchiveCatalog(repository).Load(null, cancellationToken);
        var removable = new List<ArchiveItem>();
        if (archived.Count == 0) return removable;
        revalidate?.Invoke();
        if (new MarkerBoard(repository).FindIndexesAtWork(cancellationToken) is not { } atWork) return removable;
        var listing = new BackupCatalog(repository).List(cancellationToken);
        if (listing.Findings.Count > 0) return removable;
        // One that is there and was not found when it was to be read (or came since) may be the lowest: then nothing goes this time.
        var known = listing.Backups.Select(static backup => backup.BackupId).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in new BackupCatalog(repository).Entries(cancellationToken))
            if (!known.Contains(entry.BackupId)) return removable;
        var lowest = new Dictionary<Guid, Lsn>();
        var backedUp = new HashSet<(Guid, Guid)>();
        foreach (var backup in listing.Backups)
        {
            backedUp.Add((backup.IndexId, backup.Timeline));
            if (!lowest.TryGetValue(backup.IndexId, out var lsn) || backup.Lsn < lsn) lowest[backup.IndexId] = backup.Lsn;
        }

        DateTime? now = null;
        foreach (var timeline in archived.Values)
        {
            if (!lowest.TryGetValue(timeline.IndexId, out var floor) || atWork.Contains(timeline.IndexId)) continue;
            var first = removable.Count;
            foreach (var items in (IReadOnlyList<ArchiveItem>[])[timeline.Pieces, timeline.Gaps])
                foreach (var item in items)
                    if (item.Last <= floor) removable.Add(item);
            if (removable.Count == first || backedUp.Contains((timeline.IndexId, timeline.Timeline))) continue;
            now ??= repository.Store.ReadClock(cancellationToken);
            if (now - timeline.NewestStoredAt < NewTimeline) removable.RemoveRange(first, removable.Count - first);
        }

        removable.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return removable;
    }
}
