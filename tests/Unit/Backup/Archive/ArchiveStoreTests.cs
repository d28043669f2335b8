using Hestia.Backup;
using Hestia.Backup.Archive;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Unit.Backup.S3;

namespace Hestia.Unit.Backup.Archive;

/// <summary>The archive of the log on S3 and in encrypted repositories.</summary>
public sealed class ArchiveStoreTests : IDisposable
{
    private static readonly IndexOptions s_options = IndexFixture.Small with { Durability = Durability.GroupSync, RetiredAge = TimeSpan.Zero };

    private readonly IndexFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Ship_list_restore_and_damage(bool s3, bool encrypted)
    {
        var gateway = s3 ? RadosGateway.Require() : null;
        var location = gateway?.NewLocation() ?? _fixture.Folder["store"];
        using var key = encrypted ? RepositoryKey.FromPassphrase("open sesame", rounds: 1000) : null;
        BackupRepository.Create(location, gateway?.Options(), key, null).Dispose();
        using var repository = BackupRepository.Open(location, gateway?.Options(), key);
        using RepositoryStore raw = gateway is null ? new DirectoryStore(FileSystem.Physical, location) : gateway.Store(location);

        using var index = HestiaIndex.Create(_fixture.IndexPath, new IndexSettings { Name = "orders" }, s_options);
        var backup = repository.Backup(index);
        var pieces = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            for (var n = i * 10; n < (i * 10) + 10; n++) index.Put(IndexFixture.Bytes(IndexFixture.Key(n)), IndexFixture.Bytes(IndexFixture.Value(n)));
            var shipped = repository.Archive(index);
            Assert.Equal((1, new Lsn((ulong)((i * 10) + 10))), (shipped.Pieces, shipped.ArchivedLsn));
            pieces.AddRange(raw.List(ArchiveNames.Root, default).Select(p => p.Name).Where(p => !pieces.Contains(p)).ToList());
        }

        Assert.Equal(3, pieces.Count);
        if (encrypted) Assert.All(pieces, name => Assert.DoesNotContain(index.Id.ToString(), name, StringComparison.Ordinal));
        Assert.Equal(new Lsn(30), Assert.Single(repository.List()).RecoverableToLsn);
        Assert.Equal(3, repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).ArchivePiecesRead);
        Restores(17);
        Restores(30);

        Flip(pieces[1]);
        var check = repository.Check(new RepositoryCheckOptions { Deep = true });
        var finding = Assert.Single(check.Findings, f => f.Severity == FindingSeverity.Error);
        Assert.Equal((nameof(HestiaErrorCode.ArchiveDamaged), new Lsn(11), new Lsn(20)), (finding.Code, finding.FirstLsn, finding.LastLsn));
        Assert.False(check.Healthy || check.Indexes[0].Healthy || repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        var refused = Assert.Throws<HestiaException>(
            () => repository.RestoreIndex("orders", _fixture.Folder["refused"], new RestoreOptions { ToLsn = new Lsn(17) }));
        Assert.Equal(HestiaErrorCode.ArchiveDamaged, refused.Code);
        Restores(10);

        // Noted, and the log still has it: the next shipment sends it again.
        index.Put("more"u8, "1"u8);
        Assert.Equal(PieceRepair.RepairedCode, Assert.Single(repository.Archive(index).Findings).Code);
        Assert.True(repository.Check(new RepositoryCheckOptions { Deep = true }).Healthy);
        Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Assert.Empty(raw.List("locks/", default));
        Restores(25);

        void Restores(int lsn)
        {
            var target = _fixture.Folder[Guid.NewGuid().ToString("n")];
            repository.RestoreIndex("orders", target, new RestoreOptions { ToLsn = new Lsn((ulong)lsn) });
            Assert.Equal(Enumerable.Range(0, lsn).Select(IndexFixture.Key), IndexFixture.Read(target).Keys);
        }

        void Flip(string name)
        {
            var bytes = raw.ReadAll(name, ArchivePiece.MaxBytes, default)!;
            bytes[bytes.Length - 40] ^= 1;
            using var content = new BytesContent(bytes);
            raw.Put(name, content, default);
        }
    }
}
