using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hestia.Backup;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.S3;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Unit.Backup.S3;

/// <summary>What goes wrong between the store and the server, and in the server.</summary>
public sealed class S3FaultTests
{
    private const string Name = "objects/ab/abcd";
    private readonly RadosGateway _gateway = RadosGateway.Require();

    [Fact]
    public void A_name_created_whose_answer_was_lost_was_created_by_who_asks()
    {
        var lost = 0;
        using var proxy = new FaultProxy(_gateway, r =>
            r.Method == "PUT" && Interlocked.Increment(ref lost) == 1 ? ProxyAction.LoseAnswer : ProxyAction.Forward);
        using var store = Store(proxy);
        Assert.True(store.TryCreate("backups/a/b.json", "mine"u8, default));
        Assert.Equal(2, proxy.Seen.Count(r => r.Method == "PUT"));
        Assert.False(store.TryCreate("backups/a/b.json", "other"u8, default));
        Assert.Equal("mine"u8.ToArray(), store.ReadAll("backups/a/b.json", 100, default));
    }

    [Fact]
    public void A_name_taken_by_another_while_the_own_request_was_lost_is_not_ones_own()
    {
        using var direct = _gateway.NewStore();
        var lost = 0;
        using var proxy = new FaultProxy(_gateway, r =>
        {
            if (r.Method != "PUT" || Interlocked.Increment(ref lost) > 1) return ProxyAction.Forward;
            Assert.True(direct.TryCreate("backups/a/b.json", "theirs"u8, default));
            return ProxyAction.Forward with { BodyBytes = 0 };
        });
        using var store = _gateway.Store(direct.Location, _gateway.Options(proxy.Endpoint));
        Assert.False(store.TryCreate("backups/a/b.json", "mine"u8, default));
        Assert.Equal("theirs"u8.ToArray(), store.ReadAll("backups/a/b.json", 100, default));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(11 << 20)]
    public void An_object_another_host_has_just_sent_is_left_and_another_one_under_its_name_replaced(int size)
    {
        using var proxy = new FaultProxy(_gateway, _ => ProxyAction.Forward);
        using var store = Store(proxy);
        store.PartBytes = 5 << 20;
        var bytes = RandomNumberGenerator.GetBytes(size);
        Put(store, bytes);
        var before = proxy.Seen.Count;
        Put(store, bytes);
        if (size == 1000) Assert.Equal(["PUT", "HEAD"], proxy.Seen.Skip(before).Select(r => r.Method));
        bytes[^1] ^= 1;
        Put(store, bytes);
        Assert.Equal(bytes, store.ReadAll(Name, size, default));
    }

    [Fact]
    public void What_is_known_to_be_damaged_is_replaced_though_the_service_calls_it_the_same()
    {
        using var proxy = new FaultProxy(_gateway, _ => ProxyAction.Forward);
        using var store = Store(proxy);
        var bytes = RandomNumberGenerator.GetBytes(1000);
        Put(store, bytes);
        var before = proxy.Seen.Count;
        using (var again = new BytesContent(bytes) { Replaces = true }) store.Put(Name, again, default);
        var sent = Assert.Single(proxy.Seen.Skip(before));
        Assert.Equal("PUT", sent.Method);
        Assert.Null(sent["If-None-Match"]);
        Assert.Equal(bytes, store.ReadAll(Name, bytes.Length, default));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(11 << 20)]
    public void Of_two_that_send_an_encrypted_segment_at_once_the_first_one_s_stays(int size)
    {
        var taken = false;
        using var proxy = new FaultProxy(_gateway, r => // this server does not know the condition for an upload in parts
            taken && r.Method == "POST" && r["If-None-Match"] is not null ? ProxyAction.Error(412, "PreconditionFailed") : ProxyAction.Forward);
        using var store = Store(proxy);
        store.PartBytes = 5 << 20;
        var bytes = RandomNumberGenerator.GetBytes(size);
        Put(store, bytes);
        taken = true;
        using (var same = new BytesContent(RandomNumberGenerator.GetBytes(size)) { TrustsSize = true }) store.Put(Name, same, default);
        Assert.Equal(bytes, store.ReadAll(Name, size, default));
        Assert.DoesNotContain(proxy.Seen, r => r.Method == "PUT" && r["If-None-Match"] is null && !r.Target.Contains("partNumber", StringComparison.Ordinal));
        Assert.DoesNotContain(proxy.Seen, r => r.Method == "DELETE" && !r.Target.Contains("uploadId", StringComparison.Ordinal));
        bytes = RandomNumberGenerator.GetBytes(size + 1);
        using (var longer = new BytesContent(bytes) { TrustsSize = true }) store.Put(Name, longer, default);
        Assert.Equal(bytes, store.ReadAll(Name, size + 1, default));
    }

