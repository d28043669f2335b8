using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>
/// Goes through the durable part of the log once and puts what is new into the archive. The first piece is looked for before it is sent:
/// a shipment that was killed may have sent it, and another copy of this index may have sent something else. What is found is compared
/// record by record with the log; if it agrees it counts as sent, if not the histories have parted. One that is damaged is sent once more.
/// </summary>
internal sealed class Shipment
{
    private readonly RepositoryContext _repository;
    private readonly ILogSource _index;
    private readonly ArchiveState _state;
    private readonly List<Finding> _findings;
    private readonly CancellationToken _cancellationToken;
    private readonly ArchiveCatalog _catalog;
    private readonly ProgressMeter _meter;
    private readonly PieceBuilder _builder = new();
    private readonly PieceRepair _repair;
    private ArchiveItem? _damaged; // a piece that is there and cannot be read: the next one built takes its place
    private ArchivePiece? _found; // a piece that is there, being compared
    private int _compared; // bytes of it that agree
    private bool _mayBeThere = true;
    private Lsn _next; // the LSN that should come next
    private WalRecordHeader _lastTaken;

    public Shipment(
        RepositoryContext repository,
        ILogSource index,
        ArchiveState state,
        ArchiveTarget target,
        List<Finding> findings,
        IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
    {
        _repository = repository;
        _index = index;
        _state = state;
        _findings = findings;
        _cancellationToken = cancellationToken;
        _catalog = new ArchiveCatalog(repository);
        _repair = new PieceRepair(repository, _catalog, index, findings, cancellationToken);
        _meter = new ProgressMeter(progress, $"Archiving the log of {index.Name}", 0, 0);
        Target = target;
        Beginning = target.Shipped;
        _next = target.Shipped.Next;
    }

    /// <summary>How far the archive has come.</summary>
    public ArchiveTarget Target { get; private set; }

    /// <summary>The archive has no gap behind this LSN.</summary>
    public Lsn Beginning { get; private set; }

    public bool HasGap { get; private set; }

    public Lsn FirstSent { get; private set; }

    public int Pieces { get; private set; }

    public long Records { get; private set; }

    public long BytesSent { get; private set; }

    public void Run(LogSnapshot snapshot)
    {
        using var builder = _builder;
        _repair.RepairNoted(snapshot, LineageOf);
        for (var i = 0; i < snapshot.Files.Count; i++)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            // Files are named by their first LSN, and each ends before the next begins.
            if (i + 1 < snapshot.Files.Count && FirstLsnOf(snapshot.Files[i + 1]) is { } following && following <= _next) continue;
            ShipFile(snapshot.Files[i]);
        }

        _meter.Finish();
    }

    private static Lsn? FirstLsnOf(DurableLog log) => WalFormat.TryParseFileName(Path.GetFileName(log.Path), out var first) ? first : null;

    private void ShipFile(DurableLog log)
    {
        using var file = _repository.Files.Open(log.Path, FileOpenMode.ReadSequential);
        using var window = new WalWindow(file);
        WalFileHeader.Read(window.Get(0, WalFormat.MaxLaterHeaderBytes), out var header);
        if (header is null || header.IndexId != _index.Id)
        {
            Report(log, 0, "its header cannot be read, or is another index's");
            return;
        }

        var start = _index.Position is { } position && position.Path == log.Path && position.Salt == header.Salt && position.Shipped == Target.Shipped
            ? position.Offset
            : WalFormat.FileHeaderBytes;
        using var reader = new WalReader(window, header.Seed, start);
        while (true)
        {
            while (reader.NextOffset < log.DurableBytes && reader.TryReadNext())
            {
                _cancellationToken.ThrowIfCancellationRequested();
                Take(header, reader);
            }

            if (reader.NextOffset >= log.DurableBytes || reader.Damage is not { } damage) break;
            Report(log, damage.Offset, damage.Description);
            EndPiece(header); // records of a piece follow each other without a break
            if (!reader.Resynchronise(_cancellationToken)) break;
        }

        // As in EndComparison: on its own timeline nobody else may be ahead.
        if (_damaged is not null && header.TimelineId == _index.Timeline.Id && reader.Damage is null) throw Diverged(header, _next);
        EndPiece(header);
        EndComparison(header);
        _index.Position = new LogPosition(log.Path, header.Salt, reader.NextOffset, Target.Shipped);
    }

