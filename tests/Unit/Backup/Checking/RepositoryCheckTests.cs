using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Backup.Checking;

public sealed class RepositoryCheckTests : IDisposable
{
    private const string First = "bk-2026-04-14T03-00-00Z-bbbbbb";
    private const string Second = "bk-2026-04-15T03-00-00Z-cccccc";

    private readonly RepositoryFixture _fixture = new();
    private readonly Guid _index = Guid.NewGuid();

    private BackupRepository Repository => _fixture.Repository;

    public void Dispose() => _fixture.Dispose();

    private static string[] Codes(RepositoryCheck check) => [.. check.Findings.Select(f => f.Code).Order(StringComparer.Ordinal)];

    [Fact]
    public void A_repository_in_order_is_healthy_and_unchanged()
    {
        _fixture.Put(First, _index, [100]);
        _fixture.Put(Second, _index, [200, 300]);
        var before = TemporaryFolder.Snapshot(_fixture.Path);
        var check = Repository.Check(new RepositoryCheckOptions { ExpectedIndexes = ["ORDERS", _index.ToString()] });
        Assert.True(check.Healthy);
        Assert.Empty(check.Findings);
        Assert.Equal((2, 3L, 600L, 0L), (check.Backups, check.Objects, check.Bytes, check.Orphans));
        var index = Assert.Single(check.Indexes);
        Assert.Equal((2, true, _index), (index.Backups, index.Healthy, index.IndexId));
        Assert.Equal(before, TemporaryFolder.Snapshot(_fixture.Path));
    }

    [Fact]
    public void An_index_that_dropped_out_is_named_by_age_and_by_expectation()
    {
        _fixture.Put(First, _index, [100]); // its head says April 2026
        var check = Repository.Check(new RepositoryCheckOptions { MaxBackupAge = TimeSpan.FromMilliseconds(1), ExpectedIndexes = ["customers"] });
        Assert.False(check.Healthy);
        Assert.Equal(["BackupTooOld", "IndexMissing"], Codes(check));
        Assert.Equal([("orders", false), ("customers", false)], check.Indexes.Select(i => (i.IndexName, i.Healthy)));
        Assert.Contains("customers", check.Findings.Single(f => f.Code == "IndexMissing").Message, StringComparison.Ordinal);
        Assert.True(Repository.Check(new RepositoryCheckOptions { MaxBackupAge = TimeSpan.FromDays(36500) }).Healthy);
    }

    [Fact]
    public void A_backup_is_as_old_as_its_file_if_that_is_older()
    {
        _fixture.Put(First, _index, [100]);
        var stored = DateTime.UtcNow.AddDays(-400);
        File.SetLastWriteTimeUtc(_fixture.ManifestPath(First), stored);
        var age = Assert.Single(Repository.Check().Indexes).Age!.Value;
        Assert.True(age > TimeSpan.FromDays(399), $"{age}");
    }

    [Fact]
    public void Missing_and_short_objects_are_named_with_the_backups_that_need_them()
    {
        var paths = _fixture.Put(First, _index, [100, 200]);
        File.Delete(paths[0]);
        File.WriteAllBytes(paths[1], new byte[7]);
        var check = Repository.Check();
        Assert.False(check.Healthy);
        Assert.Equal(["BackupDamaged", "ObjectDamaged", "ObjectMissing"], Codes(check));
        Assert.Contains(First, check.Findings.Single(f => f.Code == "BackupDamaged").Message, StringComparison.Ordinal);
        Assert.False(Assert.Single(check.Indexes).Healthy);
    }

    [Fact]
    public void Orphans_damaged_manifests_and_stale_markers_are_told()
    {
        _fixture.Put(First, _index, [100]);
        _fixture.Put(Second, _index, [300]);
        Repository.Remove(First);
        var locks = Directory.CreateDirectory(Path.Combine(_fixture.Path, "locks"));
        var marker = Path.Combine(locks.FullName, "backup-" + First + ".json");
        File.WriteAllText(marker, "{}");
        File.SetLastWriteTimeUtc(marker, DateTime.UtcNow.AddDays(-2));
        var check = Repository.Check();
        Assert.True(check.Healthy);
        Assert.Equal(["Orphans", "StaleMarker"], Codes(check));
        Assert.Equal((1L, 100L), (check.Orphans, check.OrphanBytes));
        File.WriteAllText(_fixture.ManifestPath(Second), "{}");
        Assert.Contains("BackupDamaged", Codes(Repository.Check()));
    }

    [Fact]
    public void The_archive_is_asked_for_its_lag()
    {
        _fixture.Put(First, _index, [100]);
        var options = new RepositoryCheckOptions { MaxArchiveLag = TimeSpan.FromMinutes(10) };
        Assert.Equal(["ArchiveMissing"], Codes(Repository.Check(options)));
        var piece = Path.Combine(_fixture.Path, "archive", _index.ToString("d"), "piece");
        Directory.CreateDirectory(Path.GetDirectoryName(piece)!);
        File.WriteAllText(piece, "1");
        Assert.True(Repository.Check(options).Healthy);
        File.SetLastWriteTimeUtc(piece, DateTime.UtcNow.AddMinutes(-11));
        Assert.Equal(["ArchiveLag"], Codes(Repository.Check(options)));
    }

    [Fact]
    public void An_archive_of_an_index_at_rest_is_not_behind_and_a_gap_in_it_is_told()
    {
        using var fixture = new IndexFixture();
        using var repository = fixture.Open();
        using var index = HestiaIndex.Create(fixture.IndexPath, new IndexSettings());
        repository.Backup(index);
        for (var i = 0; i < 3; i++)
        {
            IndexFixture.Fill(index, i * 10, (i * 10) + 10);
            repository.Archive(index);
        }

        var pieces = Directory.GetFiles(Path.Combine(fixture.RepositoryPath, "archive"), "*.wal", SearchOption.AllDirectories).Order().ToArray();
        Assert.Equal(3, pieces.Length);
        foreach (var piece in pieces) File.SetLastWriteTimeUtc(piece, DateTime.UtcNow.AddHours(-1));
        var manifest = Directory.GetFiles(Path.Combine(fixture.RepositoryPath, "backups"), "*", SearchOption.AllDirectories).Single();
        File.SetLastWriteTimeUtc(manifest, DateTime.UtcNow.AddHours(-2));
        var options = new RepositoryCheckOptions { MaxArchiveLag = TimeSpan.FromMinutes(10) };
        Assert.Equal(["ArchiveLag"], Codes(repository.Check(options)));
        repository.Backup(index); // nothing was written since
        Assert.Empty(repository.Check(options).Findings);
        File.Delete(pieces[1]);
        Assert.Equal(["ArchiveGap"], Codes(repository.Check(options)));
    }
}
