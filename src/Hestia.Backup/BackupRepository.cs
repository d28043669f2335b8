using System.Runtime.ExceptionServices;
using Hestia.Backup.Archive;
using Hestia.Backup.Encryption;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Control;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

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
        Create(location, options, null, null, FileSystem.Physical, cancellationToken);

    /// <summary>Creates an encrypted repository in a place that is empty, and opens it.</summary>
    /// <param name="location">Path of a folder, or <c>s3://bucket/prefix</c>; the bucket must be there.</param>
    /// <param name="options">How to reach it; null for a folder, or for what the environment says.</param>
    /// <param name="key">Its first passphrase or key file; null for one that is not encrypted. What is lost with all keys is lost.</param>
    /// <param name="keyName">Name of that key; null for <c>default</c>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As without encryption.</exception>
    public static BackupRepository Create(
        string location, StoreOptions? options, RepositoryKey? key, string? keyName, CancellationToken cancellationToken = default) =>
        Create(location, options, key, keyName, FileSystem.Physical, cancellationToken);

    /// <summary>Opens a repository. Never creates one.</summary>
    /// <param name="location">Path of a folder, or <c>s3://bucket/prefix</c>.</param>
    /// <param name="options">How to reach it; null for a folder, or for what the environment says.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// RepositoryNotFound, RepositoryDamaged, FormatTooNew, AccessDenied, InvalidOption; of a store over a network also
    /// ContainerNotFound, CredentialsMissing, CredentialsRejected, ClockSkew, TlsUntrusted, StoreUnavailable, StoreThrottled.
    /// </exception>
    public static BackupRepository Open(string location, StoreOptions? options, CancellationToken cancellationToken = default) =>
        Open(location, options, null, FileSystem.Physical, cancellationToken);

    /// <summary>Opens a repository that may be encrypted. Never creates one.</summary>
    /// <param name="location">Path of a folder, or <c>s3://bucket/prefix</c>.</param>
    /// <param name="options">How to reach it; null for a folder, or for what the environment says.</param>
    /// <param name="key">One of its passphrases or key files; null for one that is not encrypted.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// As without encryption, and KeyMissing (it is encrypted, no key given), KeyRejected (the wrong one), RepositoryNotEncrypted (a key
    /// was given and none is needed, which is never passed over).
    /// </exception>
    public static BackupRepository Open(
        string location, StoreOptions? options, RepositoryKey? key, CancellationToken cancellationToken = default) =>
        Open(location, options, key, FileSystem.Physical, cancellationToken);

    /// <summary>Opens a repository. Never creates one.</summary>
    /// <param name="location">Path of the folder.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound, RepositoryDamaged, FormatTooNew, AccessDenied, InvalidOption.</exception>
    public static BackupRepository Open(string location, CancellationToken cancellationToken = default) =>
        Open(location, FileSystem.Physical, cancellationToken);

    /// <summary>
    /// Backs up an open index: flush, pin, copy, unpin; writers go on. It holds exactly the writes up to the LSN it names.
    /// </summary>
    /// <param name="index">An open index: of this process, or of another, which flushes and pins while this one copies.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second. Bytes are those to send.</param>
    /// <param name="cancellationToken">Cancels: no backup is made, and what was sent is not sent again by the next.</param>
    /// <exception cref="HestiaException">
    /// SourceDamaged, DiskFull, RepositoryNotFound (it went away), IndexClosed, IndexFailed, IndexReadOnly (a read-only session whose log
    /// holds more than its segments), InvalidOption, IoError, AccessDenied; of an index of another process also OwnerLost, TimedOut, PinExpired.
    /// </exception>
    public BackupResult Backup(
        IMaintainedIndex index,
        BackupOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(index);
        return Backup(index, index is RemoteIndex ? IndexVia.Endpoint : IndexVia.Session, options, progress, cancellationToken);
    }

    /// <summary>
    /// Backs up the index in a folder: through the process that has it open, or, if it is closed, opened for the time of the backup, which
    /// recovers and flushes it; beside those who have it open for reading, it is opened for reading too.
    /// </summary>
    /// <param name="indexPath">Folder of the index.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">As for an open index.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// As for an open index, and all that opening one reports; IndexInUse if somebody has it open who cannot be asked, or open for reading while its log holds
    /// writes that are not flushed.
    /// </exception>
    public BackupResult Backup(
        string indexPath,
        BackupOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        BackupResult Work(IMaintainedIndex index, IndexVia via) => Backup(index, via, options, progress, cancellationToken);
        try
        {
            return WithIndex(indexPath, Work, progress, cancellationToken);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.IndexInUse && !IndexLock.IsHeld(_context.Files, indexPath))
        {
            // Open for reading elsewhere: that shuts out writers, not another reader.
            try
            {
                return WithIndex(indexPath, Work, progress, cancellationToken, readOnly: true);
            }
            catch (HestiaException unflushed) when (unflushed.Code == HestiaErrorCode.IndexReadOnly)
            {
                ExceptionDispatchInfo.Throw(e); // a flush is needed first, which only a writer can do
                throw;
            }
        }
    }

    /// <summary>What a backup of this index would send now, without flushing it.</summary>
    /// <param name="index">An open index.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// As <see cref="Backup(IMaintainedIndex, BackupOptions?, IProgress{WorkProgress}?, CancellationToken)"/>.
    /// </exception>
    public BackupPlan PlanBackup(IMaintainedIndex index, CancellationToken cancellationToken = default)
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
        return ArchiveSurvey.AddRecoveryPoints(_context, new BackupCatalog(_context).List(cancellationToken), cancellationToken);
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
        return new RestoreJob(_context, options ?? new RestoreOptions(), null, cancellationToken).Plan(new RestoreSource(backupId, null), targetPath);
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
        return new RestoreJob(_context, options ?? new RestoreOptions(), progress, cancellationToken).Run(new RestoreSource(backupId, null), targetPath);
    }

    /// <summary>What <see cref="RestoreIndex"/> would do; refuses what that would refuse, except for want of space.</summary>
    /// <param name="indexNameOrId">Name or id of the index.</param>
    /// <param name="targetPath">Folder the index would be restored to.</param>
    /// <param name="options">How, and to which point.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="RestoreIndex"/>.</exception>
    public RestorePlan PlanRestoreIndex(
        string indexNameOrId, string targetPath, RestoreOptions options, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(indexNameOrId);
        ArgumentException.ThrowIfNullOrEmpty(targetPath);
        ArgumentNullException.ThrowIfNull(options);
        return new RestoreJob(_context, options, null, cancellationToken).Plan(new RestoreSource(null, indexNameOrId), targetPath);
    }

    /// <summary>
    /// Restores an index to a point (<see cref="RestoreOptions.ToLsn"/>, <see cref="RestoreOptions.ToTime"/> or
    /// <see cref="RestoreOptions.ToLatest"/>): from the newest backup at or below it and the archive of the log.
    /// </summary>
    /// <param name="indexNameOrId">Name or id of the index.</param>
    /// <param name="targetPath">Folder to restore to; its parent must be there.</param>
    /// <param name="options">How, and to which point.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels; the target is as it was.</param>
    /// <exception cref="HestiaException">
    /// As <see cref="Restore"/>; also PointNotReachable (nothing leads there, or it lies within a batch), ArchiveDamaged, ArchiveDiverged.
    /// </exception>
    public RestoreResult RestoreIndex(
        string indexNameOrId,
        string targetPath,
        RestoreOptions options,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(indexNameOrId);
        ArgumentException.ThrowIfNullOrEmpty(targetPath);
        ArgumentNullException.ThrowIfNull(options);
        return new RestoreJob(_context, options, progress, cancellationToken).Run(new RestoreSource(null, indexNameOrId), targetPath);
    }

    /// <summary>
    /// Ships the log of an open index into the archive: what is durable and not there yet. The first time it also makes the index keep its log
    /// until it is shipped. Meant to run every minute; with nothing new it does not even look at the repository.
    /// </summary>
    /// <param name="index">An open index, of this process or of another.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Reports the bytes sent.</param>
    /// <param name="cancellationToken">Cancels; the next shipment goes on from there.</param>
    /// <exception cref="HestiaException">
    /// ArchiveDiverged (a copy of this index was archived), ArchiveDamaged, IndexReadOnly, IndexClosed, RepositoryNotFound, DiskFull,
    /// InvalidOption, IoError, AccessDenied.
    /// </exception>
    public ArchiveResult Archive(
        IMaintainedIndex index,
        ArchiveOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(index);
        return Archive(index, index is RemoteIndex ? IndexVia.Endpoint : IndexVia.Session, options, progress, cancellationToken);
    }

    /// <summary>Ships the log of the index in a folder: through the process that has it open, or, if it is closed, opened for that time.</summary>
    /// <param name="indexPath">Folder of the index.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Reports the bytes sent.</param>
    /// <param name="cancellationToken">Cancels; the next shipment goes on from there.</param>
    /// <exception cref="HestiaException">As for an open index, and all that opening one reports.</exception>
    public ArchiveResult Archive(
        string indexPath,
        ArchiveOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        return WithIndex(indexPath, (index, via) => Archive(index, via, options, progress, cancellationToken), progress, cancellationToken);
    }

    /// <summary>The state of the log archive, one entry per timeline.</summary>
    /// <param name="indexId">Only of this index; null for all.</param>
    /// <param name="deep">Whether every piece is read and its checksums compared.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound, IoError, AccessDenied.</exception>
    public IReadOnlyList<ArchiveStatus> GetArchives(Guid? indexId = null, bool deep = false, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new ArchiveSurvey(_context, cancellationToken).Run(indexId, deep);
    }

    /// <summary>The last LSN of an index's timeline that the archive has; where it has nothing of that timeline, the one at which it branched off.</summary>
    /// <param name="index">The index.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">IndexClosed, RepositoryNotFound, IoError, AccessDenied.</exception>
    public Lsn GetArchivedThrough(IMaintainedIndex index, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(index);
        using var pin = index.Pin(cancellationToken);
        var timeline = ManifestDocument.Parse(pin.ManifestBytes.Span).Timeline;
        foreach (var archive in GetArchives(index.Id, cancellationToken: cancellationToken))
            if (archive.Timeline == timeline.Id) return archive.LastLsn;
        return timeline.BranchLsn;
    }

    /// <summary>Closes it; work that runs goes on to its end.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _context.Store.Dispose();
    }

    private BackupResult Backup(
        IMaintainedIndex index, IndexVia via, BackupOptions? options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) =>
        new BackupJob(_context, options ?? new BackupOptions(), progress, cancellationToken).Run(index, via);

    private ArchiveResult Archive(
        IMaintainedIndex index, IndexVia via, ArchiveOptions? options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) =>
        new ArchiveJob(_context, options ?? new ArchiveOptions(), progress, cancellationToken).Run(index, via);

    /// <summary>Works on the index in a folder through its owner, or opens it for that time, which causes no more than its own flush.</summary>
    private T WithIndex<T>(
        string indexPath, Func<IMaintainedIndex, IndexVia, T> work, IProgress<WorkProgress>? progress, CancellationToken cancellationToken,
        bool readOnly = false)
    {
        BackupJob.RefuseOverlap(_context, indexPath);
        var session = new IndexOptions { BackgroundCompaction = false, FileSystem = _context.Files, ReadOnly = readOnly };
        using var access = IndexAccess.Open(indexPath, session, progress, cancellationToken);
        var result = work(access.Index, access.Via);
        access.Close(progress);
        return result;
    }

    internal static BackupRepository Create(string location, FileSystem files, CancellationToken cancellationToken = default) =>
        Create(location, null, null, null, files, cancellationToken);

    internal static BackupRepository Open(string location, FileSystem files, CancellationToken cancellationToken = default) =>
        Open(location, null, null, files, cancellationToken);

    internal static BackupRepository Create(
        string location, StoreOptions? options, RepositoryKey? key, string? keyName, FileSystem files, CancellationToken cancellationToken)
    {
        var store = StoreProviders.Open(location, options, files);
        RepositoryCipher? cipher = null;
        try
        {
            store.Prepare(cancellationToken);
            var descriptor = new RepositoryDescriptor(Guid.NewGuid(), files.Clock.GetUtcNow());
            if (key is not null) (descriptor, cipher) = EncryptionParameters.Begin(descriptor, key, keyName);
            if (!store.TryCreate(RepositoryNames.Descriptor, descriptor.Serialize(), cancellationToken))
                throw RepositoryStore.Exists(store.Location);
            return new BackupRepository(new RepositoryContext(store, descriptor, files, cipher));
        }
        catch
        {
            cipher?.Dispose();
            store.Dispose();
            throw;
        }
    }

    internal static BackupRepository Open(
        string location, StoreOptions? options, RepositoryKey? key, FileSystem files, CancellationToken cancellationToken)
    {
        var store = StoreProviders.Open(location, options, files);
        try
        {
            var descriptor = RepositoryContext.ReadDescriptor(store, cancellationToken);
            return new BackupRepository(
                new RepositoryContext(store, descriptor, files, Unlocking.Unlock(descriptor, key, store.Location)));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }
}
