using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Pruning;

/// <summary>
/// What is referenced, and so must stay. The one place that says it: whatever else comes to rely on objects is added to <see
/// cref="Refresh"/>. Only ever grows: what it has once seen referenced stays so, and nothing that it names is deleted.
/// </summary>
internal sealed class RepositoryReferences(RepositoryContext repository, int parallelism)
{
    /// <summary>Looks at a manifest that is listed and cannot be found; a list may be as old as the client of a share keeps it.</summary>
    private const int Looks = 3;

    private readonly HashSet<string> _objects = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public bool Contains(string objectName) => _objects.Contains(objectName);

    /// <summary>How many objects are referenced.</summary>
    public int Count => _objects.Count;

    /// <summary>Reads what was published since the last time.</summary>
    /// <exception cref="HestiaException">
    /// BackupDamaged, FormatTooNew, IoError: what one of them references cannot be known, so nothing may be deleted.
    /// </exception>
    public void Refresh(CancellationToken cancellationToken)
    {
        AddBackups(cancellationToken);
    }

    private void AddBackups(CancellationToken cancellationToken)
    {
        var catalog = new BackupCatalog(repository);
        HashSet<string> absent = new(StringComparer.Ordinal);
        for (var look = 1; ; look++)
        {
            var entries = catalog.Entries(cancellationToken);
            entries.RemoveAll(e => _read.Contains(e.Name));
            // Not found and no longer listed: removed, and so it references nothing. One that is still listed has to be read.
            if (look > 1) entries.RemoveAll(e => !absent.Contains(e.Name));
            if (look > Looks && entries.Count > 0) throw Unfound(entries[0]);
            absent = ReadAll(catalog, entries, cancellationToken);
            if (absent.Count == 0) return;
            if (look > 1) repository.Markers.Sleep(repository.Markers.LastPoll, cancellationToken);
        }
    }

    /// <summary>Reads manifests; returns the names of those that were not found.</summary>
    private HashSet<string> ReadAll(BackupCatalog catalog, List<BackupCatalog.Entry> entries, CancellationToken cancellationToken)
    {
        var absent = new HashSet<string>(StringComparer.Ordinal);
        Workers.Run(
            entries,
            parallelism,
            (entry, token) =>
            {
                var manifest = Read(catalog, entry, token);
                lock (_objects)
                {
                    if (manifest is null)
                    {
                        absent.Add(entry.Name);
                        return;
                    }

                    foreach (var segment in manifest.Segments) _objects.Add(repository.ObjectName(segment.Id));
                    _read.Add(entry.Name);
                }
            },
            cancellationToken);
        return absent;
    }

    private HestiaException Unfound(BackupCatalog.Entry entry) => new(
        HestiaErrorCode.IoError,
        $"The manifest of backup {entry.BackupId} is listed in '{repository.Location}' and yet cannot be found there, so what it needs cannot be known and "
        + "nothing was removed.",
        entry.BackupId,
        "Check the device, share or service it is on, then try again.");

    private BackupManifest? Read(BackupCatalog catalog, BackupCatalog.Entry entry, CancellationToken cancellationToken)
    {
        try
        {
            return catalog.Read(entry, cancellationToken);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.BackupDamaged or HestiaErrorCode.FormatTooNew)
        {
            throw new HestiaException(
                e.Code,
                $"What backup {entry.BackupId} in '{repository.Location}' needs cannot be known, so nothing was removed: {e.Message}",
                entry.BackupId,
                e.Code == HestiaErrorCode.FormatTooNew
                    ? "Use the newer version of Hestia that wrote it."
                    : "Remove it with Remove-HestiaBackup -BackupId, or put its file back from a copy of the repository; then try again.",
                e);
        }
    }
}
