using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Amazon.Runtime;
using Hestia.Core;

namespace Hestia.Backup.S3;

/// <summary>What kind of failure an exception of the SDK is.</summary>
internal enum S3FailureKind
{
    /// <summary>Anything else; not tried again.</summary>
    Other,

    /// <summary>For the caller: see <see cref="S3Refusal"/>.</summary>
    Refusal,

    /// <summary>5xx, a broken connection, a stall.</summary>
    Unavailable,

    /// <summary>The host's name could not be resolved.</summary>
    NameLookup,

    /// <summary>503 SlowDown and its relatives.</summary>
    Throttled,

    /// <summary>400 without a reason: seen on a connection that was reused after a refused request.</summary>
    Spurious,

    /// <summary>What arrived was not what was sent.</summary>
    Corrupted,

    /// <summary>Somebody else works on the same name at this moment.</summary>
    Conflict,

    Tls,
    ClockSkew,
    NoBucket,
    NoCredentials,
    BadCredentials,
    WrongRegion,
    Denied,
    Full,

    /// <summary>Corrupted on the way, or a service that does not know this kind of checksum: a few tries tell.</summary>
    ChecksumRefused,
    Encryption,
    StorageClass,
}

/// <summary>A failure of a request, understood.</summary>
internal sealed class S3Failure
{
    private S3Failure(S3FailureKind kind, HttpStatusCode status, string code, string message, string? requestId, Exception cause)
    {
        Kind = kind;
        Status = status;
        Code = code;
        Message = message;
        RequestId = requestId;
        Cause = cause;
    }

    public S3FailureKind Kind { get; }

    public HttpStatusCode Status { get; }

    /// <summary>The service's name for it, such as NoSuchKey; may be empty.</summary>
    public string Code { get; }

    public string Message { get; }

    public string? RequestId { get; }

    public Exception Cause { get; }

    public bool IsTransient => Kind is S3FailureKind.Unavailable or S3FailureKind.NameLookup or S3FailureKind.Throttled
        or S3FailureKind.Spurious or S3FailureKind.Corrupted or S3FailureKind.Conflict or S3FailureKind.ChecksumRefused;

