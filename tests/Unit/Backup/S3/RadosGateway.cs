using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Hestia.Backup;
using Hestia.Backup.S3;
using Hestia.Unit.Backup.S3;

[assembly: AssemblyFixture(typeof(RadosGatewayRun))]

namespace Hestia.Unit.Backup.S3;

/// <summary>Ends the server that the tests shared.</summary>
public sealed class RadosGatewayRun : IDisposable
{
    public void Dispose() => RadosGateway.EndShared();
}

/// <summary>A real S3 server on loopback: tests/RadosGateway/radosgw.sh. It ends with this process, however that ends.</summary>
internal sealed class RadosGateway : IDisposable
{
    public const string User = "hestia";
    public const string SmallUser = "small";

    private static readonly Lock s_gate = new();
    private static RadosGateway? s_shared;
    private static string? s_unavailable;

    private readonly TemporaryFolder _folder = new();
    private readonly Process _process;

    private RadosGateway()
    {
        Port = FreePort();
        var start = new ProcessStartInfo("bash")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            ArgumentList =
            {
                Path.Combine(AppContext.BaseDirectory, "radosgw.sh"), _folder.Path, FreePort().ToString(), Port.ToString(),
            },
        };
        _process = Process.Start(start)!;
        try
        {
            Expect("ready");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Port { get; }

    public Uri Endpoint => new($"http://127.0.0.1:{Port}");

    /// <summary>The server all tests share; the test is skipped where there is none.</summary>
    public static RadosGateway Require()
    {
        lock (s_gate)
        {
            if (s_shared is not null) return s_shared;
            s_unavailable ??= Missing();
            if (s_unavailable is not null) Assert.Skip(s_unavailable);
            try
            {
                return s_shared = new RadosGateway();
            }
            catch (InvalidOperationException e)
            {
                s_unavailable = e.Message;
                throw; // it is installed: that it does not start is to be seen, once
            }
        }
    }

    /// <summary>A server of the test's own, to kill.</summary>
    public static RadosGateway RequireOwn()
    {
        if (Missing() is { } reason) Assert.Skip(reason);
        return new RadosGateway();
    }

    public static void EndShared()
    {
        lock (s_gate)
        {
            s_shared?.Dispose();
            s_shared = null;
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static NetworkCredential CredentialOf(string user) => new($"{user}-key", $"{user}-secret");

    /// <summary>Options for this server; <paramref name="endpoint"/> for something in between.</summary>
    public S3Options Options(Uri? endpoint = null, string user = User, TimeSpan? retry = null, TimeSpan? stall = null) => new()
    {
        Endpoint = endpoint ?? Endpoint,
        Credential = CredentialOf(user),
        RetryTime = retry ?? TimeSpan.FromSeconds(20),
        StallTime = stall ?? TimeSpan.FromSeconds(20),
    };

    /// <summary>The SDK's own client, to look behind the store's back.</summary>
    public AmazonS3Client Client(string user = User) => new(
        new BasicAWSCredentials($"{user}-key", $"{user}-secret"),
        new AmazonS3Config
        {
            ServiceURL = Endpoint.AbsoluteUri,
            ForcePathStyle = true,
            AuthenticationRegion = "us-east-1",
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        });

    /// <summary>Makes a bucket and returns the location of a repository in it that is not there yet.</summary>
    public string NewLocation(string user = User)
    {
        var bucket = "t" + Guid.NewGuid().ToString("n")[..16];
        using var client = Client(user);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                client.PutBucketAsync(new PutBucketRequest { BucketName = bucket }).GetAwaiter().GetResult();
                break;
            }
            catch (AmazonS3Exception e) when (attempt < 5 && e.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.MethodNotAllowed)
            {
                // The gateway leaves the body of a request that it refuses unread, and takes it for the beginning of the next one on that connection.
            }
        }

        return $"s3://{bucket}/backups/site-1";
    }

    /// <summary>Stores one byte behind the store's back.</summary>
    public static void PutRaw(AmazonS3Client client, string bucket, string key) =>
        client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = key, ContentBody = "x", UseChunkEncoding = false })
            .GetAwaiter().GetResult();

    /// <summary>Begins an upload in parts that nobody goes on with.</summary>
    public static void BeginUpload(AmazonS3Client client, string bucket, string key) =>
        client.InitiateMultipartUploadAsync(bucket, key).GetAwaiter().GetResult();

    public static void SetPolicy(AmazonS3Client client, string bucket, string policy) =>
        client.PutBucketPolicyAsync(new PutBucketPolicyRequest { BucketName = bucket, Policy = policy }).GetAwaiter().GetResult();

    /// <summary>A store on a repository that was just made.</summary>
    public S3Store NewStore(S3Options? options = null)
    {
        var location = NewLocation();
        BackupRepository.Create(location, Options()).Dispose();
        return new S3Store(S3Place.Parse(location), options ?? Options());
    }

    public S3Store Store(string location, S3Options? options = null) => new(S3Place.Parse(location), options ?? Options());

    public void Kill() => Tell("kill", "killed");

    public void Start() => Tell("start", "ready");

    public void LimitSmall(long bytes) => Tell($"quota {bytes}", "set");

    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended.
        }

        if (!_process.WaitForExit(10_000)) _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _folder.Dispose();
    }

    private static string? Missing()
    {
        if (!OperatingSystem.IsLinux()) return "radosgw is for Linux.";
        foreach (var tool in (string[])["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool"])
            if (!Array.Exists(
                (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), folder => File.Exists(Path.Combine(folder, tool))))
                return $"{tool} is not installed (Debian: radosgw, ceph-mon, ceph-osd).";
        return null;
    }

    private void Tell(string command, string answer)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
        Expect(answer);
    }

    private void Expect(string line)
    {
        var read = _process.StandardOutput.ReadLineAsync();
        if (!read.Wait(TimeSpan.FromSeconds(60))) throw new InvalidOperationException("radosgw does not answer.");
        if (read.Result != line)
        {
            var more = read.Result is null ? "" : _process.StandardOutput.ReadToEnd();
            throw new InvalidOperationException($"radosgw: {read.Result} {more}");
        }
    }
}
