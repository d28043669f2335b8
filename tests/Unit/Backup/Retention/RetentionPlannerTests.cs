using System.Globalization;
using Hestia.Backup;
using Hestia.Backup.Retention;
using Hestia.Core;

namespace Hestia.Unit.Backup.Retention;

public sealed class RetentionPlannerTests
{
    private static readonly DateTimeOffset s_now = new(2026, 4, 15, 12, 0, 0, TimeSpan.Zero);

    private static BackupInfo Backup(string started, params string[] tags)
    {
        var time = DateTimeOffset.Parse(started, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        return new BackupInfo
        {
            BackupId = started, IndexName = "orders", IndexId = Guid.Empty, SourcePath = "/data/orders", SourceHost = "db1", Repository = "/r",
            Lsn = new Lsn(1), Started = time, Completed = time.AddMinutes(1), Segments = 1, Bytes = 1, BytesSent = 1, Entries = 1,
            Settings = new IndexSettings { Name = "orders" }, Tags = tags,
        };
    }

    private static string[] Kept(RetentionPolicy policy, params BackupInfo[] backups) =>
        [.. RetentionPlanner.Plan(backups, policy, s_now).Where(d => !d.Remove).Select(d => d.BackupId)];

    [Fact]
    public void Each_rule_keeps_the_newest_of_its_periods_and_rules_add_up()
    {
        BackupInfo[] all =
        [
            Backup("2024-12-31T23:00"), Backup("2025-06-01T03:00"), Backup("2026-03-31T03:00"), Backup("2026-04-05T03:00"), // a Sunday
            Backup("2026-04-06T03:00"), Backup("2026-04-14T03:00"), Backup("2026-04-15T03:00"), Backup("2026-04-15T03:30"), Backup("2026-04-15T09:00"),
        ];
        Assert.Equal(["2026-04-15T09:00", "2026-04-15T03:30"], Kept(new RetentionPolicy { KeepLast = 2 }, all));
        Assert.Equal(["2026-04-15T09:00", "2026-04-15T03:30", "2026-04-14T03:00"], Kept(new RetentionPolicy { KeepHourly = 3 }, all));
        Assert.Equal(["2026-04-15T09:00", "2026-04-14T03:00", "2026-04-06T03:00"], Kept(new RetentionPolicy { KeepDaily = 3 }, all));
        Assert.Equal(["2026-04-15T09:00", "2026-04-06T03:00", "2026-04-05T03:00"], Kept(new RetentionPolicy { KeepWeekly = 3 }, all));
        Assert.Equal(["2026-04-15T09:00", "2026-03-31T03:00", "2025-06-01T03:00"], Kept(new RetentionPolicy { KeepMonthly = 3 }, all));
        Assert.Equal(["2026-04-15T09:00", "2025-06-01T03:00", "2024-12-31T23:00"], Kept(new RetentionPolicy { KeepYearly = 5 }, all));
        Assert.Equal(["2026-04-15T09:00", "2025-06-01T03:00"], Kept(new RetentionPolicy { KeepLast = 1, KeepYearly = 2 }, all));
        var decisions = RetentionPlanner.Plan(all, new RetentionPolicy { KeepLast = 1, KeepDaily = 1, KeepYearly = 2 }, s_now);
        Assert.Equal(["last 1", "daily 2026-04-15", "yearly 2026"], decisions[0].Reasons);
        Assert.Equal([RetentionPlanner.NoRule], decisions[1].Reasons);
        Assert.Equal(all.Length, decisions.Count);
    }

    [Fact]
    public void The_latest_is_told_by_the_clock_of_the_store_where_that_of_the_source_was_ahead()
    {
        var stored = s_now.AddHours(-2);
        var ahead = Backup("2026-07-15T10:00") with { StoredAt = stored };
        var after = Backup("2026-04-15T11:00") with { StoredAt = s_now.AddHours(-1) };
        Assert.Equal(stored, ahead.MadeAt);
        Assert.Same(after, BackupInfo.Latest([ahead, after]));
        var copied = Backup("2026-01-01T00:00") with { StoredAt = s_now }; // copied today, made long ago
        Assert.Same(after, BackupInfo.Latest([copied, after, ahead]));
        // Two within a second of the store, whose times are whole seconds.
        var first = Backup("2026-04-15T11:30") with { StoredAt = s_now.AddMinutes(-30), Completed = s_now.AddMinutes(-30).AddMilliseconds(200) };
        var second = first with { BackupId = "second", Completed = first.Completed.AddMilliseconds(300) };
        Assert.Same(second, BackupInfo.Latest([first, second]));
        Assert.Same(second, BackupInfo.Latest([second, first]));
        Assert.Null(BackupInfo.Latest([]));
    }

    [Fact]
    public void Within_counts_from_the_newest_backup_so_that_a_pause_costs_none()
    {
        BackupInfo[] all = [Backup("2025-01-01T00:00"), Backup("2025-01-30T00:00"), Backup("2025-01-31T00:00")];
        Assert.Equal(["2025-01-31T00:00", "2025-01-30T00:00"], Kept(new RetentionPolicy { KeepWithin = TimeSpan.FromDays(7) }, all));
    }

    [Fact]
    public void Tags_keep_whatever_their_case()
    {
        BackupInfo[] all = [Backup("2026-01-01T00:00", "Before-Upgrade"), Backup("2026-01-02T00:00", "nightly"), Backup("2026-01-03T00:00")];
        Assert.Equal(["2026-01-01T00:00"], Kept(new RetentionPolicy { KeepTags = ["before-upgrade"] }, all));
    }

    [Fact]
    public void Backups_from_the_future_stay_are_named_and_take_no_place_from_others()
    {
        BackupInfo[] all = [Backup("2026-04-14T00:00"), Backup("2026-04-15T00:00"), Backup("2031-01-01T00:00")];
        Assert.Equal(["2031-01-01T00:00", "2026-04-15T00:00"], Kept(new RetentionPolicy { KeepLast = 1 }, all));
        var future = RetentionPlanner.Plan(all, new RetentionPolicy { KeepLast = 1 }, s_now)[0];
        Assert.Contains("future", future.Reasons[0], StringComparison.Ordinal);
        Assert.Contains("db1", future.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_kept_never_shrinks_when_a_rule_is_added_or_raised()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var all = Enumerable.Range(0, random.Next(1, 60)).Select(i =>
                Backup(s_now.AddMinutes(-random.Next(1, 60 * 24 * 800)).ToString("yyyy-MM-ddTHH:mm", CultureInfo.InvariantCulture))).DistinctBy(b => b.BackupId).ToArray();
            var policy = new RetentionPolicy { KeepDaily = random.Next(1, 9), KeepMonthly = random.Next(1, 9) };
            var kept = Kept(policy, all);
            Assert.Contains(all.MaxBy(b => b.Started)!.BackupId, kept);
            Assert.Subset(Kept(policy with { KeepDaily = policy.KeepDaily + 1 }, all).ToHashSet(), kept.ToHashSet());
            Assert.Subset(Kept(policy with { KeepWeekly = 3, KeepLast = 2 }, all).ToHashSet(), kept.ToHashSet());
            Assert.True(kept.Length <= policy.KeepDaily + policy.KeepMonthly);
        }
    }
}
