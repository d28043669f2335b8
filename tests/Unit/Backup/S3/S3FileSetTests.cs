using Hestia.Backup;
using Hestia.Backup.FileSets;
using Hestia.HestiaStore.FileSets;
using Hestia.Unit.HestiaStore;

namespace Hestia.Unit.Backup.S3;

/// <summary>HestiaStore directories in a repository on a real server.</summary>
public sealed class S3FileSetTests : IDisposable
{
    private readonly RadosGateway _gateway = RadosGateway.Require();
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Backup_increment_verify_and_restore_the_identical_bytes()
    {
        var kind = new StoreFileSet();
        FileSetKinds.Register(kind);
        using var store = new StoreFixture(StoreFixture.Split);
        var location = _gateway.NewLocation();
        using var repository = BackupRepository.Create(location, _gateway.Options());
        var first = repository.BackupFileSet(store.Path, kind);
        var before = TemporaryFolder.Snapshot(store.Path);
        // Equal files are one object, and files without a byte are none.
        var objects = before.Values.Distinct().Count();
        Assert.Equal((objects, 0), (first.SegmentsSent, first.SegmentsReused));

        File.AppendAllText(store["manifest.txt"], "# touched\n");
        var second = repository.BackupFileSet(store.Path, kind);
        Assert.Equal((1, new FileInfo(store["manifest.txt"]).Length), (second.SegmentsSent, second.BytesSent));
        var after = TemporaryFolder.Snapshot(store.Path);
        Assert.Equal(0L, repository.BackupFileSet(store.Path, kind).BytesSent);

        // As another machine would, which knows the bucket alone.
        using var again = BackupRepository.Open(location, _gateway.Options());
        Assert.Equal(3, again.List().Count);
        foreach (var backup in again.List())
        {
            Assert.Equal("HestiaStore", backup.Kind);
            var check = again.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.True(check.Healthy, string.Join('\n', check.Findings));
        }

        var result = again.Restore(first.BackupId, _folder["first"]);
        Assert.Equal(("HestiaStore", 10_000L, true), (result.Kind, result.Entries, result.Healthy));
        Assert.Equal(before, TemporaryFolder.Snapshot(_folder["first"]));
        again.Restore(second.BackupId, _folder["second"]);
        Assert.Equal(after, TemporaryFolder.Snapshot(_folder["second"]));
    }
}
