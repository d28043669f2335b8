using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Archive;

/// <summary>Finds and reads what is in the archive. A list is one listing of names; what they say is believed until the piece is read.</summary>
internal sealed class ArchiveCatalog(RepositoryContext repository)
{
    private readonly Dictionary<string, ArchivePieceHeader> _headers = new(StringComparer.Ordinal);

    /// <summary>All timelines of one index, or of all.</summary>
    public Dictionary<(Guid IndexId, Guid Timeline), ArchivedTimeline> Load(Guid? indexId, CancellationToken cancellationToken)
    {
        var found = new Dictionary<(Guid, Guid), ArchivedTimeline>();
        var prefix = indexId is { } id ? ArchiveNames.OfIndex(id) : ArchiveNames.Root;
        foreach (var stored in repository.Store.List(prefix, cancellationToken))
        {
            if (ArchiveNames.Parse(stored.Name, stored.Size) is not { } item) continue;
            if (!found.TryGetValue((item.IndexId, item.Timeline), out var timeline))
                found.Add((item.IndexId, item.Timeline), timeline = new ArchivedTimeline(item.IndexId, item.Timeline));
            timeline.Add(item);
            if (stored.StoredAt > timeline.NewestStoredAt) timeline.NewestStoredAt = stored.StoredAt;
        }

        foreach (var timeline in found.Values) timeline.Sort();
        return found;
    }

    /// <summary>The piece that begins with an LSN, the longest of several; null if there is none.</summary>
    public ArchiveItem? FindBeginning(Guid indexId, Guid timeline, Lsn first, CancellationToken cancellationToken)
    {
        ArchiveItem? longest = null;
        foreach (var stored in repository.Store.List(ArchiveNames.Beginning(indexId, timeline, first), cancellationToken))
        {
            if (ArchiveNames.Parse(stored.Name, stored.Size) is { IsGap: false } item && (longest is null || item.Last > longest.Last))
                longest = item;
        }

        return longest;
    }

    /// <summary>The header of a piece; read once.</summary>
    /// <exception cref="HestiaException">ArchiveDamaged, FormatTooNew.</exception>
    public ArchivePieceHeader ReadHeader(ArchiveItem item, CancellationToken cancellationToken)
    {
        lock (_headers)
            if (_headers.TryGetValue(item.Name, out var known)) return known;
        try
        {
            using var reader = repository.Store.OpenRead(item.Name, 0, ArchivePieceHeader.Bytes, cancellationToken) ?? throw Missing(item);
            var bytes = new byte[ArchivePieceHeader.Bytes];
            var read = reader.ReadFull(bytes);
            var header = ArchivePieceHeader.Read(bytes.AsSpan(0, read), item.Name);
            ArchivePiece.Match(header, item);
            if (reader.Length != header.RecordBytes + ArchivePieceHeader.Bytes)
                throw new InvalidDataException($"it is {reader.Length:N0} bytes long and says it has {header.RecordBytes + ArchivePieceHeader.Bytes:N0}.");
            lock (_headers) _headers[item.Name] = header;
            return header;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(item, e);
        }
    }

    /// <summary>A whole piece, every checksum compared.</summary>
    /// <exception cref="HestiaException">ArchiveDamaged, FormatTooNew.</exception>
    public ArchivePiece Read(ArchiveItem item, CancellationToken cancellationToken)
    {
        try
        {
            var bytes = repository.Store.ReadAll(item.Name, ArchivePiece.MaxBytes, cancellationToken) ?? throw Missing(item);
            return ArchivePiece.Parse(bytes, item);
        }
        catch (InvalidDataException e)
        {
            throw Damaged(item, e);
        }
    }

    public HestiaException Damaged(ArchiveItem item, Exception cause) => new(
        HestiaErrorCode.ArchiveDamaged,
        $"The piece {item.Name} of the archive in '{repository.Location}' is damaged: {cause.Message}",
        item.Name,
        $"Restore to LSN {item.First.Value - 1} or before, or from a backup made after LSN {item.Last}; make a backup now if the index still exists.",
        cause);

    private HestiaException Missing(ArchiveItem item) => new(
        HestiaErrorCode.ArchiveDamaged,
        $"The piece {item.Name} of the archive in '{repository.Location}' is missing.",
        item.Name,
        "Somebody removed it a moment ago; try again.");
}

/// <summary>The pieces and gap notes of one timeline, in order of LSN.</summary>
internal sealed class ArchivedTimeline(Guid indexId, Guid timeline)
{
    private readonly List<ArchiveItem> _pieces = [];
    private readonly List<ArchiveItem> _gaps = [];

    public Guid IndexId { get; } = indexId;

    public Guid Timeline { get; } = timeline;

    public IReadOnlyList<ArchiveItem> Pieces => _pieces;

    /// <summary>What was never shipped, as it was noted.</summary>
    public IReadOnlyList<ArchiveItem> Gaps => _gaps;

    /// <summary>When the last of them came, by the clock of the store.</summary>
    public DateTime NewestStoredAt { get; set; }

    public void Add(ArchiveItem item) => (item.IsGap ? _gaps : _pieces).Add(item);

    public void Sort()
    {
        _pieces.Sort(Compare);
        _gaps.Sort(Compare);

        static int Compare(ArchiveItem a, ArchiveItem b) =>
            a.First != b.First ? a.First.CompareTo(b.First) : b.Last.CompareTo(a.Last);
    }

    /// <summary>
    /// The pieces that continue from an LSN without a gap, at most until <paramref name="upTo"/> is covered; the last may reach beyond.
    /// Of overlapping ones those that reach furthest.
    /// </summary>
    public List<ArchiveItem> Continue(Lsn from, Lsn upTo)
    {
        var result = new List<ArchiveItem>();
        var covered = from;
        var i = 0;
        while (covered < upTo)
        {
            ArchiveItem? best = null;
            for (; i < _pieces.Count && _pieces[i].First.Value <= covered.Value + 1; i++)
                if (_pieces[i].Last > covered && (best is null || _pieces[i].Last > best.Last)) best = _pieces[i];
            if (best is null) break;
            result.Add(best);
            covered = best.Last;
        }

        return result;
    }

    /// <summary>Pairs of pieces that have LSNs in common, between two LSNs.</summary>
    public IEnumerable<(ArchiveItem A, ArchiveItem B)> Overlaps(Lsn from, Lsn upTo)
    {
        ArchiveItem? furthest = null;
        foreach (var piece in _pieces)
        {
            if (piece.Last <= from || piece.First > upTo) continue;
            if (furthest is not null && piece.First <= furthest.Last) yield return (furthest, piece);
            if (furthest is null || piece.Last > furthest.Last) furthest = piece;
        }
    }

    /// <summary>LSNs between the first and the last piece that no piece has.</summary>
    public IEnumerable<(Lsn First, Lsn Last)> Holes()
    {
        if (_pieces.Count == 0) yield break;
        var covered = _pieces[0].Last;
        foreach (var piece in _pieces)
        {
            if (piece.First.Value > covered.Value + 1) yield return (covered.Next, new Lsn(piece.First.Value - 1));
            if (piece.Last > covered) covered = piece.Last;
        }
    }
}
