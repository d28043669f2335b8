using System.Security.Cryptography;
using System.Text;
using Amazon.S3.Model;
using Hestia.Backup;
using Hestia.Backup.S3;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Unit.Backup.S3;

/// <summary>The store against a real server.</summary>
public sealed class S3StoreTests : IDisposable
{
    private const string Name = "objects/ab/abcd";
    private readonly RadosGateway _gateway = RadosGateway.Require();
    private readonly S3Store _store;

    public S3StoreTests() => _store = _gateway.NewStore();

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Of_sixteen_that_create_one_name_exactly_one_wins_and_its_bytes_stay()
    {
        for (var round = 0; round < 10; round++)
        {
            var name = $"backups/race/{round}.json";
            var wins = new int[16];
            Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
            {
                using var store = _gateway.Store(_store.Location); // as if each were another process
                wins[i] = store.TryCreate(name, [(byte)i, 1, 2, 3], default) ? 1 : 0;
            });
            Assert.Equal(1, wins.Sum());
            Assert.Equal([(byte)Array.IndexOf(wins, 1), 1, 2, 3], _store.ReadAll(name, 100, default));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1 << 20)]
    [InlineData(5 << 20)]
    [InlineData((5 << 20) + 1)]
    [InlineData(23 << 20)]
    public void An_object_of_any_size_comes_back_as_it_was(int size)
    {
        _store.PartBytes = 5 << 20;
        var bytes = RandomNumberGenerator.GetBytes(size);
        Put(bytes);
        Assert.Equal(bytes, _store.ReadAll(Name, bytes.Length, default));
        Assert.Equal(size, Assert.Single(_store.List("objects/", default)).Size);
        Assert.Empty(Uploads());
    }

    [Theory]
    [InlineData(100)]
    [InlineData(11 << 20)]
    public void Content_that_does_not_verify_is_never_readable_and_leaves_no_upload(int size)
    {
        _store.PartBytes = 5 << 20;
        using var content = new BytesContent(new byte[size], sound: false);
        Assert.Equal(
            HestiaErrorCode.SourceDamaged, Assert.Throws<HestiaException>(() => _store.Put(Name, content, default)).Code);
        Assert.Null(_store.OpenRead(Name, 0, default));
        Assert.Empty(Uploads());
    }

    [Fact]
    public void A_put_replaces_and_a_delete_of_nothing_is_no_error()
    {
        Put([1, 2, 3]);
        Put([4]);
        Assert.Equal([4], _store.ReadAll(Name, 10, default));
        _store.Delete(Name, default);
        _store.Delete(Name, default);
        Assert.Null(_store.ReadAll(Name, 10, default));
    }

    [Theory]
    [InlineData(2, long.MaxValue, new byte[] { 3, 4 })]
    [InlineData(0, 3, new byte[] { 1, 2, 3 })]
    [InlineData(1, 2, new byte[] { 2, 3 })]
    [InlineData(3, 100, new byte[] { 4 })]
    [InlineData(4, 100, new byte[0])]
    [InlineData(9, long.MaxValue, new byte[0])]
    public void A_range_is_read_and_the_length_is_of_the_whole(long offset, long count, byte[] expected)
    {
        Put([1, 2, 3, 4]);
        using var reader = _store.OpenRead(Name, offset, count, default);
        Assert.Equal(4, reader!.Length);
        var buffer = new byte[10];
        Assert.Equal(expected, buffer[..reader.ReadFull(buffer)]);
    }

    [Fact]
    public void Sizes_are_told_for_names_that_lie_close_and_far_apart()
    {
        // Every fourth of the first two hundred, and then some among many others: a list for those, single questions for these.
        var random = new Random(7);
        var all = Enumerable.Range(0, 60)
            .Select(i => $"objects/{i % 16:x2}/{Convert.ToHexString(SHA256.HashData(BitConverter.GetBytes(i))).ToLowerInvariant()}")
            .ToList();
        Hestia.Backup.Jobs.Workers.Run(all, 8, (name, token) =>
        {
            using var content = new BytesContent(Encoding.UTF8.GetBytes(name));
            _store.Put(name, content, token);
        }, default);
        var asked = all.Where(_ => random.Next(2) == 0).Append("objects/00/none").Append("objects/ff/none").ToList();
        asked.Sort(StringComparer.Ordinal);
        var sizes = new long[asked.Count];
        _store.GetSizes(asked.ToArray(), sizes, default);
        Assert.Equal(asked.Select(n => all.Contains(n) ? (long)n.Length : -1), sizes);
    }

    [Fact]
    public void Sizes_are_told_among_thousands_of_others()
    {
        using var client = _gateway.Client();
        var place = S3Place.Parse(_store.Location);
        Parallel.For(
            0, 2500, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i => RadosGateway.PutRaw(client, place.Bucket, place.Key($"objects/{i / 10:x3}/{i:d5}")));
        Assert.Equal(2500, _store.List("objects/", default).Count());
        string[] few = ["objects/000/00003", "objects/010/00164", "objects/010/none", "objects/0f9/02499", "objects/zzz/none"];
        var sizes = new long[few.Length];
        _store.GetSizes(few, sizes, default);
        Assert.Equal([1, 1, -1, 1, -1], sizes);
        var many = Enumerable.Range(0, 500).Select(i => $"objects/{i * 5 / 10:x3}/{i * 5:d5}").ToArray();
        sizes = new long[many.Length];
        _store.GetSizes(many, sizes, default);
        Assert.All(sizes, s => Assert.Equal(1, s));
    }

    [Fact]
    public void A_list_shows_what_is_ours_below_its_prefix()
    {
        Put([1, 2]);
        using var client = _gateway.Client();
        var place = S3Place.Parse(_store.Location);
        foreach (var key in (string[])[place.Key("objects/Somebody_else"), place.Prefix[..^1] + "0/objects/ab/x", "objects/ab/y"])
            RadosGateway.PutRaw(client, place.Bucket, key);
        var item = Assert.Single(_store.List("objects/", default));
        Assert.Equal((Name, 2), (item.Name, item.Size));
        Assert.InRange(_store.ReadClock(default) - item.StoredAt, TimeSpan.FromSeconds(-2), TimeSpan.FromMinutes(1));
        Assert.Empty(_store.List("archive/", default));
    }

    [Fact]
    public void Uploads_that_died_are_removed_once_they_are_old_enough()
    {
        using var client = _gateway.Client();
        var place = S3Place.Parse(_store.Location);
        var name = "objects/ab/ab" + new string('0', 62);
        RadosGateway.BeginUpload(client, place.Bucket, place.Key(name));
        RadosGateway.BeginUpload(client, place.Bucket, place.Key("data/video.mp4")); // another program's, where the repository is a bucket's root
        RadosGateway.BeginUpload(client, place.Bucket, "elsewhere/" + name);
        Assert.Equal(0, _store.RemoveUnfinished(RepositoryStore.DeadAfter, default));
        Assert.Equal(3, Uploads().Count);
        Thread.Sleep(2100);
        Assert.Equal(1, _store.RemoveUnfinished(TimeSpan.FromSeconds(1), default));
        Assert.Equal([place.Key("data/video.mp4"), "elsewhere/" + name], Uploads().Select(u => u.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_repository_that_went_away_is_said_to_be_gone()
    {
        _store.Delete("repository.json", default);
        Action[] calls =
        [
            () => _store.GetSizes([Name], new long[1], default),
            () => _store.OpenRead(Name, 0, default),
            () => _ = _store.List("backups/", default).Count(),
        ];
        foreach (var call in calls) Assert.Equal(HestiaErrorCode.RepositoryNotFound, Assert.Throws<HestiaException>(call).Code);
    }

    [Fact]
    public void A_repository_is_made_once_and_only_where_nothing_is()
    {
        Assert.Equal(HestiaErrorCode.RepositoryExists, Failure(_store.Location, _gateway.Options(), create: true).Code);
        var place = S3Place.Parse(_store.Location);
        Assert.Equal(HestiaErrorCode.TargetNotEmpty, Failure($"s3://{place.Bucket}", _gateway.Options(), create: true).Code);
        Assert.Equal(HestiaErrorCode.RepositoryNotFound, Failure($"s3://{place.Bucket}/other", _gateway.Options()).Code);
        using var made = BackupRepository.Create($"s3://{place.Bucket}/other/", _gateway.Options());
        Assert.Equal($"s3://{place.Bucket}/other", made.Location);
        using var opened = BackupRepository.Open(made.Location, _gateway.Options());
        Assert.Equal(made.Id, opened.Id);
    }

    [Fact]
    public void Wrong_credentials_and_a_missing_bucket_are_named()
    {
        var wrongSecret = new S3Options { Endpoint = _gateway.Endpoint, Credential = new("hestia-key", "wrong") };
        var e = Failure(_store.Location, wrongSecret);
        Assert.Equal(HestiaErrorCode.CredentialsRejected, e.Code);
        Assert.Contains(_gateway.Endpoint.Authority, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", e.ToString(), StringComparison.Ordinal);
        var wrongKey = new S3Options { Endpoint = _gateway.Endpoint, Credential = new("nobody", "wrong") };
        Assert.Equal(HestiaErrorCode.CredentialsRejected, Failure(_store.Location, wrongKey, create: true).Code);
        Assert.Equal(HestiaErrorCode.ContainerNotFound, Failure("s3://no-such-bucket/x", _gateway.Options()).Code);
        Assert.Equal(HestiaErrorCode.ContainerNotFound, Failure("s3://no-such-bucket/x", _gateway.Options(), create: true).Code);
        Assert.Equal(HestiaErrorCode.AccessDenied, Failure(_store.Location, _gateway.Options(user: RadosGateway.SmallUser)).Code);
    }

    [Fact]
    public void The_probe_passes_and_leaves_nothing()
    {
        _store.ProbeWrite(default);
        Assert.Empty(_store.List("locks/", default));
    }

    [Fact]
    public void A_service_that_does_not_understand_checksums_says_what_to_do()
    {
        var options = new S3Options
        {
            Endpoint = _gateway.Endpoint, Credential = RadosGateway.CredentialOf(RadosGateway.User),
            ChecksumMode = S3ChecksumMode.WhenSupported,
        };
        using var store = _gateway.Store(_store.Location, options);
        using var content = new BytesContent([1, 2, 3]);
        store.Put(Name, content, default); // with a checksum of our own there is nothing to misunderstand
        Assert.Equal([1, 2, 3], _store.ReadAll(Name, 3, default));
    }

    [Fact]
    public void A_quota_that_is_used_up_is_a_full_disk()
    {
        var location = _gateway.NewLocation(RadosGateway.SmallUser);
        var options = _gateway.Options(user: RadosGateway.SmallUser);
        BackupRepository.Create(location, options).Dispose();
        _gateway.LimitSmall(3 << 20);
        using var store = _gateway.Store(location, options);
        HestiaException? failure = null;
        for (var i = 0; i < 30 && failure is null; i++)
        {
            try
            {
                using var content = new BytesContent(RandomNumberGenerator.GetBytes(1 << 20));
                store.Put($"objects/ab/{i:x4}", content, default);
            }
            catch (HestiaException e)
            {
                failure = e;
            }
        }

        Assert.Equal(HestiaErrorCode.DiskFull, failure?.Code);
    }

    private static HestiaException Failure(string location, S3Options options, bool create = false) => Assert.Throws<HestiaException>(
        () => (create ? BackupRepository.Create(location, options) : BackupRepository.Open(location, options)).Dispose());

    private void Put(byte[] bytes)
    {
        using var content = new BytesContent(bytes);
        _store.Put(Name, content, default);
    }

    private List<MultipartUpload> Uploads()
    {
        using var client = _gateway.Client();
        return client.ListMultipartUploadsAsync(S3Place.Parse(_store.Location).Bucket).GetAwaiter().GetResult().MultipartUploads ?? [];
    }
}
