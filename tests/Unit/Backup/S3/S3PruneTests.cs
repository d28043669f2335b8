using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Backup.S3;

/// <summary>Retention, prunes and checks on a real server.</summary>
public sealed class S3PruneTests : IDisposable
{
    private readonly RadosGateway _gateway = RadosGateway.Require();
    private readonly IndexFixture _fixture = new();
    private readonly string _location;

    public S3PruneTests()
    {
        _location = _gateway.NewLocation();
        BackupRepository.Create(_location, _gateway.Options()).Dispose();
    }

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void What_no_backup_names_goes_and_the_rest_verifies()
    {
        using var repository = Open();
        using var index = _fixture.Create(3000);
        var first = repository.Backup(index);
        IndexFixture.Fill(index, 0, 3000);
        index.Compact();
        var second = repository.Backup(index);
        Assert.True(repository.Check(new RepositoryCheckOptions { MaxBackupAge = TimeSpan.FromHours(1), ExpectedIndexes = ["orders"] }).Healthy);
        foreach (var decision in repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 }))
            if (decision.Remove) repository.Remove(decision.BackupId);
        Assert.Equal([second.BackupId], repository.List().Select(b => b.BackupId));
        var plan = repository.PlanPrune();
        var result = repository.Prune();
        Assert.Equal((plan.ObjectsToRemove, plan.BytesToRemove), (result.ObjectsRemoved, result.BytesRemoved));
        var check = repository.Check();
        Assert.Empty(check.Findings);
        Assert.Equal(second.Bytes, check.Bytes);
        Assert.True(repository.Verify(second.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Assert.NotEqual(first.BackupId, second.BackupId);
    }

    [Fact]
    public void Backups_of_two_hosts_race_removals_and_prunes_of_a_third()
    {
        const int Rounds = 6;
        using var one = _fixture.Create(1500);
        using var two = HestiaIndex.Create(
            _fixture.Folder["other"], new IndexSettings { KeyEncoding = DataEncoding.Utf8, ValueEncoding = DataEncoding.Utf8 },
            IndexFixture.Small);
        IndexFixture.Fill(two, 0, 1500);
        using var done = new CancellationTokenSource();
        var failures = new List<Exception>();
        var removed = 0L;
        var threads = new List<Thread>();
        foreach (var index in (HestiaIndex[])[one, two])
        {
            threads.Add(Start(() =>
            {
                using var repository = Open();
                for (var i = 0; i < Rounds; i++)
                {
                    IndexFixture.Fill(index, i * 200, (i * 200) + 300);
                    if (i % 2 == 1) index.Compact();
                    repository.Backup(index);
                }
            }));
        }

        var pruner = Start(() =>
        {
            using var repository = Open();
            while (!done.IsCancellationRequested)
            {
                foreach (var decision in repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 }))
                    if (decision.Remove) repository.Remove(decision.BackupId);
                removed += repository.Prune().ObjectsRemoved;
            }
        });
        threads.ForEach(t => t.Join());
        done.Cancel();
        pruner.Join();
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        using var all = Open();
        Assert.InRange(all.List().Count, 2, 2 * Rounds);
        foreach (var backup in all.List())
        {
            var verification = all.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.True(verification.Healthy, string.Join('\n', verification.Findings));
        }

        removed += all.Prune().ObjectsRemoved;
        Assert.True(removed > 0);
        Assert.Empty(all.Check().Findings);

        Thread Start(Action work)
        {
            var thread = new Thread(() =>
            {
                try
                {
                    work();
                }
                catch (Exception e)
                {
                    lock (failures) failures.Add(e);
                }
            });
            thread.Start();
            return thread;
        }
    }

    private BackupRepository Open() => BackupRepository.Open(_location, _gateway.Options());
}
