using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Backup;

public sealed class BackupCatalogTests : IDisposable
{
    private const string First = "bk-2026-04-14T03-00-00Z-aaaa11";
    private const string Second = "bk-2026-04-15T03-00-00Z-bbbb22";
    private const string Third = "bk-2027-01-01T00-00-00Z-cccc33";
    private readonly RepositoryFixture _fixture = new();

    private BackupRepository Repository => _fixture.Repository;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Complete_backups_of_all_indexes_are_listed_and_found_by_id()
    {
        _fixture.Put(Second, 10);
        _fixture.Put(First, 10, 20);
        Assert.Equal([First, Second], Repository.List(TestContext.Current.CancellationToken).Select(b => b.BackupId));
        Assert.Equal(2, Repository.Get(First, TestContext.Current.CancellationToken).Segments);
    }

    [Fact]
    public void An_unknown_id_names_the_repository_and_the_nearest()
    {
        _fixture.Put(First, 1);
        _fixture.Put(Second, 1);
        _fixture.Put(Third, 1);
        var e = Assert.Throws<HestiaException>(
            () => Repository.Get("bk-2026-04-15T03-00-00Z-bbbb23", TestContext.Current.CancellationToken));
        Assert.Equal(HestiaErrorCode.BackupNotFound, e.Code);
        Assert.Contains(_fixture.Path, e.Message, StringComparison.Ordinal);
        Assert.Contains($"{Second}, {First}, {Third}", e.Message, StringComparison.Ordinal);
        Assert.Equal(
            HestiaErrorCode.BackupNotFound,
            Assert.Throws<HestiaException>(() => Repository.Get("../../etc", TestContext.Current.CancellationToken)).Code);
    }

    [Fact]
    public void A_damaged_manifest_is_named_beside_the_whole_ones_and_refused_by_get()
    {
        _fixture.Put(First, 10);
        _fixture.Put(Second, 10);
        _fixture.Put(Third, 10);
        var path = _fixture.ManifestPath(Second);
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..^1]); // cut: seen by its length
        var head = File.ReadAllBytes(_fixture.ManifestPath(Third));
        head[40] ^= 1; // a flip in the head: seen by its checksum
        File.WriteAllBytes(_fixture.ManifestPath(Third), head);
        var listing = Repository.ListAll(TestContext.Current.CancellationToken);
        Assert.Equal([First], listing.Backups.Select(b => b.BackupId));
        Assert.Equal(2, listing.Findings.Count);
        Assert.All(listing.Findings, f => Assert.Equal("BackupDamaged", f.Code));
        Assert.Contains(
            listing.Findings, f => f.Message.Contains(Second, StringComparison.Ordinal)
            && f.File!.EndsWith(Second + ".json", StringComparison.Ordinal));
        Assert.Equal(
            HestiaErrorCode.BackupDamaged,
            Assert.Throws<HestiaException>(() => Repository.Get(Second, TestContext.Current.CancellationToken)).Code);
    }

    [Fact]
    public void A_manifest_under_another_name_is_damaged()
    {
        _fixture.Put(First, 10);
        var path = _fixture.ManifestPath(First);
        File.Move(path, path.Replace(First, Second, StringComparison.Ordinal));
        Assert.Single(Repository.ListAll(TestContext.Current.CancellationToken).Findings);
        Assert.Equal(
            HestiaErrorCode.BackupDamaged,
            Assert.Throws<HestiaException>(() => Repository.Get(Second, TestContext.Current.CancellationToken)).Code);
    }

    [Fact]
    public void Unfinished_and_foreign_files_are_no_backups()
    {
        _fixture.Put(First, 10);
        File.WriteAllText(_fixture.ManifestPath(First) + ".0123abcd.tmp", "half");
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(_fixture.ManifestPath(First))!, "notes.json"), "{}");
        var listing = Repository.ListAll(TestContext.Current.CancellationToken);
        Assert.Single(listing.Backups);
        Assert.Empty(listing.Findings);
    }

    [Fact]
    public void Verify_finds_nothing_wrong_with_what_is_whole()
    {
        _fixture.Put(First, 10, 3_000_000, 0);
        foreach (var deep in (bool[])[false, true])
        {
            var report =
                Repository.Verify(First, new VerifyOptions { Deep = deep }, cancellationToken: TestContext.Current.CancellationToken);
            Assert.True(report.Healthy);
            Assert.Equal((3, 3_000_010L, deep), (report.ObjectsChecked, report.BytesChecked, report.Deep));
        }
    }

    [Fact]
    public void Verify_names_a_missing_a_cut_and_deep_a_flipped_object()
    {
        var paths = _fixture.Put(First, 1000, 2000, 3000, 4000);
        File.Delete(paths[0]);
        File.WriteAllBytes(paths[1], File.ReadAllBytes(paths[1])[..^1]);
        var flipped = File.ReadAllBytes(paths[2]);
        flipped[1234] ^= 16;
        File.WriteAllBytes(paths[2], flipped);
        var shallow = Repository.Verify(First, cancellationToken: TestContext.Current.CancellationToken);
        Assert.False(shallow.Healthy);
        Assert.Equal(["ObjectDamaged", "ObjectMissing"], shallow.Findings.Select(f => f.Code).Order());
        var deep = Repository.Verify(First, new VerifyOptions { Deep = true }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(3, deep.Findings.Count);
        foreach (var i in (int[])[0, 1, 2])
            Assert.Single(deep.Findings, f => f.File!.EndsWith(Path.GetFileName(paths[i]), StringComparison.Ordinal));
        Assert.All(deep.Findings, f => Assert.Equal(new Lsn(40), f.LastLsn));
    }

    [Fact]
    public void Verify_names_a_manifest_whose_body_is_damaged()
    {
        _fixture.Put(First, 10);
        var bytes = File.ReadAllBytes(_fixture.ManifestPath(First));
        bytes[^200] ^= 1;
        File.WriteAllBytes(_fixture.ManifestPath(First), bytes);
        var report = Repository.Verify(First, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal("BackupDamaged", Assert.Single(report.Findings).Code);
    }

    [Fact]
    public void Verify_can_be_cancelled()
    {
        _fixture.Put(First, 10);
        Assert.ThrowsAny<OperationCanceledException>(
            () => Repository.Verify(First, cancellationToken: new CancellationToken(canceled: true)));
    }
}
