using Hestia.Backup;
using Hestia.Backup.S3;
using Hestia.Core;

namespace Hestia.Unit.Backup.S3;

/// <summary>Backups, restores and verifications on a real server.</summary>
public sealed class S3JobTests : IDisposable
{
    private readonly RadosGateway _gateway = RadosGateway.Require();
    private readonly IndexFixture _fixture = new();
    private readonly string _location;

    public S3JobTests()
    {
        _location = _gateway.NewLocation();
        BackupRepository.Create(_location, _gateway.Options()).Dispose();
    }

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Backup_increment_verify_restore_and_delta_restore()
    {
        using var repository = Open();
        using var index = _fixture.Create(5000, compaction: false);
        var first = repository.Backup(index);
        Assert.Equal(first.Bytes, first.BytesSent);
        IndexFixture.Fill(index, 5000, 5100);
        var second = repository.Backup(index);
        Assert.InRange(second.SegmentsReused, 1, int.MaxValue);
        var nothing = repository.Backup(index);
        Assert.Equal((0L, 0), (nothing.BytesSent, nothing.SegmentsSent));
        Assert.Equal([first.BackupId, second.BackupId, nothing.BackupId], repository.List().Select(b => b.BackupId));
        foreach (var backup in repository.List())
        {
            var check = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.True(check.Healthy, string.Join('\n', check.Findings));
        }

        var expected = IndexFixture.Read(index);
        var target = _fixture.Folder["restored"];
        var whole = repository.Restore(second.BackupId, target);
        Assert.Equal((second.Bytes, 5100L), (whole.BytesFetched, whole.Entries));
        Assert.Equal(expected, IndexFixture.Read(target));
        var delta = repository.Restore(first.BackupId, target, new RestoreOptions { Force = true });
        Assert.InRange(delta.SegmentsReused, 1, int.MaxValue);
        Assert.Equal(5000, IndexFixture.Read(target).Count);
        using var store = Store();
        Assert.Empty(store.List("locks/", default));
    }

