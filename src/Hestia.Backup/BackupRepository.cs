using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup;

/// <summary>A place where backups live. Open one, then back up, list, verify, restore. Thread-safe.</summary>
public sealed partial class BackupRepository : IDisposable
{
    private readonly RepositoryContext _context;
    private bool _disposed;

    private BackupRepository(RepositoryContext context) => _context = context;

    /// <summary>Where it is: the full path of its folder, or its URL.</summary>
    public string Location => _context.Location;

    /// <summary>Identity, fixed at creation.</summary>
    public Guid Id => _context.Descriptor.Id;

    /// <summary>When it was created, UTC.</summary>
    public DateTimeOffset Created => _context.Descriptor.Created;

    /// <summary>Creates a repository in a folder that is empty or not there (its parent must be there), and opens it.</summary>
    /// <param name="location">Path of the folder; a share is fine.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryExists, TargetNotEmpty, PathNotFound, AccessDenied, DiskFull, InvalidOption.</exception>
    public static BackupRepository Create(string location, CancellationToken cancellationToken = default) =>
        Create(location, FileSystem.Physical, cancellationToken);

    /// <summary>Creates a repository in a place that is empty, and opens it.</summary>
    /// <param name="location">Path of a folder, or <c>s3://bucket/prefix</c>; the bucket must be there.</param>
    /// <param name="options">How to reach it; null for a folder, or for what the environment says.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// RepositoryExists, TargetNotEmpty, PathNotFound, AccessDenied, DiskFull, InvalidOption; of a store over a network also
    /// ContainerNotFound, CredentialsMissing, CredentialsRejected, ClockSkew, TlsUntrusted, StoreUnavailable, StoreThrottled.
    /// </exception>
    public static BackupRepository Create(string location, StoreOptions? options, CancellationToken cancellationToken = default) =>
        Create(location, options, FileSystem.Physical, cancellationToken);

    /// <summary>Opens a repository. Never creates one.</summary>
    /// <param name="location">Path of a folder, or <c>s3://bucket/prefix</c>.</param>
    /// <param name="options">How to reach it; null for a folder, or for what the environment says.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// RepositoryNotFound, RepositoryDamaged, FormatTooNew, AccessDenied, InvalidOption; of a store over a network also
    /// ContainerNotFound, CredentialsMissing, CredentialsRejected, ClockSkew, TlsUntrusted, StoreUnavailable, StoreThrottled.
    /// </exception>
    public static BackupRepository Open(string location, StoreOptions? options, CancellationToken cancellationToken = default) =>
        Open(location, options, FileSystem.Physical, cancellationToken);

    /// <summary>Opens a repository. Never creates one.</summary>
    /// <param name="location">Path of the folder.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound, RepositoryDamaged, FormatTooNew, AccessDenied, InvalidOption.</exception>
    public static BackupRepository Open(string location, CancellationToken cancellationToken = default) =>
        Open(location, FileSystem.Physical, cancellationToken);

    /// <summary>
    /// Backs up an open index: flush, pin, copy, unpin; writers go on. It holds exactly the writes up to the LSN it names.
    /// </summary>
    /// <param name="index">An open index.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second. Bytes are those to send.</param>
    /// <param name="cancellationToken">Cancels: no backup is made, and what was sent is not sent again by the next.</param>
    /// <exception cref="HestiaException">
    /// SourceDamaged, DiskFull, RepositoryNotFound (it went away), IndexClosed, IndexFailed, IndexReadOnly (a read-only session whose log
    /// holds more than its segments), InvalidOption, IoError, AccessDenied.
    /// </exception>
    public BackupResult Backup(
        HestiaIndex index,
        BackupOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(index);
        return new BackupJob(_context, options ?? new BackupOptions(), progress, cancellationToken).Run(index);
    }

    /// <summary>Backs up a closed index: opens it for the time of the backup, which recovers and flushes it.</summary>
    /// <param name="indexPath">Folder of the index.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">As for an open index.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// As for an open index, and all that opening one reports; IndexInUse if somebody has it open.
    /// </exception>
    public BackupResult Backup(
        string indexPath,
        BackupOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        BackupJob.RefuseOverlap(_context, indexPath);
        // A backup never causes more than its flush.
        var session = new IndexOptions { BackgroundCompaction = false, FileSystem = _context.Files };
        using var index = HestiaIndex.Open(indexPath, session, cancellationToken);
        var result = Backup(index, options, progress, cancellationToken);
        index.Close();
        return result;
    }

    /// <summary>What a backup of this index would send now, without flushing it.</summary>
    /// <param name="index">An open index.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// As <see cref="Backup(HestiaIndex, BackupOptions?, IProgress{WorkProgress}?, CancellationToken)"/>.
    /// </exception>
    public BackupPlan PlanBackup(HestiaIndex index, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(index);
        return new BackupJob(_context, new BackupOptions(), null, cancellationToken).Plan(index);
    }

