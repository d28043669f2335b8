namespace Hestia.Core.IO;

/// <summary>Tells the operating system's errors apart, on Unix by errno and on Windows by HRESULT.</summary>
internal static class IOErrors
{
    internal const int ENOSPC = 28;
    internal const int EROFS = 30;
    internal const int EIO = 5;

    /// <summary>An I/O failure that carries the errno of a direct libc call.</summary>
    internal static IOException FromErrno(int errno, string message) => new UnixIOException(errno, message);

    internal static bool IsDiskFull(Exception e) =>
        e is IOException io && (Errno(io) is ENOSPC or 122 /* EDQUOT */ || (OperatingSystem.IsWindows() && (io.HResult & 0xFFFF) is 112 or 39));

    internal static bool IsReadOnlyFileSystem(Exception e) =>
        e is IOException io && (Errno(io) is EROFS || (OperatingSystem.IsWindows() && (io.HResult & 0xFFFF) is 19));

    /// <summary>errno of a failure on Unix: .NET puts it into HResult for the errors it has no HRESULT for.</summary>
    private static int Errno(IOException io) => io is UnixIOException unix ? unix.Errno : OperatingSystem.IsWindows() ? 0 : io.HResult;

    private sealed class UnixIOException(int errno, string message) : IOException(message)
    {
        public int Errno { get; } = errno;
    }
}
