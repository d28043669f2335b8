using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

namespace Hestia.Core;

/// <content>Changing the durability of an index.</content>
public sealed partial class HestiaIndex
{
    /// <summary>
    /// Changes the durability of this session and, durably, of the index: the next open uses it. Everything acknowledged so far is flushed first, so what was
    /// written under the old durability is safe whatever it was, and nothing that is acknowledged afterwards has less than the new one promises. Writers
    /// wait for the last part of that flush; the end of a suspension is waited for before. A crash at any moment leaves the old durability or the new one.
    /// </summary>
    /// <exception cref="HestiaException">InvalidOption, IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. The durability is the old one then, unless the index failed.</exception>
    public DurabilityChange SetDurability(Durability durability, CancellationToken cancellationToken = default)
    {
        OptionRanges.Check(durability);
        var pipeline = Writable();
        if (Durability == durability && Settings.Durability == durability) return new DurabilityChange(durability, durability, null);
        Flush(null, cancellationToken); // most of the work, while writers go on
        var (before, at) = (Durability, (Lsn?)null);
        try
        {
            RunUnsuspended(pipeline, () =>
            {
                before = _context.Durability;
                if (before == durability && Settings.Durability == durability) return; // somebody else was faster
                var last = _live.Visible;
                // Segments hold everything from here on, so the log of the old durability, if it had one, is history.
                _room!.Rotate(pipeline.LastCommitTime);
                _flusher!.WaitFor(last, cancellationToken);
                // The first file of the new log is there before it is promised that one is kept.
                if (durability != Durability.Off) _log!.Current(last.Next, pipeline.LastCommitTime);
                ReplaceSettings(_context.SettingsFile.WithDurability(durability));
                pipeline.DurabilityChanged();
                _log!.DurabilityChanged();
                at = last;
            }, cancellationToken);
        }
        catch (Exception e) when (IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            throw _context.Health.Failed(e);
        }

        var change = new DurabilityChange(before, durability, at);
        if (before != durability && at is not null)
        {
            _context.Events?.Raise(
                IndexEventId.DurabilityChanged, IndexEventLevel.Information,
                "The durability of the index {IndexName} ({IndexPath}) was changed from {Before} to {After} behind LSN {Lsn}.",
                ("Before", before), ("After", durability), ("Lsn", at!.Value.Value));
        }

        return change;
    }

    /// <summary>
    /// Changes the durability that the next open of a closed index uses. What its log holds stays there until it is replayed, whatever the new durability is.
    /// </summary>
    /// <exception cref="HestiaException">
    /// InvalidOption, PathNotFound, NotAnIndex, IndexInUse, SettingsDamaged, FormatTooNew, LockUnsupported, AccessDenied, DiskFull, IoError. Nothing was changed then,
    /// except perhaps where an IoError says that a sync failed.
    /// </exception>
    public static DurabilityChange SetDurability(string path, Durability durability) => SetDurability(FileSystem.Physical, FullPath(path), durability);

    internal static DurabilityChange SetDurability(FileSystem files, string path, Durability durability)
    {
        OptionRanges.Check(durability);
        IndexSettingsFile.Read(files, path);
        using var held = IndexLock.Take(files, path);
        var settings = IndexSettingsFile.Read(files, path);
        var change = new DurabilityChange(settings.Settings.Durability, durability, null);
        try
        {
            if (change.Before != durability) StoreSettings(files, path, settings.WithDurability(durability));
            else files.SyncDirectory(path); // whoever wrote it may have died before
            return change;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "changing the durability of");
        }
    }

    private void ReplaceSettings(IndexSettingsFile settings)
    {
        if (settings == _context.SettingsFile)
        {
            // Only the session had another durability. Whoever wrote the file may have died before its name was durable.
            _context.Files.SyncDirectory(Path);
            _context.DurabilityChanged(settings, _context.SettingsBytes);
            return;
        }

        try
        {
            var bytes = StoreSettings(_context.Files, Path, settings);
            _context.DurabilityChanged(settings, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // If the new index.json has its name already, but perhaps in memory only, nobody knows which of the two the next open finds.
            if (IOErrors.IsSyncFailure(e) || HasDurability(settings.Settings.Durability)) _context.Health.Fail(e);
            throw;
        }
    }

    private bool HasDurability(Durability durability)
    {
        try
        {
            return IndexSettingsFile.Read(_context.Files, Path).Settings.Durability == durability;
        }
        catch (HestiaException)
        {
            return true; // not known either
        }
    }

    private static byte[] StoreSettings(FileSystem files, string path, IndexSettingsFile settings)
    {
        var bytes = settings.Serialize();
        files.WriteAtomically(System.IO.Path.Combine(path, FileNames.Settings), bytes, ownerModel: path);
        return bytes;
    }
}
