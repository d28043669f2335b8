namespace Hestia.Core.IO;

/// <summary>Tells the operating system's errors apart, on Unix by errno and on Windows by HRESULT.</summary>
internal static class IOErrors
{
    internal const int ENOSPC = 28;
    internal const int EROFS = 30;
    private const int EPERM = 1;
    private const int ENOENT = 2;
    private const int EACCES = 13;

    /// <summary>What the base library would throw for the errno of a direct libc call; other errors carry the errno.</summary>
    internal static Exception FromErrno(int errno, string message) => errno switch
    {
        ENOENT => new FileNotFoundException(message),
        EACCES or EPERM => new UnauthorizedAccessException(message),
        _ => new UnixIOException(errno, message),
    };

    /// <summary>Whether a sync failed, however deep the failure is wrapped.</summary>
    internal static bool IsSyncFailure(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            if (e is SyncFailedException) return true;
        return false;
    }

    internal static bool IsDiskFull(Exception e) =>
        e is IOException io && (Errno(io) is ENOSPC or 122 /* EDQUOT */ || (OperatingSystem.IsWindows() && (io.HResult & 0xFFFF) is 112 or 39));

    /// <summary>Whether the file system has no such thing (ENOTSUP, ENOSYS, EINVAL).</summary>
    internal static bool IsNotSupported(Exception e) => e is IOException io && Errno(io) is 95 or 45 or 38 or 78 or 22;

    internal static bool IsReadOnlyFileSystem(Exception e) =>
        e is IOException io && (Errno(io) is EROFS || (OperatingSystem.IsWindows() && (io.HResult & 0xFFFF) is 19));

    /// <summary>errno of a failure on Unix: .NET puts it into HResult for the errors it has no HRESULT for.</summary>
    private static int Errno(IOException io) => io is UnixIOException unix ? unix.Errno : OperatingSystem.IsWindows() ? 0 : io.HResult;

    private sealed class UnixIOException(int errno, string message) : IOException(message)
    {
        public int Errno { get; } = errno;
    }
}