    private void Take(WalFileHeader log, WalReader reader)
    {
        var record = reader.Header;
        if (record.LastLsn < _next.Value)
        {
            // What was shipped last tells what the first piece follows.
            if (record.LastLsn == Target.Shipped.Value && Target.RecordCrc is null && log.TimelineId == Target.Timeline)
                Target = Target with { RecordCrc = record.HeaderCrc, CommitTime = record.CommitMicroseconds };
            return;
        }

        if (record.FirstLsn != _next.Value)
        {
            EndPiece(log);
            if (record.FirstLsn < _next.Value || _found is not null && _found.Header.Salt != log.Salt) throw Diverged(log, _next);
            Skip(log, record.FirstLsn);
        }

        if (_found is null && _builder.IsEmpty && _mayBeThere) Look(log, new Lsn(record.FirstLsn));
        _next = new Lsn(record.LastLsn + 1);
        if (_found is not null)
        {
            Compare(log, reader);
            return;
        }

        if (!_builder.HasRoomFor(record.TotalBytes)) EndPiece(log);
        _builder.Add(record, reader.Offset, reader.Raw);
        if (_damaged is { } damaged && record.LastLsn >= damaged.Last.Value) EndPiece(log);
    }

    /// <summary>The log lacks what should come next. If a piece of this very file is there that has it, nothing is missing.</summary>
    private void Skip(WalFileHeader log, ulong firstLsn)
    {
        if (_found is { } found)
        {
            _next = firstLsn <= found.Header.LastLsn.Value ? new Lsn(firstLsn) : found.Header.LastLsn.Next;
            if (_next.Value == firstLsn && firstLsn <= found.Header.LastLsn.Value) return;
            _found = null;
            Target = Target with
            {
                Timeline = log.TimelineId, Shipped = found.Header.LastLsn, CommitTime = found.Header.LastCommit, RecordCrc = null,
            };
        }

        if (firstLsn > _next.Value) RecordGap(log, _next, new Lsn(firstLsn - 1));
    }

    private void Look(WalFileHeader log, Lsn first)
    {
        var item = _catalog.FindBeginning(log.IndexId, log.TimelineId, first, _cancellationToken);
        // Pieces are sent in order, so where this one is not none behind it is.
        _compared = 0;
        if (item is null)
        {
            _mayBeThere = false;
            return;
        }

        try
        {
            _found = _catalog.Read(item, _cancellationToken);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.ArchiveDamaged)
        {
            _damaged = item;
        }
    }

    private void Compare(WalFileHeader log, WalReader reader)
    {
        var found = _found!;
        var raw = reader.Raw;
        var at = reader.Offset - found.Header.Offset;
        var same = found.Header.Salt == log.Salt && at >= _compared && found.Records.Length - at >= raw.Length
            && found.Records.Slice((int)at, raw.Length).SequenceEqual(raw);
        if (!same) throw Diverged(log, new Lsn(reader.Header.FirstLsn));
        _compared = (int)at + raw.Length;
        _lastTaken = reader.Header;
        if (_compared < found.Records.Length) return;
        _found = null;
        Advance(log, reader.Header.LastLsn, reader.Header.CommitMicroseconds, reader.Header.HeaderCrc);
    }

    /// <summary>
    /// The log file ended within a piece that is there. On a timeline that this index has left that is fine: the original goes on with it. On
    /// its own timeline nobody else may be ahead.
    /// </summary>
    private void EndComparison(WalFileHeader log)
    {
        if (_found is null) return;
        if (log.TimelineId == _index.Timeline.Id) throw Diverged(log, _next);
        _found = null;
        Advance(log, _lastTaken.LastLsn, _lastTaken.CommitMicroseconds, _lastTaken.HeaderCrc);
    }

