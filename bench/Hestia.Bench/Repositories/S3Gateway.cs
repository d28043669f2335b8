using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using Hestia.Backup;

namespace Hestia.Bench.Repositories;

/// <summary>A real S3 server in memory on loopback (tests/RadosGateway/radosgw.sh), one for each upload that is measured.</summary>
internal sealed class S3Gateway : IDisposable
{
    private const string EndpointVariable = "HESTIA_BENCH_S3_ENDPOINT";
    private const string KeyId = "hestia-key";
    private const string Secret = "hestia-secret";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "hestia-bench-radosgw-" + Guid.NewGuid().ToString("n")[..8]);
    private readonly Process _process;

    /// <param name="bytes">How much it has to hold.</param>
    public S3Gateway(long bytes)
    {
        Directory.CreateDirectory(_folder);
        var port = FreePort();
        var start = new ProcessStartInfo("bash") { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])[
            Path.Combine(AppContext.BaseDirectory, "radosgw.sh"), _folder, Text(FreePort()), Text(port), bytes.ToString(CultureInfo.InvariantCulture)])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        if (_process.StandardOutput.ReadLine() is not "ready" and var said)
        {
            Dispose();
            throw new InvalidOperationException($"radosgw did not start: {said}");
        }

        Environment.SetEnvironmentVariable(EndpointVariable, $"http://127.0.0.1:{port}");
        using var client = Client();
        client.PutBucketAsync(Bucket).GetAwaiter().GetResult();
    }

    public static string Bucket => "bench";

    public static string Location => $"s3://{Bucket}/backups";

    public static bool IsUrl(string location) => location.StartsWith("s3://", StringComparison.Ordinal);

    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(static folder => File.Exists(Path.Combine(folder, "radosgw")));

    public static S3Options? OptionsOf(string location) => !IsUrl(location) ? null : new S3Options
    {
        Endpoint = Endpoint,
        Credential = new NetworkCredential(KeyId, Secret),
    };

    public static AmazonS3Client Client() => new(
        new BasicAWSCredentials(KeyId, Secret),
        new AmazonS3Config
        {
            ServiceURL = Endpoint.AbsoluteUri,
            ForcePathStyle = true,
            AuthenticationRegion = "us-east-1",
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        });

    private static Uri Endpoint => new(Environment.GetEnvironmentVariable(EndpointVariable)!);

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
