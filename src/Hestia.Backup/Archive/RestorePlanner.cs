using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>
/// Finds the way to a point: the timelines that lead to it, the newest backup on them at or below it, and the pieces between. It refuses
/// before anything is fetched where the way has a gap, ends before the point, or the point lies within a batch.
/// </summary>
internal sealed class RestorePlanner(RepositoryContext repository, ArchiveCatalog archive, CancellationToken cancellationToken)
{
    public const string LeftTimelineCode = "TimelineLeft";

    /// <summary>A stretch of history: what this timeline has, up to where the next one on the way leaves it.</summary>
    private readonly record struct Stretch(Guid Timeline, Lsn UpTo);

    private readonly BackupCatalog _backups = new(repository);
    private Dictionary<(Guid IndexId, Guid Timeline), ArchivedTimeline> _archived = [];
    private Guid _index;

    /// <summary>The way from one backup.</summary>
    public RestorePoint FromBackup(string backupId, RestoreWish wish)
    {
        var manifest = _backups.Read(backupId, cancellationToken);
        var own = manifest.IndexManifest.Timeline;
        Load(manifest.Summary.IndexId);
        // What led to the backup does not matter any more.
        List<Stretch> path = wish.Timeline is { } wanted && wanted != own.Id
            ? PathTo(wanted, [.. AllBackups()])
            : [new Stretch(own.Id, new Lsn(ulong.MaxValue))];
        var at = path.FindIndex(s => s.Timeline == own.Id);
        if (at < 0 || path[at].UpTo < manifest.Summary.Lsn)
        {
            throw Unreachable(
                $"Timeline {wish.Timeline} does not lead through backup {backupId}.",
                "Leave -Timeline out, or choose another backup.");
        }

        return Resolve(manifest, path, at, wish);
    }

    /// <summary>The way to a point of an index, from its best backup.</summary>
    public RestorePoint OfIndex(string indexNameOrId, RestoreWish wish)
    {
        var backups = Choose(indexNameOrId);
        Load(backups[0].IndexId);
        var path = PathTo(wish.Timeline ?? NewestTimeline(backups), backups);
        BackupInfo? best = null;
        var bestAt = 0;
        foreach (var backup in backups)
        {
            var at = path.FindIndex(s => s.Timeline == backup.Timeline);
            if (at < 0 || backup.Lsn > path[at].UpTo || backup.Lsn > wish.Lsn || IsAfter(backup, wish.Time)) continue;
            if (best is not null && (backup.Lsn < best.Lsn || (backup.Lsn == best.Lsn && at < bestAt))) continue;
            (best, bestAt) = (backup, at);
        }

        if (best is null)
        {
            throw Unreachable(
                $"No backup of {backups[0].IndexName} on this timeline is at or before {Describe(wish)}; {Nearest(backups)}.",
                "Choose a later point, or another timeline.");
        }

        var manifest = _backups.Read(best.BackupId, cancellationToken);
        return Resolve(manifest, path, bestAt, wish);
    }

    /// <summary>
    /// Where a moment lands on the very write at which the way leaves a timeline, and that timeline had later writes by then, they are not in what is
    /// restored: right, as the newer timeline went on without them, and worth a word.
    /// </summary>
    private Finding? FindLeft(List<Stretch> path, int at, Lsn target, DateTimeOffset moment)
    {
        var wanted = WalFormat.ToMicroseconds(moment);
        for (var i = at; i + 1 < path.Count; i++)
        {
            if (path[i].UpTo != target || !HasWritten(path[i].Timeline, target, wanted)) continue;
            var newest = path[^1].Timeline;
            return new Finding(
                FindingSeverity.Warning,
                LeftTimelineCode,
                $"At {Display(wanted)} the index was at later writes of timeline {path[i].Timeline}, which timeline {newest} left at LSN {target} and went on without. "
                + $"To restore those, add -Timeline {path[i].Timeline}.",
                FirstLsn: target.Next);
        }

        return null;
    }

    /// <summary>Whether a timeline is known to have a write behind an LSN that was committed by a moment.</summary>
    private bool HasWritten(Guid timeline, Lsn behind, long wanted)
    {
        foreach (var backup in AllBackups())
        {
            if (backup.Timeline == timeline && backup.Lsn > behind && backup.PointInTime is { } at && WalFormat.ToMicroseconds(at) <= wanted) return true;
        }

        if (!_archived.TryGetValue((_index, timeline), out var archived)) return false;
        foreach (var piece in archived.Pieces)
        {
            if (piece.Last <= behind || TryReadHeader(piece) is not { } header) continue;
            if (header.LastCommit <= wanted || (piece.First > behind && header.FirstCommit <= wanted)) return true;
            if (piece.First > behind) return false; // commit times never go back
            try
            {
                var walk = archive.Read(piece, cancellationToken).Walk();
                while (walk.Next() && walk.Header.CommitMicroseconds <= wanted)
                    if (walk.Header.FirstLsn > behind.Value) return true;
            }
            catch (HestiaException e) when (e.Code is HestiaErrorCode.ArchiveDamaged)
            {
                // not needed for what is restored
            }
        }

        return false;
    }