    private void EndPiece(WalFileHeader log)
    {
        if (_builder.IsEmpty) return;
        var follows = Target.Shipped.Next == _builder.FirstLsn ? Target.RecordCrc : null;
        var bytes = _builder.Finish(log, LineageOf(log.TimelineId), follows);
        var name = ArchiveNames.Piece(log.IndexId, log.TimelineId, _builder.FirstLsn, _builder.LastLsn);
        if (!_repository.Store.TryCreate(name, bytes, _cancellationToken) && !IsOrReplaces(ArchiveNames.Parse(name, bytes.Length)!, bytes))
            throw Diverged(log, _builder.FirstLsn);
        if (_damaged is { } damaged && damaged.Name != name) _repair.ReportLost(damaged, _builder.LastLsn.Next);
        _damaged = null;

        Pieces++;
        Records += _builder.Records;
        BytesSent += bytes.Length;
        if (FirstSent == Lsn.None) FirstSent = _builder.FirstLsn;
        _meter.AddBytes(bytes.Length);
        Advance(log, _builder.LastLsn.Value, _builder.LastCommit, _builder.LastCrc);
        _builder.Clear();
    }

    /// <summary>Somebody was faster: the same records are the same bytes. Or it is damaged, and replaced.</summary>
    private bool IsOrReplaces(ArchiveItem item, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _catalog.Read(item, _cancellationToken).Records.SequenceEqual(bytes[ArchivePieceHeader.Bytes..]);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.ArchiveDamaged)
        {
            return _repair.TryPutOver(item, bytes, _builder.LastCrc);
        }
    }

    private Core.Manifest.Timeline? LineageOf(Guid timeline)
    {
        if (_index.Timeline is { } now && now.Id == timeline) return now;
        foreach (var left in _state.Left)
            if (left.Id == timeline) return left;
        return null;
    }

    private void Advance(WalFileHeader log, ulong lastLsn, long commitTime, uint crc) =>
        Target = Target with { Timeline = log.TimelineId, Shipped = new Lsn(lastLsn), CommitTime = commitTime, RecordCrc = crc };

    private void RecordGap(WalFileHeader log, Lsn first, Lsn last)
    {
        var dropped = _state.DroppedThrough >= first;
        var reason = dropped ? ArchiveGapNote.QueueFull : ArchiveGapNote.NotInLog;
        var note = ArchiveGapNote.Serialize(log.IndexId, log.TimelineId, first, last, reason, _repository.Clock.GetUtcNow());
        _repository.Store.TryCreate(ArchiveNames.Gap(log.IndexId, log.TimelineId, first, last), note, _cancellationToken);
        _findings.Add(new Finding(
            FindingSeverity.Warning,
            ArchiveJob.GapCode,
            dropped
                ? $"LSN {first} to {last} are not in the archive and never will be: they waited longer than the archive queue had room for."
                : $"LSN {first} to {last} are not in the archive and never will be: the log does not have them.",
            FirstLsn: first,
            LastLsn: last));
        HasGap = true;
        Beginning = last;
        Target = Target with { RecordCrc = null };
        _mayBeThere = true;
    }

    private void Report(DurableLog log, long offset, string what) => _findings.Add(new Finding(
        FindingSeverity.Warning,
        WalFindings.Damaged,
        $"The log file cannot be shipped whole: at offset {offset:N0} {what}.",
        Path.Combine(FileNames.Wal, Path.GetFileName(log.Path)),
        offset));

    private HestiaException Diverged(WalFileHeader log, Lsn at) => new(
        HestiaErrorCode.ArchiveDiverged,
        $"The archive of {_index.Name} in '{_repository.Location}' holds another history from LSN {at} on, under the same timeline "
        + $"{log.TimelineId}: '{_index.Path}' is a copy of the index that was archived, or was put back to an earlier state by other means than a restore. "
        + "Nothing was overwritten.",
        _index.Path,
        "Find out which of the two is the copy. On it, run Backup-HestiaIndex -Wal -NewTimeline once, then make a backup.");
}