    /// <summary>
    /// Complete backups, oldest first. One whose manifest is damaged is not among them: <see cref="ListAll"/> names those too.
    /// </summary>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound (it went away), IoError, AccessDenied.</exception>
    public IReadOnlyList<BackupInfo> List(CancellationToken cancellationToken = default) => ListAll(cancellationToken).Backups;

    /// <summary>Complete backups, and a finding for each manifest that is damaged, cut short or of a newer format.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound (it went away), IoError, AccessDenied.</exception>
    public BackupListing ListAll(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new BackupCatalog(_context).List(cancellationToken);
    }

    /// <summary>One backup, its manifest read and checked as a whole.</summary>
    /// <param name="backupId">Its id.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">BackupNotFound, BackupDamaged, FormatTooNew.</exception>
    public BackupInfo Get(string backupId, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        var summary = new BackupCatalog(_context).Read(backupId, cancellationToken).Summary;
        try
        {
            return summary.ToInfo(Location);
        }
        catch (InvalidDataException e)
        {
            throw new HestiaException(
                HestiaErrorCode.BackupDamaged, $"The index.json in backup {backupId} cannot be understood: {e.Message}", backupId,
                innerException: e);
        }
    }

    /// <summary>
    /// Verifies one backup: its manifest, and every object's presence and size; deep, every byte. Damage is a finding, not an
    /// exception.
    /// </summary>
    /// <param name="backupId">Its id.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Reports a deep verification: called from several threads, one at a time, at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">BackupNotFound, BackupDamaged (not even its first line can be read), FormatTooNew.</exception>
    public BackupVerification Verify(
        string backupId,
        VerifyOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        return new VerifyJob(_context, options ?? new VerifyOptions(), progress, cancellationToken).Run(backupId);
    }

    /// <summary>What <see cref="Restore"/> would do; refuses what that would refuse, except for want of space.</summary>
    /// <param name="backupId">Id of the backup.</param>
    /// <param name="targetPath">Folder the index would be restored to.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="Restore"/>.</exception>
    public RestorePlan PlanRestore(
        string backupId, string targetPath, RestoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        ArgumentException.ThrowIfNullOrEmpty(targetPath);
        return new RestoreJob(_context, options ?? new RestoreOptions(), null, cancellationToken).Plan(backupId, targetPath);
    }

    /// <summary>
    /// Restores a backup to a folder that is empty or not there, or in the place of an index. Staged beside the target, verified, opened
    /// and checked, then swapped in; until then, and if anything fails, the target is as it was.
    /// </summary>
    /// <param name="backupId">Id of the backup.</param>
    /// <param name="targetPath">Folder to restore to; its parent must be there.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels; the target is as it was.</param>
    /// <exception cref="HestiaException">
    /// BackupNotFound, BackupDamaged, ObjectMissing, ObjectDamaged, TargetNotEmpty, IndexExists, IndexInUse, PathNotFound, DiskFull,
    /// LockUnsupported, FormatTooNew, InvalidOption, IoError, AccessDenied.
    /// </exception>
    public RestoreResult Restore(
        string backupId,
        string targetPath,
        RestoreOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        ArgumentException.ThrowIfNullOrEmpty(targetPath);
        return new RestoreJob(_context, options ?? new RestoreOptions(), progress, cancellationToken).Run(backupId, targetPath);
    }

    /// <summary>Closes it; work that runs goes on to its end.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _context.Store.Dispose();
    }

    internal static BackupRepository Create(string location, FileSystem files, CancellationToken cancellationToken = default) =>
        Create(location, null, files, cancellationToken);

    internal static BackupRepository Open(string location, FileSystem files, CancellationToken cancellationToken = default) =>
        Open(location, null, files, cancellationToken);

    internal static BackupRepository Create(
        string location, StoreOptions? options, FileSystem files, CancellationToken cancellationToken)
    {
        var store = StoreProviders.Open(location, options, files);
        try
        {
            store.Prepare(cancellationToken);
            var descriptor = new RepositoryDescriptor(Guid.NewGuid(), files.Clock.GetUtcNow());
            if (!store.TryCreate(RepositoryNames.Descriptor, descriptor.Serialize(), cancellationToken))
                throw RepositoryStore.Exists(store.Location);
            return new BackupRepository(new RepositoryContext(store, descriptor, files));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    internal static BackupRepository Open(
        string location, StoreOptions? options, FileSystem files, CancellationToken cancellationToken)
    {
        var store = StoreProviders.Open(location, options, files);
        try
        {
            return new BackupRepository(new RepositoryContext(store, RepositoryContext.ReadDescriptor(store, cancellationToken), files));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }
}