    [Fact]
    public void A_list_goes_on_behind_an_empty_page_and_one_that_does_not_say_where_is_a_failure()
    {
        var token = "<NextContinuationToken>there</NextContinuationToken>";
        using var proxy = new FaultProxy(_gateway, r => Page(
            r.Target.Contains("continuation-token=there", StringComparison.Ordinal)
                ? "<IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents><Key>p/objects/ab/abcd</Key><Size>3</Size>"
                    + "<LastModified>2026-04-15T03:00:00.000Z</LastModified></Contents>"
                : $"<IsTruncated>true</IsTruncated><KeyCount>0</KeyCount>{token}"));
        using var store = _gateway.Store("s3://some-bucket/p", _gateway.Options(proxy.Endpoint));
        Assert.Equal([Name], store.List("objects/", default).Select(i => i.Name));
        token = "";
        var e = Assert.Throws<HestiaException>(() => store.List("objects/", default).ToList());
        Assert.Equal(HestiaErrorCode.IoError, e.Code);

        static ProxyAction Page(string content)
        {
            var body = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>some-bucket</Name>"
                + content + "</ListBucketResult>";
            return new ProxyAction
            {
                Canned = $"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}",
            };
        }
    }

    [Fact]
    public void A_service_without_conditions_gets_none_and_says_so()
    {
        var puts = 0;
        using var proxy = new FaultProxy(_gateway, r =>
            r.Method == "PUT" && Interlocked.Increment(ref puts) == 1 ? ProxyAction.Error(501, "NotImplemented") : ProxyAction.Forward);
        using var store = Store(proxy);
        Assert.True(store.Capabilities.AtomicCreate);
        Assert.True(store.TryCreate("backups/a/b.json", "mine"u8, default));
        Assert.False(store.Capabilities.AtomicCreate);
        Assert.False(store.TryCreate("backups/a/b.json", "other"u8, default));
    }

    [Fact]
    public void An_object_in_parts_survives_lost_answers_broken_bodies_and_errors_at_every_request()
    {
        var bytes = RandomNumberGenerator.GetBytes(12 << 20);
        ProxyAction[] faults =
        [
            ProxyAction.LoseAnswer, ProxyAction.Forward with { BodyBytes = 100_000 }, ProxyAction.Error(500, "InternalError"),
            ProxyAction.Error(503, "SlowDown"), ProxyAction.Forward with { Corrupt = true }, ProxyAction.Error(400, ""),
        ];
        foreach (var fault in faults)
        {
            // Initiate, three parts and complete: each fails once.
            var tried = new HashSet<string>(StringComparer.Ordinal);
            using var proxy = new FaultProxy(_gateway, r =>
            {
                if (r.Method is not ("PUT" or "POST") || (fault.BodyBytes < long.MaxValue && r.Method == "POST")
                    || (fault.Corrupt && r.Method == "POST")) return ProxyAction.Forward;
                lock (tried) return tried.Add(r.Target) ? fault : ProxyAction.Forward;
            });
            using var store = Store(proxy);
            store.PartBytes = 5 << 20;
            using var content = new BytesContent(bytes);
            store.Put(Name, content, default);
            Assert.True(tried.Count >= 3, $"{fault}: {tried.Count}");
            Assert.Equal(bytes, store.ReadAll(Name, bytes.Length, default));
        }
    }

