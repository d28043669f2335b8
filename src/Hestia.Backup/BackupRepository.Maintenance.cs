using Hestia.Backup.Checking;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.Retention;
using Hestia.Core;

namespace Hestia.Backup;

/// <content>What keeps a repository in order.</content>
public sealed partial class BackupRepository
{
    /// <summary>What a policy keeps and removes, per index: the newest backup of each first. Nothing is removed yet.</summary>
    /// <param name="policy">What to keep; one that keeps nothing is refused.</param>
    /// <param name="chosen">Picks the indexes, asked with the newest backup of each; null for all.</param>
    /// <param name="allowRemoveAll">Whether an index may be left without any backup that can be restored.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">InvalidOption, RepositoryNotFound, IoError, AccessDenied.</exception>
    public IReadOnlyList<RetentionDecision> PlanRemoval(
        RetentionPolicy policy,
        Func<BackupInfo, bool>? chosen = null,
        bool allowRemoveAll = false,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(policy);
        return new RemoveJob(_context, cancellationToken).Plan(policy, chosen, allowRemoveAll);
    }

    /// <summary>
    /// What becomes of backups that are named for removal: one that is the last restorable of its index stays. Ids that are not there are
    /// not in the answer. Nothing is removed yet.
    /// </summary>
    /// <param name="backupIds">Their ids; those of damaged backups too.</param>
    /// <param name="allowRemoveAll">Whether an index may be left without any backup that can be restored.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound, IoError, AccessDenied.</exception>
    public IReadOnlyList<RetentionDecision> PlanRemoval(
        IReadOnlyCollection<string> backupIds, bool allowRemoveAll = false, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(backupIds);
        return new RemoveJob(_context, cancellationToken).Plan(backupIds, allowRemoveAll);
    }

    /// <summary>Removes one backup, whatever a plan says; its bytes go with the next <see cref="Prune"/>.</summary>
    /// <param name="backupId">Its id; no error if there is none.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound, IoError, AccessDenied.</exception>
    public void Remove(string backupId, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        new RemoveJob(_context, cancellationToken).Remove(backupId);
    }

    /// <summary>
    /// Removes objects that no backup names. Safe beside backups, restores of backups that stay, and other prunes; waits for backups that
    /// are marked as running.
    /// </summary>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called from several threads, one at a time, at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels; what was removed until then no backup needs.</param>
    /// <exception cref="HestiaException">
    /// RepositoryBusy (a backup did not end in time; nothing was removed), BackupDamaged or FormatTooNew (what a backup needs cannot be
    /// known; nothing was removed), RepositoryNotFound, RepositoryDamaged, InvalidOption, IoError, AccessDenied.
    /// </exception>
    public PruneResult Prune(
        PruneOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new PruneJob(_context, options ?? new PruneOptions(), progress, cancellationToken).Run();
    }

    /// <summary>What a prune would remove now. Changes nothing.</summary>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="Prune"/>.</exception>
    public PrunePlan PlanPrune(PruneOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new PruneJob(_context, options ?? new PruneOptions(), null, cancellationToken).Plan();
    }

    /// <summary>
    /// Checks the repository as a whole: whether it can be written, which backups lack objects, which index has none or only old ones, what
    /// lies about. What is wrong is a finding, not an exception.
    /// </summary>
    /// <param name="options">What for; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">RepositoryNotFound, RepositoryDamaged, InvalidOption, IoError, AccessDenied.</exception>
    public RepositoryCheck Check(RepositoryCheckOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new RepositoryCheckJob(_context, options ?? new RepositoryCheckOptions(), cancellationToken).Run();
    }
}
