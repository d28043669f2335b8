using System.Globalization;

namespace Hestia.Backup.Retention;

/// <summary>Applies a policy to the backups of one index. Pure: the same backups and the same time give the same answer.</summary>
internal static class RetentionPlanner
{
    /// <summary>A source clock this far ahead of the store's is nothing to speak of.</summary>
    public static readonly TimeSpan FutureTolerance = TimeSpan.FromMinutes(5);

    public const string NoRule = "no rule keeps it";

    /// <summary>Whether a backup says it was made after now: then no rule can place it.</summary>
    public static bool IsFuture(BackupInfo backup, DateTimeOffset now) =>
        backup.Started > now + FutureTolerance || backup.Completed > now + FutureTolerance;

    /// <summary>One decision for each, the newest first.</summary>
    public static List<RetentionDecision> Plan(IEnumerable<BackupInfo> backups, RetentionPolicy policy, DateTimeOffset now)
    {
        var ordered = new List<BackupInfo>(backups);
        ordered.Sort(static (a, b) =>
            a.Started != b.Started ? b.Started.CompareTo(a.Started) : string.CompareOrdinal(b.BackupId, a.BackupId));
        var reasons = new List<string>[ordered.Count];
        var dated = new List<int>();
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = [];
            if (!IsFuture(ordered[i], now)) dated.Add(i);
            else
                reasons[i].Add(
                    $"it is dated in the future ({Text(ordered[i].Started)}); check the clock of {ordered[i].SourceHost}");
        }

        Keep(policy.KeepLast, "last", static (_, position) => position.ToString(CultureInfo.InvariantCulture));
        Keep(policy.KeepHourly, "hourly", static (time, _) => time.ToString("yyyy-MM-dd HH':00Z'", CultureInfo.InvariantCulture));
        Keep(policy.KeepDaily, "daily", static (time, _) => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        Keep(policy.KeepWeekly, "weekly", static (time, _) => $"{ISOWeek.GetYear(time)}-W{ISOWeek.GetWeekOfYear(time):00}");
        Keep(policy.KeepMonthly, "monthly", static (time, _) => time.ToString("yyyy-MM", CultureInfo.InvariantCulture));
        Keep(policy.KeepYearly, "yearly", static (time, _) => time.ToString("yyyy", CultureInfo.InvariantCulture));
        foreach (var i in dated)
        {
            if (policy.KeepWithin is { } within && ordered[dated[0]].Started - ordered[i].Started <= within) reasons[i].Add("within");
            foreach (var tag in ordered[i].Tags)
                if (policy.KeepTags.Contains(tag, StringComparer.OrdinalIgnoreCase)) reasons[i].Add($"tag {tag}");
        }

        var decisions = new List<RetentionDecision>(ordered.Count);
        for (var i = 0; i < reasons.Length; i++)
        {
            var remove = reasons[i].Count == 0;
            decisions.Add(new RetentionDecision(ordered[i].BackupId, ordered[i], remove, remove ? [NoRule] : reasons[i]));
        }

        return decisions;

        void Keep(int? count, string rule, Func<DateTime, int, string> periodOf)
        {
            var last = "";
            var kept = 0;
            for (var position = 1; position <= dated.Count && kept < (count ?? 0); position++)
            {
                var i = dated[position - 1];
                var period = periodOf(ordered[i].Started.UtcDateTime, position);
                if (period == last) continue;
                last = period;
                kept++;
                reasons[i].Add(rule == "last" ? $"last {position}" : $"{rule} {period}");
            }
        }
    }

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
