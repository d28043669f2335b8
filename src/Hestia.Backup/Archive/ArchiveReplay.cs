using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Backup.Archive;

/// <summary>
/// Puts the pieces of a restore behind its backup. Pieces are fetched ahead, several at a time, in bounded memory, and taken in order; each
/// must follow the one before, by LSN and by the checksum of the record before it where that is known.
/// </summary>
internal sealed class ArchiveReplay(
    FileSystem files, ArchiveCatalog archive, int parallelism, ProgressMeter meter, CancellationToken cancellationToken)
{
    private const long MaxBytesAhead = 48L << 20;
    private const long MemtableBytes = 64L << 20;

    /// <summary>Records that were added.</summary>
    public long Records { get; private set; }

    /// <summary>Header checksum of the last record added; null if there was none.</summary>
    public uint? LastCrc { get; private set; }

    /// <summary>The manifest of backup and pieces together; without pieces that of the backup.</summary>
    public ManifestDocument Run(RestorePoint point, string stagingPath)
    {
        if (point.Pieces.Count == 0) return point.Backup.IndexManifest;
        var settings = IndexSettingsFile.Parse(point.Backup.Summary.SettingsBytes).Settings;
        using var import = new LogImport(files, stagingPath, settings, point.Backup.IndexManifest, MemtableBytes);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ahead = new Queue<Task<ArchivePiece>>();
        long bytesAhead = 0;
        var next = 0;
        try
        {
            foreach (var use in point.Pieces)
            {
                while (parallelism > 1 && next < point.Pieces.Count && ahead.Count < parallelism
                    && (ahead.Count == 0 || bytesAhead + point.Pieces[next].Item.Size <= MaxBytesAhead))
                {
                    var item = point.Pieces[next++].Item;
                    bytesAhead += item.Size;
                    ahead.Enqueue(Task.Factory.StartNew(
                        () => archive.Read(item, stop.Token), CancellationToken.None,
                        TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default));
                }

                var piece = parallelism > 1 ? ahead.Dequeue().GetAwaiter().GetResult() : archive.Read(use.Item, cancellationToken);
                bytesAhead -= use.Item.Size;
                Add(use, piece, import);
                meter.AddBytes(use.Item.Size);
                meter.AddItem();
            }
        }
        finally
        {
            stop.Cancel();
            // No thread may be left reading behind a restore that has ended.
            foreach (var task in ahead) ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
        }

        try
        {
            if (import.LastLsn != point.Lsn) throw new InvalidDataException($"it ends at LSN {import.LastLsn} instead of {point.Lsn}.");
            return import.Finish();
        }
        catch (InvalidDataException e)
        {
            throw archive.Damaged(point.Pieces[^1].Item, e);
        }
    }

    private void Add(PieceUse use, ArchivePiece piece, LogImport import)
    {
        try
        {
            if (piece.Header.FirstLsn == import.LastLsn.Next && piece.Header.PreviousCrc is { } previous && LastCrc is { } last && previous != last)
                throw Broken(use.Item);
            var walk = piece.Walk();
            while (walk.Next() && walk.Header.LastLsn <= use.UpTo.Value)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (walk.Header.LastLsn <= import.LastLsn.Value) continue;
                import.Add(walk.Header, walk.Payload);
                LastCrc = walk.Header.HeaderCrc;
                Records++;
            }
        }
        catch (InvalidDataException e)
        {
            throw archive.Damaged(use.Item, e);
        }
    }

    private static HestiaException Broken(ArchiveItem item) => new(
        HestiaErrorCode.ArchiveDiverged,
        $"The piece {item.Name} follows another write than the one before it in the archive: two histories were archived under one timeline.",
        item.Name,
        $"Restore to LSN {item.First.Value - 1} or before, or from a backup made after LSN {item.Last}.");
}
