using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Backup.Retention;

public sealed class RemoveJobTests : IDisposable
{
    private const string Old = "bk-2026-04-13T03-00-00Z-aaaaaa";
    private const string Middle = "bk-2026-04-14T03-00-00Z-bbbbbb";
    private const string New = "bk-2026-04-15T03-00-00Z-cccccc";

    private readonly RepositoryFixture _fixture = new();
    private readonly Guid _index = Guid.NewGuid();

    private BackupRepository Repository => _fixture.Repository;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_policy_without_rules_is_refused_and_so_is_one_that_keeps_none()
    {
        RetentionPolicy[] unfit = [new(), new() { KeepLast = 0 }, new() { KeepDaily = -1 }, new() { KeepWithin = TimeSpan.Zero }];
        foreach (var policy in unfit)
            Assert.Equal(HestiaErrorCode.InvalidOption, Assert.Throws<HestiaException>(() => Repository.PlanRemoval(policy)).Code);
    }

    [Fact]
    public void The_last_backup_that_can_be_restored_stays_even_if_newer_ones_are_kept()
    {
        _fixture.Put(Old, _index, [100]);
        _fixture.Put(Middle, _index, [200]);
        var broken = _fixture.Put(New, _index, [300]);
        File.Delete(broken[0]);
        // All three began at once as far as their heads say, so the highest id is the newest.
        var decisions = Repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 });
        Assert.Equal([(New, false), (Middle, false), (Old, true)], decisions.Select(d => (d.BackupId, d.Remove)));
        Assert.Contains("last restorable", decisions[1].Reasons[0], StringComparison.Ordinal);
        Assert.Equal([true, true], Repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 }, null, allowRemoveAll: true).Skip(1).Select(d => d.Remove));
    }

    [Fact]
    public void Named_backups_go_but_the_last_of_their_index()
    {
        _fixture.Put(Old, _index, [100]);
        _fixture.Put(Middle, _index, [200]);
        _fixture.Put(New, Guid.NewGuid(), [300]);
        Assert.Equal([(Old, true)], Repository.PlanRemoval([Old]).Select(d => (d.BackupId, d.Remove)));
        Assert.Equal([(Middle, false), (Old, true)], Repository.PlanRemoval([Old, Middle]).Select(d => (d.BackupId, d.Remove)));
        Assert.Equal([(New, false)], Repository.PlanRemoval([New]).Select(d => (d.BackupId, d.Remove)));
        Assert.Equal([(New, true)], Repository.PlanRemoval([New], allowRemoveAll: true).Select(d => (d.BackupId, d.Remove)));
        Assert.Empty(Repository.PlanRemoval(["bk-2026-04-15T03-00-00Z-ffffff"]));
        Repository.Remove(Old);
        Assert.Equal([Middle, New], Repository.List().Select(b => b.BackupId).Order());
    }

    [Fact]
    public void A_damaged_backup_can_be_removed_and_counts_as_none()
    {
        _fixture.Put(Old, _index, [100]);
        _fixture.Put(New, _index, [300]);
        File.WriteAllText(_fixture.ManifestPath(New), "{}");
        Assert.Equal([(New, true), (Old, false)], Repository.PlanRemoval([Old, New]).OrderByDescending(d => d.BackupId).Select(d => (d.BackupId, d.Remove)));
        Repository.Remove(New);
        Assert.Empty(Repository.ListAll().Findings);
    }

    [Fact]
    public void Indexes_are_told_apart_by_id_and_chosen_by_name()
    {
        _fixture.Put(Old, _index, [100]);
        _fixture.Put(New, Guid.NewGuid(), [300]);
        Assert.All(Repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 }), d => Assert.False(d.Remove));
        Assert.Empty(Repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 }, b => b.IndexName == "other"));
    }
}
