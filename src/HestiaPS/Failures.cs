using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS;

/// <summary>The one place where a failure becomes an error record: ErrorId, category, target and way out.</summary>
internal static class Failures
{
    private const int NoSpaceOnUnix = 28;
    private const int NoSpaceOnWindows = unchecked((int)0x80070070);

    /// <summary>PowerShell shows the recommended action with an error since 7.5.</summary>
    private static readonly bool HostShowsAction =
        typeof(PSObject).Assembly.GetName().Version is { } version && version >= new Version(7, 5);

    public static ErrorRecord ToErrorRecord(Exception failure, object? target = null)
    {
        failure = Unwrap(failure);
        if (failure is HestiaException refusal) failure = PathFormats.Explain(refusal);
        return failure switch
        {
            HestiaException e => Record(e, e.Code.ToString(), CategoryOf(e.Code), e.Target ?? target, e.RecommendedAction),
            HestiaCommandException e => Record(e, e.ErrorId, e.Category, e.Target ?? target, e.RecommendedAction),
            _ => FromSystem(failure, target),
        };
    }

    /// <summary>Whether an exception is a failure to report, and not PowerShell's own way of ending a pipeline.</summary>
    public static bool IsReportable(Exception failure) =>
        Unwrap(failure) is HestiaException or HestiaCommandException or IOException or UnauthorizedAccessException or InvalidDataException;

    private static Exception Unwrap(Exception failure) =>
        failure is AggregateException aggregate && aggregate.Flatten().InnerExceptions is { Count: > 0 } inner ? inner[0] : failure;

    private static ErrorRecord FromSystem(Exception failure, object? target)
    {
        var (code, action) = failure switch
        {
            UnauthorizedAccessException =>
                (HestiaErrorCode.AccessDenied, "Run as a user that may read and write there, or correct the permissions."),
            FileNotFoundException or DirectoryNotFoundException or System.IO.DriveNotFoundException =>
                (HestiaErrorCode.PathNotFound, "Check the path."),
            IOException { HResult: NoSpaceOnUnix or NoSpaceOnWindows } =>
                (HestiaErrorCode.DiskFull, "Free space on that file system, then try again."),
            IOException => (HestiaErrorCode.IoError, "Check the device and the system log, then try again."),
            InvalidDataException => (HestiaErrorCode.ObjectDamaged, "Check the files with Test-HestiaIndex or Test-HestiaBackup."),
            OutOfMemoryException => (HestiaErrorCode.IoError, "Give the process more memory, or smaller caches."),
            _ => (HestiaErrorCode.InternalError, "This is a defect of Hestia: please report it with the exception's stack trace."),
        };
        return Record(failure, code.ToString(), CategoryOf(code), target, action);
    }

    private static ErrorRecord Record(Exception failure, string errorId, ErrorCategory category, object? target, string? action)
    {
        var record = new ErrorRecord(failure, errorId, category, target);
        if (action is not null) record.ErrorDetails = new ErrorDetails(MessageFor(failure.Message, action)) { RecommendedAction = action };
        return record;
    }

    /// <summary>The way out ends the exception's message; a host that shows RecommendedAction itself should not show it twice.</summary>
    private static string MessageFor(string message, string action) =>
        HostShowsAction && message.EndsWith(action, StringComparison.Ordinal) && message.Length > action.Length
            ? message[..^action.Length].TrimEnd() : message;

    private static ErrorCategory CategoryOf(HestiaErrorCode code) => code switch
    {
        HestiaErrorCode.PathNotFound or HestiaErrorCode.RepositoryNotFound or HestiaErrorCode.BackupNotFound
            or HestiaErrorCode.ObjectMissing or HestiaErrorCode.ContainerNotFound or HestiaErrorCode.KeyNotFound
            or HestiaErrorCode.SegmentMissing or HestiaErrorCode.ManifestMissing => ErrorCategory.ObjectNotFound,
        HestiaErrorCode.NotAnIndex or HestiaErrorCode.NotAnExport or HestiaErrorCode.KeyEmpty or HestiaErrorCode.KeyTooLong
            or HestiaErrorCode.ValueTooLarge or HestiaErrorCode.BatchTooLarge or HestiaErrorCode.InvalidOption => ErrorCategory.InvalidArgument,
        HestiaErrorCode.EncodingMismatch => ErrorCategory.InvalidType,
        HestiaErrorCode.FormatUnsupported or HestiaErrorCode.ForeignFormat => ErrorCategory.NotImplemented,
        HestiaErrorCode.TargetNotEmpty or HestiaErrorCode.IndexExists or HestiaErrorCode.RepositoryExists
            or HestiaErrorCode.BackupDiffers or HestiaErrorCode.FileExists or HestiaErrorCode.EntriesDiffer => ErrorCategory.ResourceExists,
        HestiaErrorCode.IndexInUse => ErrorCategory.ResourceBusy,
        HestiaErrorCode.LockUnsupported or HestiaErrorCode.DiskFull => ErrorCategory.ResourceUnavailable,
        HestiaErrorCode.FormatTooNew or HestiaErrorCode.ForeignFile or HestiaErrorCode.SettingsDamaged or HestiaErrorCode.ManifestDamaged
            or HestiaErrorCode.WalDamaged or HestiaErrorCode.WalGap or HestiaErrorCode.SegmentDamaged or HestiaErrorCode.RepositoryDamaged
            or HestiaErrorCode.BackupDamaged or HestiaErrorCode.ObjectDamaged or HestiaErrorCode.SourceDamaged
            or HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.ArchiveDiverged
            or HestiaErrorCode.ExportDamaged => ErrorCategory.InvalidData,
        HestiaErrorCode.IndexFailed or HestiaErrorCode.IndexClosed or HestiaErrorCode.IndexReadOnly
            or HestiaErrorCode.NotRepairable or HestiaErrorCode.LastRestorableBackup or HestiaErrorCode.PointNotReachable => ErrorCategory.InvalidOperation,
        HestiaErrorCode.SnapshotLimit or HestiaErrorCode.SegmentLimit => ErrorCategory.LimitsExceeded,
        HestiaErrorCode.AccessDenied => ErrorCategory.PermissionDenied,
        HestiaErrorCode.CredentialsMissing or HestiaErrorCode.CredentialsRejected
            or HestiaErrorCode.ClockSkew => ErrorCategory.AuthenticationError,
        HestiaErrorCode.TlsUntrusted or HestiaErrorCode.KeyMissing or HestiaErrorCode.KeyRejected
            or HestiaErrorCode.RepositoryNotEncrypted => ErrorCategory.SecurityError,
        HestiaErrorCode.StoreUnavailable => ErrorCategory.ConnectionError,
        HestiaErrorCode.StoreThrottled or HestiaErrorCode.RepositoryBusy => ErrorCategory.ResourceBusy,
        HestiaErrorCode.IoError => ErrorCategory.DeviceError,
        HestiaErrorCode.TimedOut => ErrorCategory.OperationTimeout,
        HestiaErrorCode.RepairWouldLoseData or HestiaErrorCode.PinExpired => ErrorCategory.OperationStopped,
        _ => ErrorCategory.NotSpecified,
    };

    /// <summary>For what is not understood here, which is no damage: nothing is known of its state.</summary>
    public static ErrorRecord NotUnderstood(string what, string path, FindingInfo[] findings) => ToErrorRecord(new Hestia.Core.HestiaException(
        Hestia.Core.HestiaErrorCode.FormatUnsupported,
        $"{what} is of a form that is not understood here, which says nothing about its state: {FindingInfo.Summary(findings)}",
        path, "Use it, and check it, with the version of HestiaStore that wrote it."));
}
