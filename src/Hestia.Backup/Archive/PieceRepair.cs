using System.Security.Cryptography;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>
/// Puts a piece of the archive that is damaged there once more, from a log that still has its records. It gets the very LSNs and the name it had;
/// what can still be told of it, by its header or by the piece behind it, must agree.
/// </summary>
internal sealed class PieceRepair(
    RepositoryContext repository, ArchiveCatalog catalog, ILogSource index, List<Finding> findings, CancellationToken cancellationToken)
{
    public const string RepairedCode = "ArchiveRepaired";

    /// <summary>Repairs what was noted as damaged, as far as the log has it; what it has not is told while no backup holds it.</summary>
    public void RepairNoted(LogSnapshot snapshot, Func<Guid, Core.Manifest.Timeline?> lineageOf)
    {
        foreach (var item in DamageNotes.FindPieces(repository, index.Id, cancellationToken))
        {
            try
            {
                catalog.Read(item, cancellationToken);
                repository.Store.Delete(RepositoryNames.DamageMark(item.Name), cancellationToken); // somebody repaired it
            }
            catch (HestiaException e) when (e.Code == HestiaErrorCode.ArchiveDamaged)
            {
                if (!TryRebuild(item, snapshot, lineageOf)) ReportLost(item, item.First);
            }
            catch (HestiaException e) when (e.Code == HestiaErrorCode.FormatTooNew)
            {
                // not ours to judge
            }
        }
    }

    /// <summary>Replaces a damaged piece by what the log has under its LSNs.</summary>
    /// <returns>False if the damaged one held something else: nothing was changed.</returns>
    public bool TryPutOver(ArchiveItem item, ReadOnlySpan<byte> piece, uint lastCrc)
    {
        if (TryReadHeader(item) is { } header && !SHA256.HashData(piece[ArchivePieceHeader.Bytes..]).AsSpan().SequenceEqual(header.Hash)) return false;
        if (catalog.FindBeginning(item.IndexId, item.Timeline, item.Last.Next, cancellationToken) is { } following
            && TryReadHeader(following)?.PreviousCrc is { } previous && previous != lastCrc) return false;
        using var content = new Encryption.SmallContent(piece.ToArray());
        try
        {
            repository.Store.Put(item.Name, content, cancellationToken);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.AccessDenied)
        {
            // Who may write and not replace ships on; what is damaged stays, and a backup helps as well.
            DamageNotes.Add(repository, item.Name, cancellationToken);
            Report(item, item.First, $"may not be replaced here ({e.Message})");
            return true;
        }

        repository.Store.MakeDurable([item.Name], cancellationToken);
        repository.Store.Delete(RepositoryNames.DamageMark(item.Name), cancellationToken);
        findings.Add(new Finding(
            FindingSeverity.Information, RepairedCode, $"The piece {item.Name} of the archive was damaged and has been sent again.",
            item.Name, FirstLsn: item.First, LastLsn: item.Last));
        return true;
    }

    /// <summary>A damaged piece whose records the log does not have any more: only a backup helps.</summary>
    public void ReportLost(ArchiveItem item, Lsn from) =>
        Report(item, from, $"the log does not have LSN {from} to {item.Last} any more");

    private void Report(ArchiveItem item, Lsn from, string why)
    {
        foreach (var backup in new BackupCatalog(repository).List(cancellationToken).Backups)
            if (backup.IndexId == item.IndexId && backup.Lsn >= item.Last) return;
        findings.Add(new Finding(
            FindingSeverity.Warning,
            nameof(HestiaErrorCode.ArchiveDamaged),
            $"The piece {item.Name} of the archive is damaged, and {why}: nothing from LSN {from} on can be restored. Make a backup now.",
            item.Name,
            FirstLsn: from,
            LastLsn: item.Last));
    }

    private bool TryRebuild(ArchiveItem item, LogSnapshot snapshot, Func<Guid, Core.Manifest.Timeline?> lineageOf)
    {
        for (var i = 0; i < snapshot.Files.Count; i++)
        {
            // Files are named by their first LSN, and each ends before the next begins.
            if (FirstLsnOf(snapshot.Files[i]) is not { } first || first > item.First) continue;
            if (i + 1 < snapshot.Files.Count && FirstLsnOf(snapshot.Files[i + 1]) is { } following && following <= item.First) continue;
            return TryRebuild(item, snapshot.Files[i], lineageOf);
        }

        return false;
    }

    private bool TryRebuild(ArchiveItem item, DurableLog log, Func<Guid, Core.Manifest.Timeline?> lineageOf)
    {
        using var file = repository.Files.Open(log.Path, FileOpenMode.ReadSequential);
        using var window = new WalWindow(file);
        WalFileHeader.Read(window.Get(0, WalFormat.MaxLaterHeaderBytes), out var header);
        if (header is null || header.IndexId != item.IndexId || header.TimelineId != item.Timeline) return false;
        using var reader = new WalReader(window, header.Seed, WalFormat.FileHeaderBytes);
        using var builder = new PieceBuilder();
        uint? previous = null;
        while (reader.NextOffset < log.DurableBytes && reader.TryReadNext())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var record = reader.Header;
            if (record.LastLsn < item.First.Value)
            {
                previous = record.LastLsn + 1 == item.First.Value ? record.HeaderCrc : null;
                continue;
            }

            var expected = builder.IsEmpty ? item.First : builder.LastLsn.Next;
            if (record.FirstLsn != expected.Value || record.LastLsn > item.Last.Value) return false;
            builder.Add(record, reader.Offset, reader.Raw);
            if (record.LastLsn == item.Last.Value)
                return TryPutOver(item, builder.Finish(header, lineageOf(header.TimelineId), previous), builder.LastCrc);
        }

        return false;
    }

    private ArchivePieceHeader? TryReadHeader(ArchiveItem item)
    {
        try
        {
            return catalog.ReadHeader(item, cancellationToken);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.ArchiveDamaged)
        {
            return null;
        }
    }

    private static Lsn? FirstLsnOf(DurableLog log) => WalFormat.TryParseFileName(Path.GetFileName(log.Path), out var first) ? first : null;
}
