using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Hestia.Core;

namespace Hestia.Backup.S3;

/// <summary>
/// The SDK's client as the store uses it: no retries and no timeouts of its own (<see cref="S3Requests"/> has them), one HTTP client with
/// the certificates to trust, and the clock of the service as it was last seen.
/// </summary>
internal sealed class S3Connection : IDisposable
{
    private static readonly TimeSpan s_connectTime = TimeSpan.FromSeconds(15);

    // Long enough to be reused, short enough to follow a change in DNS.
    private static readonly TimeSpan s_connectionLifetime = TimeSpan.FromMinutes(10);
    private static readonly string[] s_frozenClasses = ["GLACIER", "DEEP_ARCHIVE", "SNOW"];

    private readonly HttpClient _http;
    private readonly ClockHandler _clock;

    public S3Connection(string location, S3Options options)
    {
        Check(location, options);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = s_connectTime,
            PooledConnectionLifetime = s_connectionLifetime,
        };
        if (options.CACertificatePath is { } path) handler.SslOptions.CertificateChainPolicy = TrustOnly(path);
        _clock = new ClockHandler(handler);
        _http = new HttpClient(_clock) { Timeout = Timeout.InfiniteTimeSpan };
        try
        {
            Client = CreateClient(location, options, new OneClient(_http));
            // The SDK may take another endpoint from the environment.
            var url = options.Endpoint?.AbsoluteUri ?? Client.Config.ServiceURL;
            IsEncrypted = url?.StartsWith("http:", StringComparison.OrdinalIgnoreCase) != true;
        }
        catch
        {
            _http.Dispose();
            throw;
        }
    }

    public AmazonS3Client Client { get; }

    /// <summary>Whether requests go over TLS.</summary>
    public bool IsEncrypted { get; }

    /// <summary>Whether the service has ever answered.</summary>
    public bool Reached => _clock.Seen is not null;

    /// <summary>What the clock of the service says now, as far as its answers told; null before the first.</summary>
    public DateTime? ServerTime => _clock.Seen is { } seen ? seen.Date.UtcDateTime + Stopwatch.GetElapsedTime(seen.At) : null;

    public void Dispose()
    {
        Client.Dispose();
        _http.Dispose();
    }

    private static AmazonS3Client CreateClient(string location, S3Options options, HttpClientFactory http)
    {
        var config = new AmazonS3Config
        {
            HttpClientFactory = http,
            MaxErrorRetry = 0,
            DisableLogging = true,
            // A machine whose clock is wrong also writes wrong times into its backups: that is said and not smoothed over.
            DisableClockSkewCorrection = true,
            RequestChecksumCalculation = options.ChecksumMode == S3ChecksumMode.WhenSupported
                ? RequestChecksumCalculation.WHEN_SUPPORTED : RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = options.ChecksumMode == S3ChecksumMode.WhenSupported
                ? ResponseChecksumValidation.WHEN_SUPPORTED : ResponseChecksumValidation.WHEN_REQUIRED,
            ForcePathStyle = options.Addressing == S3Addressing.Path
                || (options.Addressing == S3Addressing.Auto && options.Endpoint is not null),
        };
        if (options.Profile is { } profile) config.Profile = new Profile(profile);
        if (options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.AbsoluteUri;
            config.AuthenticationRegion = options.Region ?? "us-east-1";
        }
        else if (options.Region is { } region)
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }

        try
        {
            return CredentialsOf(options) is { } credentials ? new AmazonS3Client(credentials, config) : new AmazonS3Client(config);
        }
        catch (AmazonClientException e)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{location}' cannot be reached with these settings: {e.Message}", location,
                "Give the region (or set AWS_REGION), or the endpoint of the service.", e);
        }
    }

    private static AWSCredentials? CredentialsOf(S3Options options)
    {
        if (options.Credential is not { } credential) return null;
        return options.SessionToken is { Length: > 0 } token
            ? new SessionAWSCredentials(credential.UserName, credential.Password, new NetworkCredential("", token).Password)
            : new BasicAWSCredentials(credential.UserName, credential.Password);
    }

    private static void Check(string location, S3Options options)
    {
        if (options.Endpoint is { } endpoint
            && (!endpoint.IsAbsoluteUri || endpoint.Scheme is not ("http" or "https") || endpoint.UserInfo.Length > 0
                || endpoint.AbsolutePath is not ("" or "/") || endpoint.Query.Length > 0))
            throw Invalid("The endpoint has to be http:// or https:// with a host and perhaps a port, and nothing more.");
        if (options.Credential is { } credential && (credential.UserName.Length == 0 || credential.Password.Length == 0))
            throw Invalid("The credential lacks the access key id (user name) or the secret (password).");
        if (options.Credential is null && options.SessionToken is { Length: > 0 })
            throw Invalid("A session token belongs to an access key id and a secret, and they are missing.");
        if (options.Credential is not null && options.Profile is not null)
            throw Invalid("A credential and a profile were given; one of them has to be left out.");
        if (options.KmsKeyId is not null && options.Encryption != S3Encryption.AwsKms)
            throw Invalid("A KMS key was given, but not encryption with KMS.");
        if (options.CACertificatePath is not null && options.Endpoint is { Scheme: "http" })
            throw Invalid("A file of certificate authorities was given for an endpoint without TLS.");
        if (options.StorageClass is { } storage && Array.IndexOf(s_frozenClasses, storage.ToUpperInvariant()) >= 0)
            throw Invalid($"Objects of storage class {storage} cannot be read without being thawed first, so no backup could be verified.");
        if (options.RetryTime < TimeSpan.Zero || options.RetryTime > TimeSpan.FromHours(1))
            throw Invalid("The time to try again has to be between 0 and 1 hour.");
        if (options.StallTime < TimeSpan.FromSeconds(1) || options.StallTime > TimeSpan.FromHours(1))
            throw Invalid("The time to wait for a byte to move has to be between 1 second and 1 hour.");

        HestiaException Invalid(string what) => new(
            HestiaErrorCode.InvalidOption, what, location, "Correct the settings of the repository.");
    }

    private static X509ChainPolicy TrustOnly(string path)
    {
        var roots = new X509Certificate2Collection();
        try
        {
            var bytes = File.ReadAllBytes(path); // no part of an index or repository, so not behind the file system seam
            if (bytes.AsSpan().IndexOf("-----BEGIN"u8) >= 0) roots.ImportFromPem(System.Text.Encoding.ASCII.GetString(bytes));
            else roots.Import(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
        catch (CryptographicException e)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{path}' holds no certificates: {e.Message}", path, "Give a PEM or DER file.", e);
        }

        if (roots.Count == 0)
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{path}' holds no certificates.", path, "Give a PEM or DER file.");
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    /// <summary>Hands out one HTTP client: the SDK's own cache would keep it beyond the store's life.</summary>
    private sealed class OneClient(HttpClient client) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => client;

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

        public override string GetConfigUniqueString(IClientConfig clientConfig) =>
            client.GetHashCode().ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Reads the Date of every answer.</summary>
    private sealed class ClockHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        private volatile Observation? _seen;

        public Observation? Seen => _seen;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.Headers.Date is { } date) _seen = new Observation(date, Stopwatch.GetTimestamp());
            return response;
        }
    }

    private sealed record Observation(DateTimeOffset Date, long At);
}