    [Fact]
    public void Answers_that_are_cut_again_and_again_are_continued_where_they_broke()
    {
        var bytes = RandomNumberGenerator.GetBytes(1 << 20);
        using var proxy = new FaultProxy(_gateway, r =>
            r.Method == "GET" && r.Target.Contains(Name, StringComparison.Ordinal)
                ? ProxyAction.Forward with { AnswerBytes = 200_000 } : ProxyAction.Forward);
        using var store = Store(proxy);
        Put(store, bytes);
        Assert.Equal(bytes, store.ReadAll(Name, bytes.Length, default));
        Assert.True(proxy.Seen.Count(r => r.Method == "GET") >= 5);
    }

    [Fact]
    public void A_slow_line_is_no_failure_and_one_where_nothing_moves_is()
    {
        using (var proxy = new FaultProxy(_gateway, _ => ProxyAction.Forward with { BytesPerSecond = 500_000 }))
        {
            using var slow = Store(proxy, stall: TimeSpan.FromSeconds(1));
            var bytes = RandomNumberGenerator.GetBytes(1 << 20);
            Put(slow, bytes); // takes two seconds and more
            Assert.Equal(bytes, slow.ReadAll(Name, bytes.Length, default));
        }

        using var dead = new FaultProxy(_gateway, _ => ProxyAction.Stall);
        using var store = _gateway.Store(
            "s3://some-bucket", _gateway.Options(dead.Endpoint, retry: TimeSpan.Zero, stall: TimeSpan.FromSeconds(1)));
        var clock = Stopwatch.StartNew();
        Assert.Equal(HestiaErrorCode.StoreUnavailable, Assert.Throws<HestiaException>(() => Put(store, [1])).Code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.9, 8);
    }

    [Fact]
    public void Throttling_is_waited_out_and_named_when_it_does_not_end()
    {
        var refused = 0;
        using var proxy = new FaultProxy(_gateway, r =>
            r.Method == "PUT" && Interlocked.Increment(ref refused) <= 4 ? ProxyAction.Error(503, "SlowDown") : ProxyAction.Forward);
        using var store = Store(proxy);
        Put(store, [1, 2, 3]);
        Assert.Equal([1, 2, 3], store.ReadAll(Name, 3, default));

        using var busy = new FaultProxy(_gateway, _ => ProxyAction.Error(503, "SlowDown"));
        using var refusing = _gateway.Store(store.Location, _gateway.Options(busy.Endpoint, retry: TimeSpan.FromSeconds(2)));
        var clock = Stopwatch.StartNew();
        var e = Assert.Throws<HestiaException>(() => Put(refusing, [1]));
        Assert.Equal(HestiaErrorCode.StoreThrottled, e.Code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.5, 8);
        Assert.InRange(busy.Seen.Count, 3, 12); // each wait is longer than the last
    }

