using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>Tells what is in the archive and what of it is wrong; and how far it leads from each backup.</summary>
internal sealed class ArchiveSurvey(RepositoryContext repository, CancellationToken cancellationToken)
{
    /// <summary>Pieces read at once; each may be in memory as a whole.</summary>
    private const int MaxPiecesAtOnce = 4;

    private readonly ArchiveCatalog _catalog = new(repository);

    public List<ArchiveStatus> Run(Guid? indexId, bool deep)
    {
        var result = new List<ArchiveStatus>();
        foreach (var timeline in _catalog.Load(indexId, cancellationToken).Values)
        {
            if (timeline.Pieces.Count > 0) result.Add(Describe(timeline, deep));
        }

        result.Sort(static (a, b) =>
            a.IndexId != b.IndexId ? a.IndexId.CompareTo(b.IndexId) : a.FirstLsn.CompareTo(b.FirstLsn));
        return result;
    }

    /// <summary>
    /// Gives every backup the point it can be restored to. A piece at the end that cannot be read is told, and the one before it counts.
    /// </summary>
    public static BackupListing AddRecoveryPoints(RepositoryContext repository, BackupListing listing, CancellationToken cancellationToken)
    {
        if (listing.Backups.Count == 0) return listing;
        var catalog = new ArchiveCatalog(repository);
        var archived = catalog.Load(null, cancellationToken);
        if (archived.Count == 0) return listing;
        var findings = new List<Finding>(listing.Findings);
        var told = new HashSet<string>(StringComparer.Ordinal);
        var backups = new List<BackupInfo>(listing.Backups.Count);
        foreach (var backup in listing.Backups)
        {
            backups.Add(archived.TryGetValue((backup.IndexId, backup.Timeline), out var timeline) ? Extend(backup, timeline) : backup);
        }

        return new BackupListing(backups, findings);

        BackupInfo Extend(BackupInfo backup, ArchivedTimeline timeline)
        {
            var pieces = timeline.Continue(backup.Lsn, new Lsn(ulong.MaxValue));
            for (var i = pieces.Count - 1; i >= 0; i--)
            {
                try
                {
                    var time = WalFormat.FromMicroseconds(catalog.ReadHeader(pieces[i], cancellationToken).LastCommit);
                    return backup with { RecoverableToLsn = pieces[i].Last, RecoverableToTime = time };
                }
                catch (HestiaException e) when (e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.FormatTooNew)
                {
                    if (told.Add(pieces[i].Name)) findings.Add(new Finding(FindingSeverity.Error, e.Code.ToString(), e.Message, pieces[i].Name));
                }
            }

            return backup;
        }
    }

    /// <summary>
    /// Reads pieces and compares every checksum. One that is damaged is noted, so that the next shipment sends it again if the log still has it.
    /// </summary>
    public static void ReadAll(
        RepositoryContext repository, IReadOnlyList<ArchiveItem> pieces, Action<ArchiveItem, HestiaException?> done, CancellationToken cancellationToken)
    {
        var catalog = new ArchiveCatalog(repository);
        Workers.Run(
            pieces,
            MaxPiecesAtOnce,
            (piece, token) =>
            {
                HestiaException? wrong = null;
                try
                {
                    catalog.Read(piece, token);
                }
                catch (HestiaException e) when (e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.FormatTooNew)
                {
                    wrong = e;
                    if (e.Code == HestiaErrorCode.ArchiveDamaged) DamageNotes.Add(repository, piece.Name, token);
                }

                done(piece, wrong);
            },
            cancellationToken);
    }

    /// <summary>What is told of a piece that cannot be used.</summary>
    public static Finding Tell(ArchiveItem piece, HestiaException wrong) =>
        new(FindingSeverity.Error, wrong.Code.ToString(), wrong.Message, piece.Name, FirstLsn: piece.First, LastLsn: piece.Last);

    private ArchiveStatus Describe(ArchivedTimeline timeline, bool deep)
    {
        var findings = new List<Finding>();
        var last = timeline.Pieces[0];
        long bytes = 0;
        foreach (var piece in timeline.Pieces)
        {
            bytes += piece.Size;
            if (piece.Last > last.Last) last = piece;
        }

        if (deep)
        {
            ReadAll(
                repository, timeline.Pieces,
                (piece, wrong) =>
                {
                    if (wrong is null) return;
                    lock (findings) findings.Add(Tell(piece, wrong));
                },
                cancellationToken);
            findings.Sort(static (a, b) => string.CompareOrdinal(a.File, b.File));
        }

        foreach (var (first, end) in timeline.Holes())
        {
            var noted = false;
            foreach (var gap in timeline.Gaps) noted |= gap.First <= first && gap.Last >= end;
            findings.Add(new Finding(
                FindingSeverity.Warning,
                ArchiveJob.GapCode,
                noted ? $"LSN {first} to {end} were never archived and never will be." : $"LSN {first} to {end} are missing from the archive.",
                $"{ArchiveNames.OfIndex(timeline.IndexId)}{timeline.Timeline:d}",
                FirstLsn: first,
                LastLsn: end));
        }

        foreach (var (a, b) in timeline.Overlaps(Lsn.None, new Lsn(ulong.MaxValue)))
        {
            Guarded(b, () =>
            {
                if (ArchivePiece.Agree(_catalog.Read(a, cancellationToken), _catalog.Read(b, cancellationToken))) return;
                findings.Add(new Finding(
                    FindingSeverity.Error,
                    nameof(HestiaErrorCode.ArchiveDiverged),
                    $"{a.Name} and {b.Name} hold different writes under the same LSNs: two copies of the index were archived.",
                    b.Name,
                    FirstLsn: b.First,
                    LastLsn: a.Last));
            });
        }

        DateTimeOffset? time = null;
        Guarded(last, () => time = WalFormat.FromMicroseconds(_catalog.ReadHeader(last, cancellationToken).LastCommit));
        return new ArchiveStatus
        {
            IndexId = timeline.IndexId,
            Timeline = timeline.Timeline,
            FirstLsn = timeline.Pieces[0].First,
            LastLsn = last.Last,
            LastTime = time,
            Pieces = timeline.Pieces.Count,
            Bytes = bytes,
            Findings = findings,
        };

        void Guarded(ArchiveItem piece, Action work)
        {
            try
            {
                work();
            }
            catch (HestiaException e) when (e.Code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.FormatTooNew)
            {
                foreach (var known in findings)
                    if (known.File == piece.Name) return;
                findings.Add(Tell(piece, e));
            }
        }
    }
}
