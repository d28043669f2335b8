using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup;

/// <content>Copies between repositories.</content>
public sealed partial class BackupRepository
{
    /// <summary>
    /// Copies a backup to another repository, which may be of another kind and otherwise encrypted. It keeps its id. Only what is missing
    /// is sent, hashed on its way; the backup exists there once all of it does. One that was killed is gone on with by running it again.
    /// </summary>
    /// <param name="backupId">Id of the backup.</param>
    /// <param name="destination">Where to; open.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second. Bytes are those to send.</param>
    /// <param name="cancellationToken">Cancels: what was sent is not sent again by the next.</param>
    /// <exception cref="HestiaException">
    /// BackupNotFound, BackupDamaged, ObjectMissing or ObjectDamaged (in the source, nothing was published; or in the destination, see
    /// <see cref="CopyOptions.Verify"/>), BackupDiffers, DiskFull, RepositoryNotFound, InvalidOption, FormatTooNew, IoError, AccessDenied.
    /// </exception>
    public CopyResult Copy(
        string backupId,
        BackupRepository destination,
        CopyOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        NewCopy(backupId, destination, options, progress, cancellationToken).Run(backupId);

    /// <summary>What <see cref="Copy"/> would send now.</summary>
    /// <param name="backupId">Id of the backup.</param>
    /// <param name="destination">Where to; open.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="Copy"/>.</exception>
    public CopyPlan PlanCopy(string backupId, BackupRepository destination, CancellationToken cancellationToken = default) =>
        NewCopy(backupId, destination, null, null, cancellationToken).Plan(backupId);

    private CopyJob NewCopy(
        string backupId, BackupRepository destination, CopyOptions? options, IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        ArgumentNullException.ThrowIfNull(destination);
        ObjectDisposedException.ThrowIf(destination._disposed, destination);
        return new CopyJob(_context, destination._context, options ?? new CopyOptions(), progress, cancellationToken);
    }
}
