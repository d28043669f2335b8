using System.Security.Cryptography;
using Hestia.Backup;
using Hestia.Backup.Encryption;
using Hestia.Backup.S3;
using Hestia.Core;
using Hestia.Core.Segments;
using Hestia.Unit.Backup.Encryption;

namespace Hestia.Unit.Backup.S3;

/// <summary>Encrypted repositories on a real server, and copies between it and folders.</summary>
public sealed class S3CopyTests : IDisposable
{
    private readonly RadosGateway _gateway = RadosGateway.Require();
    private readonly IndexFixture _fixture = new();
    private readonly RepositoryKey _key = EncryptedRepositoryTests.Key("on the server");

    public void Dispose()
    {
        _key.Dispose();
        _fixture.Dispose();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void From_a_folder_to_a_bucket_and_back(bool folderEncrypted, bool bucketEncrypted)
    {
        using var folder = BackupRepository.Create(_fixture.Folder["from"], null, folderEncrypted ? _key : null, null);
        var location = _gateway.NewLocation();
        using var bucket = BackupRepository.Create(location, _gateway.Options(), bucketEncrypted ? _key : null, null);
        using var index = _fixture.Create(3000);
        var first = folder.Backup(index);
        IndexFixture.Fill(index, 3000, 3100);
        var second = folder.Backup(index);
        Assert.Equal(first.Bytes, folder.Copy(first.BackupId, bucket).BytesSent);
        Assert.InRange(folder.Copy(second.BackupId, bucket, new CopyOptions { Verify = true }).SegmentsReused, 1, int.MaxValue);
        Assert.Equal(0, folder.Copy(second.BackupId, bucket).SegmentsSent);
        foreach (var backup in bucket.List()) Assert.True(bucket.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);

        using var third = BackupRepository.Create(_fixture.Folder["back"], null, bucketEncrypted ? null : _key, null);
        bucket.Copy(second.BackupId, third);
        var target = _fixture.Folder["restored"];
        third.Restore(second.BackupId, target);
        Assert.Equal(IndexFixture.Read(index), IndexFixture.Read(target));
        using var store = _gateway.Store(location);
        Assert.Empty(store.List("locks/", default));
        if (bucketEncrypted)
            Assert.DoesNotContain(store.List("", default), i => i.Name.Contains("bk-", StringComparison.Ordinal));
    }

    [Fact]
    public void A_copy_that_is_cut_off_is_gone_on_with()
    {
        using var folder = BackupRepository.Create(_fixture.Folder["from"], null, _key, null);
        var location = _gateway.NewLocation();
        BackupRepository.Create(location, _gateway.Options(), _key, null).Dispose();
        using var index = _fixture.Create(20_000, compaction: false);
        var backup = folder.Backup(index);
        var puts = 0;
        using var stop = new CancellationTokenSource();
        using var proxy = new FaultProxy(_gateway, r =>
        {
            if (r.Method == "PUT" && r.Target.Contains("objects", StringComparison.Ordinal) && Interlocked.Increment(ref puts) == 5) stop.Cancel();
            return ProxyAction.Forward;
        });
        using (var slow = BackupRepository.Open(location, _gateway.Options(proxy.Endpoint), _key))
            Assert.ThrowsAny<OperationCanceledException>(() => folder.Copy(backup.BackupId, slow, null, null, stop.Token));
        using var bucket = BackupRepository.Open(location, _gateway.Options(), _key);
        Assert.Empty(bucket.List());
        Assert.InRange(folder.Copy(backup.BackupId, bucket).SegmentsReused, 1, int.MaxValue);
        Assert.True(bucket.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void An_encrypted_upload_in_parts_comes_back_and_one_that_fails_is_given_up()
    {
        var location = _gateway.NewLocation();
        BackupRepository.Create(location, _gateway.Options()).Dispose();
        using var cipher = new RepositoryCipher(RandomNumberGenerator.GetBytes(32));
        using var inner = _gateway.Store(location);
        inner.PartBytes = 5 << 20;
        using var store = new EncryptedStore(inner, cipher);
        var bytes = RandomNumberGenerator.GetBytes(12 << 20);
        var name = cipher.ObjectName(new SegmentId(SHA256.HashData(bytes)));
        using (var unsound = new BytesContent(bytes, sound: false)) Assert.Throws<HestiaException>(() => store.Put(name, unsound, default));
        Assert.Equal(0, inner.RemoveUnfinished(TimeSpan.Zero, default)); // nothing is left to be continued
        using var content = new BytesContent(bytes);
        store.Put(name, content, default);
        using var reader = store.OpenRead(name, 7 << 20, 1 << 20, default)!;
        var part = new byte[2 << 20];
        Assert.Equal(1 << 20, reader.ReadFull(part));
        Assert.Equal(bytes[(7 << 20)..(8 << 20)], part[..(1 << 20)]);
    }
}