    [Fact]
    public void Waiting_for_another_try_ends_with_the_cancellation()
    {
        using var proxy = new FaultProxy(_gateway, _ => ProxyAction.Error(500, "InternalError"));
        using var store = _gateway.Store("s3://some-bucket", _gateway.Options(proxy.Endpoint, retry: TimeSpan.FromMinutes(10)));
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        var clock = Stopwatch.StartNew();
        using var content = new BytesContent([1]);
        Assert.ThrowsAny<OperationCanceledException>(() => store.Put(Name, content, stop.Token));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.5, 6);
    }

    [Fact]
    public void Clocks_that_differ_are_named_with_both_times()
    {
        using var proxy = new FaultProxy(
            _gateway, _ => ProxyAction.Error(403, "RequestTimeTooSkewed", new DateTimeOffset(2031, 2, 3, 4, 5, 6, TimeSpan.Zero)));
        var e = Assert.Throws<HestiaException>(() => BackupRepository.Open("s3://some-bucket/x", _gateway.Options(proxy.Endpoint)));
        Assert.Equal(HestiaErrorCode.ClockSkew, e.Code);
        Assert.Contains("2031-02-03 04:05:0", e.Message, StringComparison.Ordinal);
        Assert.Contains($"here it is {DateTime.UtcNow.Year}", e.Message, StringComparison.Ordinal);
        Assert.Single(proxy.Seen);
    }

    [Theory]
    [InlineData(403, "AccessDenied", HestiaErrorCode.AccessDenied)]
    [InlineData(400, "ExpiredToken", HestiaErrorCode.CredentialsRejected)]
    [InlineData(301, "PermanentRedirect", HestiaErrorCode.InvalidOption)]
    [InlineData(400, "AuthorizationHeaderMalformed", HestiaErrorCode.InvalidOption)]
    [InlineData(400, "XAmzContentSHA256Mismatch", HestiaErrorCode.InvalidOption)]
    [InlineData(400, "InvalidStorageClass", HestiaErrorCode.InvalidOption)]
    [InlineData(400, "KMS.NotFoundException", HestiaErrorCode.InvalidOption)]
    [InlineData(507, "InsufficientStorage", HestiaErrorCode.DiskFull)]
    [InlineData(400, "InvalidArgument", HestiaErrorCode.IoError)]
    public void What_the_service_says_becomes_a_failure_with_a_way_out(int status, string said, HestiaErrorCode code)
    {
        using var proxy = new FaultProxy(_gateway, _ => ProxyAction.Error(status, said));
        using var store = _gateway.Store("s3://some-bucket", _gateway.Options(proxy.Endpoint));
        var e = Assert.Throws<HestiaException>(() => Put(store, [1]));
        Assert.Equal(code, e.Code);
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.RecommendedAction);
        // To try again would be of no use, but for a checksum that may have been hurt on the way.
        Assert.Equal(said.StartsWith("XAmz", StringComparison.Ordinal) ? 3 : 1, proxy.Seen.Count);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(11 << 20)]
    public void An_answer_that_proves_nothing_makes_the_store_read_back(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        using var proxy = new FaultProxy(_gateway, r => r.Method is "PUT" or "POST"
            ? ProxyAction.Forward with { ETag = r.Target.Contains("partNumber", StringComparison.Ordinal) ? null : "opaque" }
            : ProxyAction.Forward);
        using var store = Store(proxy);
        store.PartBytes = 5 << 20;
        Put(store, bytes);
        Assert.Contains(proxy.Seen, r => r.Method == "GET" && r.Target.Contains(Name, StringComparison.Ordinal));
    }

    [Fact]
    public void A_store_that_does_not_give_back_what_it_got_is_found_out_and_the_object_noted_but_never_removed()
    {
        using var direct = _gateway.NewStore();
        using var proxy = new FaultProxy(_gateway, r => r.Method switch
        {
            "PUT" => ProxyAction.Forward with { ETag = "opaque" },
            "GET" when r.Target.Contains(Name, StringComparison.Ordinal) => Swap(direct),
            _ => ProxyAction.Forward,
        });
        using var store = _gateway.Store(direct.Location, _gateway.Options(proxy.Endpoint));
        var context = new RepositoryContext(store, new RepositoryDescriptor(Guid.NewGuid(), DateTimeOffset.UtcNow), FileSystem.Physical);
        using var content = new BytesContent([1, 2, 3]);
        var e = Assert.Throws<HestiaException>(() => DamageNotes.Put(context, Name, content, default));
        Assert.Equal(HestiaErrorCode.ObjectDamaged, e.Code);
        Assert.Equal([1, 2, 4], direct.ReadAll(Name, 3, default)); // it may be what another host has stored since
        Assert.True(DamageNotes.Read(context, default).Names(Name));

        static ProxyAction Swap(S3Store store)
        {
            Put(store, [1, 2, 4]); // as if it had been stored so
            return ProxyAction.Forward;
        }
    }

    [Fact]
    public void A_server_that_is_killed_in_mid_upload_and_comes_back_is_waited_for()
    {
        using var gateway = RadosGateway.RequireOwn();
        using var store = gateway.NewStore(gateway.Options(retry: TimeSpan.FromSeconds(40)));
        store.PartBytes = 5 << 20;
        var bytes = RandomNumberGenerator.GetBytes(22 << 20);
        Thread? restart = null;
        using var content = new HookedContent(bytes, 11 << 20, () =>
        {
            gateway.Kill();
            restart = new Thread(() =>
            {
                Thread.Sleep(1500);
                gateway.Start();
            });
            restart.Start();
        });
        store.Put(Name, content, default);
        restart!.Join();
        Assert.Equal(bytes, store.ReadAll(Name, bytes.Length, default));
    }

    [Fact]
    public void A_server_that_is_killed_and_stays_away_ends_the_upload_in_time_and_leaves_nothing_readable()
    {
        using var gateway = RadosGateway.RequireOwn();
        using var store = gateway.NewStore(gateway.Options(retry: TimeSpan.FromSeconds(3)));
        store.PartBytes = 5 << 20;
        using var content = new HookedContent(RandomNumberGenerator.GetBytes(22 << 20), 11 << 20, gateway.Kill);
        var clock = Stopwatch.StartNew();
        var name = "objects/ab/ab" + new string('0', 62);
        Assert.Equal(HestiaErrorCode.StoreUnavailable, Assert.Throws<HestiaException>(() => store.Put(name, content, default)).Code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 1, 20);
        gateway.Start();
        Assert.Null(store.OpenRead(name, 0, default));
        Thread.Sleep(2100); // by the clock of the server, which counts in seconds
        Assert.Equal(1, store.RemoveUnfinished(TimeSpan.FromSeconds(1), default));
        Assert.Equal(0, store.RemoveUnfinished(TimeSpan.Zero, default));
    }

    [Fact]
    public void Objects_carry_encryption_class_and_checksum_and_small_items_no_class()
    {
        var sent = new System.Collections.Concurrent.ConcurrentQueue<ProxyRequest>();
        using var proxy = new FaultProxy(_gateway, r =>
        {
            if (r.Method == "HEAD") return ProxyAction.Error(404, "NotFound");
            sent.Enqueue(r);
            // The checksum that comes back proves it, whatever the ETag is: it is not read back.
            return new ProxyAction
            {
                Canned = "HTTP/1.1 200 OK\r\nETag: \"opaque\"\r\nContent-Length: 0\r\nConnection: close\r\n"
                    + $"x-amz-checksum-crc32c: {r["x-amz-checksum-crc32c"]}\r\n\r\n",
            };
        });
        var options = new S3Options
        {
            Endpoint = proxy.Endpoint,
            Region = "eu-test-1",
            Credential = new NetworkCredential("id", "secret"),
            SessionToken = new NetworkCredential("", "token").SecurePassword,
            Encryption = S3Encryption.AwsKms,
            KmsKeyId = "some-key",
            StorageClass = "STANDARD_IA",
            ChecksumMode = S3ChecksumMode.WhenSupported,
        };
        using var store = _gateway.Store("s3://some-bucket/p", options);
        Put(store, "123456789"u8.ToArray());
        Assert.True(store.TryCreate("backups/a/b.json", "{}"u8, default));
        Assert.Equal(2, sent.Count);
        Assert.True(sent.TryDequeue(out var put));
        Assert.Equal("/some-bucket/p/" + Name, put.Target);
        Assert.Equal("4waSgw==", put["x-amz-checksum-crc32c"]); // the check value of CRC-32C, E3069283
        Assert.Equal("aws:kms", put["x-amz-server-side-encryption"]);
        Assert.Equal("some-key", put["x-amz-server-side-encryption-aws-kms-key-id"]);
        Assert.Equal("STANDARD_IA", put["x-amz-storage-class"]);
        Assert.Equal("token", put["x-amz-security-token"]);
        Assert.Contains("/eu-test-1/s3/", put["Authorization"], StringComparison.Ordinal);
        Assert.True(sent.TryDequeue(out var small));
        Assert.Equal(("aws:kms", null, "*"), (small["x-amz-server-side-encryption"], small["x-amz-storage-class"], small["If-None-Match"]));
    }

    [Fact]
    public void In_virtual_host_style_the_bucket_is_in_the_host_and_a_name_nobody_knows_is_said_soon()
    {
        var options = new S3Options
        {
            Endpoint = new Uri("http://nowhere.invalid"), Addressing = S3Addressing.VirtualHost, Credential = new NetworkCredential("a", "b"),
        };
        var clock = Stopwatch.StartNew();
        var e = Assert.Throws<HestiaException>(() => BackupRepository.Open("s3://some-bucket/p", options));
        Assert.Equal(HestiaErrorCode.StoreUnavailable, e.Code);
        Assert.Contains("some-bucket.nowhere.invalid", e.ToString(), StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 30);
    }

    [Fact]
    public void Only_a_certificate_of_a_trusted_authority_is_accepted()
    {
        using var folder = new TemporaryFolder();
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=Hestia test authority", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var certificate = Issue(authority, "localhost");
        File.WriteAllText(folder["ca.pem"], authority.ExportCertificatePem());
        using var other = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var direct = _gateway.NewStore();
        using var proxy = new FaultProxy(_gateway, _ => ProxyAction.Forward, certificate);

        var e = Assert.Throws<HestiaException>(() => BackupRepository.Open(direct.Location, Options(null)));
        Assert.Equal(HestiaErrorCode.TlsUntrusted, e.Code);
        using (BackupRepository.Open(direct.Location, Options(folder["ca.pem"])))
        using (var store = _gateway.Store(direct.Location, Options(folder["ca.pem"])))
        {
            var bytes = RandomNumberGenerator.GetBytes(6 << 20);
            store.PartBytes = 5 << 20;
            Put(store, bytes);
            Assert.Equal(bytes, store.ReadAll(Name, bytes.Length, default));
        }

        using var elsewhere = Issue(authority, "elsewhere");
        using var wrong = new FaultProxy(_gateway, _ => ProxyAction.Forward, elsewhere);
        e = Assert.Throws<HestiaException>(() => BackupRepository.Open(
            direct.Location,
            new S3Options
            {
                Endpoint = wrong.Endpoint, Credential = new NetworkCredential("a", "b"), CACertificatePath = folder["ca.pem"],
            }));
        Assert.Equal(HestiaErrorCode.TlsUntrusted, e.Code);

        S3Options Options(string? authorities) => new()
        {
            Endpoint = proxy.Endpoint, Credential = RadosGateway.CredentialOf(RadosGateway.User), CACertificatePath = authorities,
        };

        static X509Certificate2 Issue(X509Certificate2 authority, string host)
        {
            using var key = RSA.Create(2048);
            var request = new CertificateRequest("CN=" + host, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(host);
            request.CertificateExtensions.Add(names.Build());
            using var issued = request.Create(authority, authority.NotBefore, authority.NotAfter, RandomNumberGenerator.GetBytes(8));
            using var whole = issued.CopyWithPrivateKey(key);
            return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);
        }
    }

    private static void Put(S3Store store, byte[] bytes)
    {
        using var content = new BytesContent(bytes);
        store.Put(Name, content, default);
    }

    /// <summary>A store on a new repository, seen through a proxy.</summary>
    private S3Store Store(FaultProxy proxy, TimeSpan? stall = null)
    {
        using var direct = _gateway.NewStore();
        return _gateway.Store(direct.Location, _gateway.Options(proxy.Endpoint, stall: stall));
    }
}