    private static bool IsAfter(BackupInfo backup, DateTimeOffset? time) =>
        time is { } wanted && backup.PointInTime is { } at && WalFormat.ToMicroseconds(at) > WalFormat.ToMicroseconds(wanted);

    private void Load(Guid indexId)
    {
        _index = indexId;
        _archived = archive.Load(indexId, cancellationToken);
    }

    private IEnumerable<BackupInfo> AllBackups()
    {
        foreach (var backup in _backups.List(cancellationToken).Backups)
            if (backup.IndexId == _index) yield return backup;
    }

    private List<BackupInfo> Choose(string nameOrId)
    {
        var byId = Guid.TryParse(nameOrId, out var id);
        var found = new List<BackupInfo>();
        var ids = new HashSet<Guid>();
        foreach (var backup in _backups.List(cancellationToken).Backups)
        {
            if (byId ? backup.IndexId != id : !string.Equals(backup.IndexName, nameOrId, StringComparison.OrdinalIgnoreCase)) continue;
            found.Add(backup);
            ids.Add(backup.IndexId);
        }

        if (found.Count == 0)
        {
            throw new HestiaException(
                HestiaErrorCode.BackupNotFound,
                $"The repository '{repository.Location}' holds no backup of an index '{nameOrId}'.",
                nameOrId,
                "Get-HestiaBackup lists what it has.");
        }

        if (ids.Count == 1) return found;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"'{nameOrId}' is the name of {ids.Count} indexes in '{repository.Location}': {string.Join(", ", ids)}.",
            nameOrId,
            "Give the id of one of them.");
    }

    /// <summary>The timeline that was written to last, as commit times show.</summary>
    private Guid NewestTimeline(List<BackupInfo> backups)
    {
        var newest = backups[0].Timeline;
        var time = long.MinValue;
        foreach (var backup in backups)
            Consider(backup.Timeline, backup.PointInTime is { } at ? WalFormat.ToMicroseconds(at) : 0);
        foreach (var timeline in _archived.Values)
            if (NewestCommit(timeline) is { } lastCommit) Consider(timeline.Timeline, lastCommit);
        return newest;

        void Consider(Guid timeline, long lastCommit)
        {
            // Of two that end alike (a backup just after a restore) the later one: backups come oldest first.
            if (lastCommit >= time) (newest, time) = (timeline, lastCommit);
        }
    }

    /// <summary>Commit time of the last write of a timeline, as its newest piece with a sound header tells; null if none has one.</summary>
    private long? NewestCommit(ArchivedTimeline timeline)
    {
        for (var i = timeline.Pieces.Count - 1; i >= 0; i--)
            if (TryReadHeader(timeline.Pieces[i]) is { } header) return header.LastCommit;
        return null;
    }

    /// <summary>The header of a piece, or null where it is damaged, for looks that can do without it.</summary>
    private ArchivePieceHeader? TryReadHeader(ArchiveItem item)
    {
        try
        {
            return archive.ReadHeader(item, cancellationToken);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.FormatTooNew)
        {
            return null;
        }
    }

    /// <summary>The timelines that lead to one, oldest first.</summary>
    private List<Stretch> PathTo(Guid timeline, List<BackupInfo> backups)
    {
        var path = new List<Stretch> { new(timeline, new Lsn(ulong.MaxValue)) };
        var seen = new HashSet<Guid> { timeline };
        while (ParentOf(path[0].Timeline, backups) is { } parent && seen.Add(parent.Id))
            path.Insert(0, new Stretch(parent.Id, parent.Branch < path[0].UpTo ? parent.Branch : path[0].UpTo));
        return path;
    }

    private (Guid Id, Lsn Branch)? ParentOf(Guid timeline, List<BackupInfo> backups)
    {
        if (_archived.TryGetValue((_index, timeline), out var archived))
        {
            var without = 0;
            foreach (var piece in archived.Pieces)
            {
                if (TryReadHeader(piece) is not { } header) continue; // the next one tells it as well
                if (header.HasLineage) return header.Parent is { } id ? (id, header.BranchLsn) : null;
                if (++without > 1) break; // the rest of an old timeline, shipped after it was left
            }
        }

        foreach (var backup in backups)
        {
            if (backup.Timeline != timeline) continue;
            var known = _backups.Read(backup.BackupId, cancellationToken).IndexManifest.Timeline;
            return known.Parent is { } id ? (id, known.BranchLsn) : null;
        }

        return null;
    }

    private RestorePoint Resolve(BackupManifest backup, List<Stretch> path, int at, RestoreWish wish)
    {
        var summary = backup.Summary;
        if (wish.Lsn < summary.Lsn)
            throw Unreachable($"Backup {summary.BackupId} holds everything up to LSN {summary.Lsn}, which is beyond {Describe(wish)}.", "Choose an earlier backup.");
        var pieces = new List<(ArchiveItem Item, Lsn UpTo)>();
        var covered = summary.Lsn;
        for (var i = at; i < path.Count; i++)
        {
            var stretch = path[i];
            if (!_archived.TryGetValue((_index, stretch.Timeline), out var archived))
            {
                if (covered < stretch.UpTo) break;
                continue;
            }

            foreach (var item in archived.Continue(covered, stretch.UpTo))
            {
                var upTo = item.Last < stretch.UpTo ? item.Last : stretch.UpTo;
                pieces.Add((item, upTo));
                covered = upTo;
            }

            if (covered < stretch.UpTo) break;
        }

        // What a damaged end had is lost to this restore, not what lies before it. Whoever wants that is told so.
        HestiaException? damage = null;
        long end;
        while (true)
        {
            try
            {
                end = pieces.Count == 0 ? summary.CheckpointTime : CommitTimeAt(pieces[^1].Item, covered);
                break;
            }
            catch (HestiaException e) when ((wish.Lsn is not null || wish.Time is not null)
                && e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.FormatTooNew)
            {
                damage = e;
                pieces.RemoveAt(pieces.Count - 1);
                covered = pieces.Count == 0 ? summary.Lsn : pieces[^1].UpTo;
            }
        }

        if (damage is not null && (wish.Lsn > covered || (wish.Time is { } moment && WalFormat.ToMicroseconds(moment) > end))) throw damage;
        var target = wish.IsPointInTime ? covered : summary.Lsn;
        if (wish.Lsn is { } lsn) target = ReachLsn(lsn, summary, pieces, covered, end);
        else if (wish.Time is { } time) target = ReachTime(time, summary, pieces, covered, end);
        RefuseDivergence(path, at, summary.Lsn, target);
        var uses = new List<PieceUse>();
        var timeline = summary.Timeline;
        foreach (var (item, upTo) in pieces)
        {
            if (item.First > target) break;
            uses.Add(new PieceUse(item, upTo < target ? upTo : target));
            timeline = item.Timeline;
        }

        var left = wish is { Time: { } landed, Timeline: null } ? FindLeft(path, at, target, landed) : null;
        return new RestorePoint(backup, uses, target, timeline, covered, end) { Notice = left };
    }

    private Lsn ReachLsn(Lsn lsn, BackupSummary backup, List<(ArchiveItem Item, Lsn UpTo)> pieces, Lsn covered, long end)
    {
        if (lsn == backup.Lsn) return lsn;
        if (lsn > covered)
        {
            throw Unreachable(
                $"LSN {lsn} cannot be restored: from backup {backup.BackupId} on, this timeline reaches to LSN {covered} ({Display(end)}).",
                "Choose a point up to there, another timeline, or ship the log that is missing with Backup-HestiaIndex -Wal.");
        }

        foreach (var (item, upTo) in pieces)
        {
            // What a piece has behind the point where the way leaves its timeline is another history.
            if (upTo < lsn) continue;
            if (upTo == lsn) return lsn;
            var before = new Lsn(item.First.Value - 1);
            var walk = archive.Read(item, cancellationToken).Walk();
            while (walk.Next())
            {
                if (walk.Header.LastLsn == lsn.Value) return lsn;
                if (walk.Header.LastLsn > lsn.Value)
                {
                    throw Unreachable(
                        $"LSN {lsn} lies within a batch, which is restored whole or not at all: LSN {walk.Header.FirstLsn} to {walk.Header.LastLsn}.",
                        $"Ask for LSN {before} (without the batch) or {walk.Header.LastLsn} (with it).");
                }

                before = new Lsn(walk.Header.LastLsn);
            }
        }

        throw new InvalidOperationException("A piece that covers the LSN was not among those found.");
    }

    private Lsn ReachTime(DateTimeOffset time, BackupSummary backup, List<(ArchiveItem Item, Lsn UpTo)> pieces, Lsn covered, long end)
    {
        var wanted = WalFormat.ToMicroseconds(time);
        if (wanted < backup.CheckpointTime)
            throw Unreachable($"Backup {backup.BackupId} holds the state of {Display(backup.CheckpointTime)}, which is after {Display(wanted)}.", "Choose an earlier backup.");
        if (wanted > end)
        {
            throw Unreachable(
                $"The state of {Display(wanted)} is not known: from backup {backup.BackupId} on, the last write that can be restored is LSN {covered}, "
                + $"of {Display(end)}, and what came after it was not archived.",
                "Choose a moment up to there, use -ToLatest for that write, or ship the log that is missing with Backup-HestiaIndex -Wal.");
        }

        // Commit times never go back, so the piece with the last write at or before the moment is found by halving. A piece whose header is
        // damaged does not tell; the next sound one tells whether the moment lies behind both.
        var (low, high) = (0, pieces.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            var sound = middle;
            ArchivePieceHeader? header;
            while ((header = TryReadHeader(pieces[sound].Item)) is null && sound + 1 < high) sound++;
            if (header?.FirstCommit <= wanted) low = sound + 1;
            else high = middle;
        }

        // So far the piece is the right one if what follows it begins after the moment. Where that is damaged, the moment must lie before its own end.
        if (low < pieces.Count && TryReadHeader(pieces[low].Item) is null
            && (low == 0 ? backup.CheckpointTime : CommitTimeAt(pieces[low - 1].Item, pieces[low - 1].UpTo)) < wanted)
            archive.ReadHeader(pieces[low].Item, cancellationToken); // says what is wrong with it

        if (low == 0) return backup.Lsn;
        var (item, upTo) = pieces[low - 1];
        var last = new Lsn(item.First.Value - 1);
        var walk = archive.Read(item, cancellationToken).Walk();
        while (walk.Next() && walk.Header.CommitMicroseconds <= wanted && walk.Header.LastLsn <= upTo.Value) last = new Lsn(walk.Header.LastLsn);
        return last < backup.Lsn ? backup.Lsn : last;
    }

    private long CommitTimeAt(ArchiveItem item, Lsn lsn)
    {
        if (item.Last == lsn) return archive.ReadHeader(item, cancellationToken).LastCommit;
        var walk = archive.Read(item, cancellationToken).Walk();
        long time = 0;
        while (walk.Next() && walk.Header.LastLsn <= lsn.Value) time = walk.Header.CommitMicroseconds;
        return time;
    }

    /// <summary>Only of what is restored: two histories behind the point do it no harm.</summary>
    private void RefuseDivergence(List<Stretch> path, int at, Lsn from, Lsn target)
    {
        for (var i = at; i < path.Count && from < target; i++)
        {
            var upTo = path[i].UpTo < target ? path[i].UpTo : target;
            if (_archived.TryGetValue((_index, path[i].Timeline), out var timeline)) RefuseDivergence(timeline, from, upTo);
            if (upTo > from) from = upTo;
        }
    }

    private void RefuseDivergence(ArchivedTimeline timeline, Lsn from, Lsn upTo)
    {
        foreach (var (a, b) in timeline.Overlaps(from, upTo))
        {
            if (ArchivePiece.Agree(archive.Read(a, cancellationToken), archive.Read(b, cancellationToken))) continue;
            throw new HestiaException(
                HestiaErrorCode.ArchiveDiverged,
                $"{a.Name} and {b.Name} in '{repository.Location}' hold different writes under the same LSNs: two copies of the index were archived.",
                a.Name,
                $"Restore to LSN {b.First.Value - 1} or before, or from a backup made after LSN {a.Last}.");
        }
    }

    private HestiaException Unreachable(string message, string action) =>
        new(HestiaErrorCode.PointNotReachable, message, repository.Location, action);

    private static string Describe(RestoreWish wish) =>
        wish.Lsn is { } lsn ? $"LSN {lsn}" : wish.Time is { } time ? Display(WalFormat.ToMicroseconds(time)) : "the end";

    private static string Nearest(List<BackupInfo> backups)
    {
        var earliest = backups[0];
        foreach (var backup in backups)
            if (backup.Lsn < earliest.Lsn) earliest = backup;
        return $"the earliest is {earliest.BackupId} at LSN {earliest.Lsn}"
            + (earliest.PointInTime is { } at ? $" ({Display(WalFormat.ToMicroseconds(at))})" : "");
    }

    private static string Display(long microseconds) => microseconds == 0
        ? "before the first write"
        : WalFormat.FromMicroseconds(microseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
