using Hestia.Backup.FileSets;
using Hestia.Core;

namespace Hestia.Backup;

/// <content>Backups of folders of other systems, as the files they are.</content>
public sealed partial class BackupRepository
{
    /// <summary>
    /// Backs up the folder of another system, closed: its files as they are, each content sent once whatever backup it is in. It is listed, verified,
    /// copied, pruned and restored like any other.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels: no backup is made, and what was sent is not sent again by the next.</param>
    /// <exception cref="HestiaException">
    /// IndexInUse (somebody has it open, named), SourceDamaged (it was changed meanwhile), DiskFull, RepositoryNotFound, InvalidOption, IoError,
    /// AccessDenied; what the kind refuses.
    /// </exception>
    public BackupResult BackupFileSet(
        string path,
        FileSetKind kind,
        BackupOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(kind);
        return new FileSetBackupJob(_context, kind, options ?? new BackupOptions(), progress, cancellationToken).Run(path);
    }

    /// <summary>What a backup of this folder would send now. Reads all of it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="BackupFileSet"/>.</exception>
    public BackupPlan PlanFileSetBackup(
        string path,
        FileSetKind kind,
        BackupOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(kind);
        return new FileSetBackupJob(_context, kind, options ?? new BackupOptions(), progress, cancellationToken).Plan(path);
    }
}