    [Fact]
    public void A_backup_that_is_cancelled_sends_nothing_twice_the_next_time()
    {
        using var index = _fixture.Create(20_000, compaction: false);
        index.Flush();
        using var stop = new CancellationTokenSource();
        using var proxy = new FaultProxy(_gateway, r =>
        {
            if (r.Number == 12) stop.Cancel();
            return ProxyAction.Forward;
        });
        using (var slow = BackupRepository.Open(_location, _gateway.Options(proxy.Endpoint)))
            Assert.ThrowsAny<OperationCanceledException>(() => slow.Backup(index, new BackupOptions { Parallelism = 2 }, null, stop.Token));
        using var repository = Open();
        Assert.Empty(repository.List());
        using var store = Store();
        var there = store.List("objects/", default).Count();
        Assert.InRange(there, 1, 11);
        var result = repository.Backup(index);
        Assert.Equal(there, result.SegmentsReused);
        Assert.True(repository.Verify(result.BackupId, new VerifyOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void Two_hosts_that_back_up_at_once_are_both_right()
    {
        using var one = _fixture.Create(3000, compaction: false);
        using var two = HestiaIndex.Create(
            _fixture.Folder["other"], new IndexSettings { KeyEncoding = DataEncoding.Utf8, ValueEncoding = DataEncoding.Utf8 },
            IndexFixture.Small);
        IndexFixture.Fill(two, 0, 3000); // much the same segments
        var threads = new List<Thread>();
        var failures = new List<Exception>();
        foreach (var index in (HestiaIndex[])[one, two])
        {
            var thread = new Thread(() =>
            {
                try
                {
                    using var repository = Open();
                    for (var i = 0; i < 3; i++) repository.Backup(index);
                }
                catch (Exception e)
                {
                    lock (failures) failures.Add(e);
                }
            });
            thread.Start();
            threads.Add(thread);
        }

        threads.ForEach(t => t.Join());
        Assert.Empty(failures);
        using var all = Open();
        var backups = all.List();
        Assert.Equal(6, backups.Count);
        foreach (var backup in backups) Assert.True(all.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void A_list_fetches_the_heads_of_manifests_only()
    {
        using (var repository = Open())
        using (var index = _fixture.Create(30_000, compaction: false))
            repository.Backup(index);
        using var proxy = new FaultProxy(_gateway, r =>
            r.Method == "GET" && r.Target.EndsWith(".json", StringComparison.Ordinal)
                ? ProxyAction.Forward with { AnswerBytes = 5000 } : ProxyAction.Forward);
        using var through = BackupRepository.Open(_location, _gateway.Options(proxy.Endpoint, retry: TimeSpan.Zero));
        Assert.Single(through.List());
    }

    [Fact]
    public void An_upload_that_died_long_ago_is_not_there_after_a_backup_of_today()
    {
        // The age is the server's, so a young one stays: what is removed is tested with the store.
        using var client = _gateway.Client();
        var place = S3Place.Parse(_location);
        RadosGateway.BeginUpload(client, place.Bucket, place.Key("objects/ab/ab" + new string('0', 62)));
        using var repository = Open();
        using var index = _fixture.Create(100);
        using var proxy = new FaultProxy(_gateway, _ => ProxyAction.Forward);
        using var seen = BackupRepository.Open(_location, _gateway.Options(proxy.Endpoint));
        seen.Backup(index);
        Assert.Contains(proxy.Seen, r => r.Method == "GET" && r.Target.Contains("uploads", StringComparison.Ordinal));
        using var store = Store();
        Thread.Sleep(2100);
        Assert.Equal(1, store.RemoveUnfinished(TimeSpan.FromSeconds(1), default));
    }

    [Fact]
    public void A_host_with_the_least_permissions_backs_up_and_restores_and_can_remove_nothing_but_markers()
    {
        var place = S3Place.Parse(_location);
        using (var owner = _gateway.Client()) RadosGateway.SetPolicy(owner, place.Bucket, Policy(place));
        var options = _gateway.Options(user: RadosGateway.SmallUser);
        using var repository = BackupRepository.Open(_location, options);
        using var index = _fixture.Create(2000);
        var backup = repository.Backup(index);
        IndexFixture.Fill(index, 2000, 2100);
        repository.Backup(index);
        Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        repository.Restore(backup.BackupId, _fixture.Folder["restored"]);
        using var store = _gateway.Store(_location, options);
        store.PartBytes = 5 << 20;
        using var large = new BytesContent(new byte[6 << 20]);
        store.Put("objects/ab/large", large, default);
        store.ProbeWrite(default);
        Assert.Empty(store.List("locks/", default));
        string[] others = [store.List("objects/", default).First().Name, store.List("backups/", default).First().Name, "repository.json"];
        foreach (var name in others)
            Assert.Equal(HestiaErrorCode.AccessDenied, Assert.Throws<HestiaException>(() => store.Delete(name, default)).Code);

    }

    [Fact]
    public void A_pruning_host_removes_backups_and_what_they_leave_and_makes_no_bucket_and_no_policy()
    {
        var place = S3Place.Parse(_location);
        using var index = _fixture.Create(2000);
        using (var writer = Open())
        {
            writer.Backup(index);
            IndexFixture.Fill(index, 0, 2000);
            index.Compact();
            writer.Backup(index);
        }

        using (var owner = _gateway.Client())
        {
            RadosGateway.BeginUpload(owner, place.Bucket, place.Key($"objects/ab/ab{new string('0', 62)}"));
            RadosGateway.SetPolicy(owner, place.Bucket, PruningPolicy(place));
        }

        var options = _gateway.Options(user: RadosGateway.SmallUser);
        using var repository = BackupRepository.Open(_location, options);
        foreach (var decision in repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 }))
            if (decision.Remove) repository.Remove(decision.BackupId);
        Assert.True(repository.Prune().ObjectsRemoved > 0);
        var check = repository.Check();
        Assert.True(check.Healthy && check.Orphans == 0, string.Join('\n', check.Findings));
        Assert.True(repository.Verify(Assert.Single(repository.List()).BackupId, new VerifyOptions { Deep = true }).Healthy);
        using var store = _gateway.Store(_location, options);
        Thread.Sleep(2100); // ages are whole seconds
        Assert.Equal(1, store.RemoveUnfinished(TimeSpan.FromSeconds(1), default));
        Assert.Empty(store.List("locks/", default));
        using var small = _gateway.Client(RadosGateway.SmallUser);
        Assert.ThrowsAny<Amazon.S3.AmazonS3Exception>(() => RadosGateway.SetPolicy(small, place.Bucket, PruningPolicy(place)));
        Assert.ThrowsAny<Amazon.S3.AmazonS3Exception>(() => RadosGateway.PutRaw(small, place.Bucket, "elsewhere/x"));
    }

    // docs/repository.md has the same.
    private static string Policy(S3Place place) => $$"""
        {"Version":"2012-10-17","Statement":[
         {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/small"]},
          "Action":["s3:ListBucket","s3:ListBucketMultipartUploads"],"Resource":["arn:aws:s3:::{{place.Bucket}}"]},
         {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/small"]},
          "Action":["s3:GetObject","s3:PutObject","s3:AbortMultipartUpload"],
          "Resource":["arn:aws:s3:::{{place.Bucket}}/{{place.Prefix}}*"]},
         {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/small"]},
          "Action":["s3:DeleteObject"],"Resource":["arn:aws:s3:::{{place.Bucket}}/{{place.Prefix}}locks/*"]}]}
        """;

    private static string PruningPolicy(S3Place place) => $$"""
        {"Version":"2012-10-17","Statement":[
         {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/small"]},
          "Action":["s3:ListBucket","s3:ListBucketMultipartUploads"],"Resource":["arn:aws:s3:::{{place.Bucket}}"]},
         {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/small"]},
          "Action":["s3:GetObject","s3:DeleteObject","s3:AbortMultipartUpload"],
          "Resource":["arn:aws:s3:::{{place.Bucket}}/{{place.Prefix}}*"]},
         {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/small"]},
          "Action":["s3:PutObject"],"Resource":["arn:aws:s3:::{{place.Bucket}}/{{place.Prefix}}locks/*"]}]}
        """;

    private BackupRepository Open() => BackupRepository.Open(_location, _gateway.Options());

    private S3Store Store() => _gateway.Store(_location);
}
