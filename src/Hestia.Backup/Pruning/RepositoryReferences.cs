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
    private readonly HashSet<string> _objects = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public bool Contains(string objectName) => _objects.Contains(objectName);

    /// <summary>How many objects are referenced.</summary>
    public int Count => _objects.Count;

    /// <summary>Reads what was published since the last time.</summary>
    /// <exception cref="HestiaException">
    /// BackupDamaged, FormatTooNew: what one of them references cannot be known, so nothing may be deleted.
    /// </exception>
    public void Refresh(CancellationToken cancellationToken)
    {
        AddBackups(cancellationToken);
    }

    private void AddBackups(CancellationToken cancellationToken)
    {
        var catalog = new BackupCatalog(repository);
        var entries = catalog.Entries(cancellationToken);
        entries.RemoveAll(e => _read.Contains(e.Name));
        Workers.Run(
            entries,
            parallelism,
            (entry, token) =>
            {
                var manifest = Read(catalog, entry, token); // null: removed a moment ago, and so references nothing
                lock (_objects)
                {
                    foreach (var segment in manifest?.Segments ?? []) _objects.Add(repository.ObjectName(segment.Id));
                    _read.Add(entry.Name);
                }
            },
            cancellationToken);
    }

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
