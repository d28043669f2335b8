using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Retention;

/// <summary>
/// Plans and does the removal of backups. Only manifests are removed; what they alone named a prune removes. Of each index at least one
/// backup stays whose manifest and objects are all there, unless the caller says otherwise.
/// </summary>
internal sealed class RemoveJob(RepositoryContext repository, CancellationToken cancellationToken)
{
    private const string LastRestorable = "last restorable backup of the index";

    private readonly BackupCatalog _catalog = new(repository);

    /// <summary>By policy, for the indexes that <paramref name="chosen"/> picks; grouped by index id, as names may repeat.</summary>
    public List<RetentionDecision> Plan(RetentionPolicy policy, Func<BackupInfo, bool>? chosen, bool allowRemoveAll)
    {
        RefuseUnfit(policy);
        var now = new DateTimeOffset(DateTime.SpecifyKind(repository.Store.ReadClock(cancellationToken), DateTimeKind.Utc));
        var result = new List<RetentionDecision>();
        foreach (var group in _catalog.List(cancellationToken).Backups.GroupBy(static b => b.IndexId)
            .OrderBy(static g => g.Last().IndexName, StringComparer.Ordinal).ThenBy(static g => g.Key))
        {
            // A renamed index is one index: it is chosen by the name it has now.
            if (chosen is not null && !chosen(group.Last())) continue;
            var decisions = RetentionPlanner.Plan(group, policy, now);
            if (!allowRemoveAll) KeepOneRestorable(decisions);
            result.AddRange(decisions);
        }

        return result;
    }

    /// <summary>By id. Whatever would leave an index without a backup that can be restored is kept, and says so.</summary>
    public List<RetentionDecision> Plan(IReadOnlyCollection<string> backupIds, bool allowRemoveAll)
    {
        var wanted = new HashSet<string>(backupIds, StringComparer.Ordinal);
        var entries = _catalog.Entries(cancellationToken);
        var listed = new Dictionary<string, BackupInfo>(StringComparer.Ordinal);
        foreach (var backup in _catalog.List(cancellationToken).Backups) listed[backup.BackupId] = backup;
        var result = new List<RetentionDecision>();
        foreach (var group in entries.GroupBy(static e => e.IndexId))
        {
            if (!group.Any(e => wanted.Contains(e.BackupId))) continue;
            var decisions = new List<RetentionDecision>();
            foreach (var entry in group.OrderByDescending(e => listed.GetValueOrDefault(e.BackupId)?.Started ?? DateTimeOffset.MinValue)
                .ThenByDescending(static e => e.BackupId, StringComparer.Ordinal))
            {
                var remove = wanted.Contains(entry.BackupId);
                decisions.Add(new RetentionDecision(
                    entry.BackupId, listed.GetValueOrDefault(entry.BackupId), remove, [remove ? "named" : "not named"]));
            }

            if (!allowRemoveAll) KeepOneRestorable(decisions);
            result.AddRange(decisions.FindAll(d => wanted.Contains(d.BackupId)));
        }

        return result;
    }

    /// <summary>Removes one backup: its manifest. No error if it is gone already.</summary>
    public void Remove(string backupId)
    {
        foreach (var entry in _catalog.Entries(cancellationToken))
            if (entry.BackupId == backupId) repository.Store.Delete(entry.Name, cancellationToken);
    }

    /// <summary>Of what goes the newest that can be restored stays, if nothing of what stays can.</summary>
    private void KeepOneRestorable(List<RetentionDecision> decisions)
    {
        if (!decisions.Exists(static d => d.Remove)) return;
        if (decisions.Exists(d => !d.Remove && IsRestorable(d.BackupId))) return;
        for (var i = 0; i < decisions.Count; i++)
        {
            if (!decisions[i].Remove || !IsRestorable(decisions[i].BackupId)) continue;
            decisions[i] = decisions[i] with { Remove = false, Reasons = [LastRestorable] };
            return;
        }
    }

    private bool IsRestorable(string backupId)
    {
        try
        {
            return new VerifyJob(repository, new VerifyOptions(), null, cancellationToken).Run(backupId).Healthy;
        }
        catch (HestiaException e) when (
            e.Code is HestiaErrorCode.BackupDamaged or HestiaErrorCode.BackupNotFound or HestiaErrorCode.FormatTooNew)
        {
            return false;
        }
    }

    private static void RefuseUnfit(RetentionPolicy policy)
    {
        if (policy.IsEmpty)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, "The policy keeps nothing, so nothing was removed.",
                action: "Say what to keep, such as the last 7.");
        }

        ReadOnlySpan<int?> counts =
            [policy.KeepLast, policy.KeepHourly, policy.KeepDaily, policy.KeepWeekly, policy.KeepMonthly, policy.KeepYearly];
        var wrong = policy.KeepWithin <= TimeSpan.Zero;
        foreach (var count in counts) wrong |= count < 1;
        if (wrong)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, "A rule of the policy keeps none, so nothing was removed.",
                action: "Leave the rule out, or keep at least 1.");
        }
    }
}