    public static S3Failure Of(Exception exception, bool stalled)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case AuthenticationException:
                    return Network(S3FailureKind.Tls, e.InnerException is { } why ? e.Message + " " + why.Message : e.Message, exception);
                case HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError, InnerException: null }:
                    return Network(S3FailureKind.Tls, e.Message, exception);
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain }:
                    return Network(S3FailureKind.NameLookup, e.Message, exception);
                case AmazonServiceException service when service.StatusCode != 0 && service.InnerException is not HttpRequestException:
                    return new S3Failure(
                        KindOf(service), service.StatusCode, service.ErrorCode ?? "", service.Message, service.RequestId, exception);
            }
        }

        if (stalled) return Network(S3FailureKind.Unavailable, "no byte moved for too long.", exception);
        var innermost = exception;
        var network = false;
        for (var e = exception; e is not null; innermost = e, e = e.InnerException)
            network |= e is HttpRequestException or SocketException or IOException or OperationCanceledException or WebException;
        if (network) return Network(S3FailureKind.Unavailable, innermost.Message, exception);
        return exception is AmazonClientException or AmazonServiceException
            ? Network(S3FailureKind.NoCredentials, exception.Message, exception)
            : Network(S3FailureKind.Other, exception.Message, exception);
    }

    /// <summary>What it comes to for the user.</summary>
    public HestiaException ToException(
        string location, S3Options options, string doing, string? name, int attempts, DateTime? serverTime)
    {
        var thing = name is null ? $"'{location}'" : $"'{name}' in '{location}'";
        var where = options.Endpoint is { } endpoint ? $"{endpoint.GetLeftPart(UriPartial.Authority)}" : "the service";
        var text = Message.Trim();
        var said = Code.Length == 0 ? (Status != 0 ? $"{(int)Status}: " : "") + text : text.Length == 0 ? Code : $"{Code}: {text}";
        if (RequestId is { Length: > 0 } id) said = $"{said.TrimEnd('.')} (request {id})";
        if (!said.EndsWith('.')) said += ".";
        var tries = attempts == 1 ? "" : $" It was tried {attempts} times.";
        return Kind switch
        {
            S3FailureKind.Throttled => New(
                HestiaErrorCode.StoreThrottled, $"{where} asked to slow down while {doing} {thing}.{tries} It said: {said}",
                "Try later, or with a lower -Parallelism."),
            S3FailureKind.Unavailable or S3FailureKind.NameLookup => New(
                HestiaErrorCode.StoreUnavailable, $"{where} could not be reached, or failed, while {doing} {thing}.{tries} {said}",
                "Check the endpoint, the network and the service, then run it again; what was sent is not sent again."),
            S3FailureKind.Tls => New(
                HestiaErrorCode.TlsUntrusted, $"The certificate of {where} was refused while {doing} {thing}: {said}",
                "Give the certificate of its authority with -CACertificatePath, and use the host name the certificate is for."),
            S3FailureKind.ClockSkew => New(
                HestiaErrorCode.ClockSkew,
                $"{where} refused a request because the clocks differ: here it is {Time(DateTime.UtcNow)}"
                    + (serverTime is { } there ? $", there {Time(there)}" : "") + $". {said}",
                "Set the clock of this machine (NTP)."),
            S3FailureKind.NoBucket => New(
                HestiaErrorCode.ContainerNotFound, $"The bucket of '{location}' does not exist at {where}. {said}",
                "Check the name, the endpoint and the region, or create the bucket: Hestia never creates one."),
            S3FailureKind.NoCredentials => New(
                HestiaErrorCode.CredentialsMissing, $"No credentials for '{location}' could be had: {said}",
                "Give -Credential, or set up what the AWS SDK looks for: environment variables, a profile, a role."),
            S3FailureKind.BadCredentials => New(
                HestiaErrorCode.CredentialsRejected, $"{where} does not accept the credentials for '{location}'. {said}",
                "Check the access key id, the secret and the session token, and that they have not expired."),
            S3FailureKind.WrongRegion => New(
                HestiaErrorCode.InvalidOption, $"The bucket of '{location}' is in another region. {said}", "Give the right -Region."),
            S3FailureKind.Denied => New(
                HestiaErrorCode.AccessDenied, $"{where} refused access while {doing} {thing}. {said}",
                "Give these credentials the permissions that docs/repository.md lists."),
            S3FailureKind.Full => New(
                HestiaErrorCode.DiskFull, $"{where} has no room left while {doing} {thing}. {said}",
                "Free space or raise the quota there, then run it again; what was sent is not sent again."),
            S3FailureKind.ChecksumRefused => New(
                HestiaErrorCode.InvalidOption, $"{where} computes another checksum than was sent with {thing}.{tries} {said}",
                "If it happens each time, the service does not understand it: use -ChecksumMode WhenRequired. If not, check the network."),
            S3FailureKind.Encryption => New(
                HestiaErrorCode.InvalidOption, $"{where} refused the server-side encryption while {doing} {thing}. {said}",
                "Check -ServerSideEncryption and -KmsKeyId, and that the credentials may use the key."),
            S3FailureKind.StorageClass => New(
                HestiaErrorCode.InvalidOption, $"{where} does not know the storage class '{options.StorageClass}'. {said}",
                "Give one the service has, or leave -StorageClass out."),
            _ => New(
                HestiaErrorCode.IoError, $"{where} refused a request while {doing} {thing}.{tries} {said}",
                "See what the service said; its own log may say more."),
        };

        HestiaException New(HestiaErrorCode code, string message, string action) => new(code, message, location, action, Cause);
    }

    private static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static S3Failure Network(S3FailureKind kind, string message, Exception cause) => new(kind, 0, "", message, null, cause);

    private static S3FailureKind KindOf(AmazonServiceException e)
    {
        switch (e.ErrorCode)
        {
            case "NoSuchBucket":
                return S3FailureKind.NoBucket;
            case "SlowDown" or "SlowDownRead" or "SlowDownWrite" or "Throttling" or "ThrottlingException" or "ThrottledException"
                or "RequestThrottled" or "TooManyRequests" or "RequestLimitExceeded" or "BandwidthLimitExceeded":
                return S3FailureKind.Throttled;
            case "RequestTimeTooSkewed" or "RequestExpired":
                return S3FailureKind.ClockSkew;
            case "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "InvalidToken" or "ExpiredToken" or "TokenRefreshRequired"
                or "ExpiredTokenException" or "UnrecognizedClientException" or "InvalidSecurity" or "InvalidClientTokenId":
                return S3FailureKind.BadCredentials;
            case "AuthorizationHeaderMalformed" or "PermanentRedirect" or "IllegalLocationConstraintException":
                return S3FailureKind.WrongRegion;
            case "QuotaExceeded" or "InsufficientCapacity" or "XMinioStorageFull" or "StorageFull" or "InsufficientStorage":
                return S3FailureKind.Full;
            case "RequestTimeout" or "InternalError":
                return S3FailureKind.Unavailable;
            case "BadDigest" or "IncompleteBody" or "XAmzContentChecksumMismatch":
                return S3FailureKind.Corrupted;
            case "XAmzContentSHA256Mismatch" or "XAmzContentSHA256MismatchError" or "InvalidTrailer":
                return S3FailureKind.ChecksumRefused;
            case "ConditionalRequestConflict" or "OperationAborted":
                return S3FailureKind.Conflict;
            case "InvalidStorageClass":
                return S3FailureKind.StorageClass;
            case "InvalidEncryptionAlgorithmError" or "ServerSideEncryptionConfigurationNotFoundError":
                return S3FailureKind.Encryption;
        }

        if (e.ErrorCode?.StartsWith("KMS.", StringComparison.Ordinal) == true) return S3FailureKind.Encryption;
        return (int)e.StatusCode switch
        {
            301 or 307 => S3FailureKind.WrongRegion,
            400 when e.ErrorCode is null or "" or "BadRequest" or "400" => S3FailureKind.Spurious,
            401 => S3FailureKind.BadCredentials,
            403 => S3FailureKind.Denied,
            404 or 412 or 416 or 501 => S3FailureKind.Refusal,
            409 => S3FailureKind.Conflict,
            429 => S3FailureKind.Throttled,
            507 => S3FailureKind.Full,
            >= 500 => S3FailureKind.Unavailable,
            _ => S3FailureKind.Other,
        };
    }
}
