using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Core.IO;

/// <summary>
/// Everything that differs between operating systems, in one place. fsync goes through libc and not through FileStream.Flush(true) or
/// RandomAccess.FlushToDisk: on Linux those return normally when fsync fails.
/// </summary>
internal static partial class Platform
{
    public const FileShare ShareAll = FileShare.ReadWrite | FileShare.Delete;

    private const int EINTR = 4;
    private const int EINVAL = 22;
    private const int ENOTSUP = 95;
    private const int ENOSYS = 38;
    private const int ENOLCK = 37;
    private const int F_FULLFSYNC = 51;
    private const int SharingViolationRetries = 20;

    /// <summary>
    /// Runs a call again while Windows reports a sharing violation (a virus scanner or an indexer has the file open for a moment):
    /// 20 tries in about two seconds. Elsewhere it runs once.
    /// </summary>
    public static T Retry<T>(Func<T> call)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return call();
            }
            catch (Exception e) when (attempt < SharingViolationRetries && IsTransientOnWindows(e))
            {
                Thread.Sleep(Math.Min(10 * attempt, 100));
            }
        }
    }

    /// <inheritdoc cref="Retry{T}(Func{T})"/>
    public static void Retry(Action call) => Retry(() =>
    {
        call();
        return true;
    });

    /// <summary>The sync helper: the only way Hestia makes a file durable.</summary>
    public static void Sync(SafeFileHandle handle, string path, bool dataOnly)
    {
        if (OperatingSystem.IsWindows())
        {
            if (!FlushFileBuffers(handle)) throw new SyncFailedException($"FlushFileBuffers failed on '{path}': {Marshal.GetLastPInvokeErrorMessage()}");
            return;
        }

        int result;
        do
        {
            if (OperatingSystem.IsMacOS())
            {
                result = fcntl(handle, F_FULLFSYNC);
                // A file system without F_FULLFSYNC (SMB, some FUSE) still has fsync.
                if (result != 0 && Marshal.GetLastPInvokeError() is EINVAL or 45 or 25) result = fsync(handle);
            }
            else
            {
                result = dataOnly ? fdatasync(handle) : fsync(handle);
            }
        }
        while (result != 0 && Marshal.GetLastPInvokeError() == EINTR);
        if (result != 0) throw new SyncFailedException($"{(dataOnly ? "fdatasync" : "fsync")} failed on '{path}': {Marshal.GetLastPInvokeErrorMessage()}");
    }

    public static void SyncDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        // .NET refuses to open a directory, so the descriptor comes from libc as well.
        using var handle = OpenDescriptor(path, write: false);
        int result;
        do result = fsync(handle);
        while (result != 0 && Marshal.GetLastPInvokeError() == EINTR);
        if (result == 0) return;
        if (Marshal.GetLastPInvokeError() is EINVAL or ENOTSUP) return; // such file systems (some FUSE) have no directory sync to fail
        throw new SyncFailedException($"fsync failed on directory '{path}': {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>Reserves space; where the file system can't, the file is extended (a later write may then find the disk full, and says so).</summary>
    public static void Preallocate(SafeFileHandle handle, long length)
    {
        if (OperatingSystem.IsLinux())
        {
            int result;
            do result = fallocate(handle, 0, 0, length);
            while (result != 0 && Marshal.GetLastPInvokeError() == EINTR);
            if (result == 0) return;
            if (Marshal.GetLastPInvokeError() is not (ENOTSUP or ENOSYS or EINVAL)) throw LastError("fallocate failed");
        }

        if (RandomAccess.GetLength(handle) < length) RandomAccess.SetLength(handle, length);
    }

    /// <summary>
    /// Tells the kernel to begin with writing these bytes to the device, and does not wait. Nothing is durable for it, and no error is taken
    /// from the sync that follows. Only Linux has it.
    /// </summary>
    public static void StartWriting(SafeFileHandle handle, long offset, long count)
    {
        const uint Write = 2; // SYNC_FILE_RANGE_WRITE
        if (OperatingSystem.IsLinux()) _ = sync_file_range(handle, offset, count, Write);
    }

    public static FileLock? TryLock(string path, bool shared) =>
        OperatingSystem.IsWindows() ? WindowsFileLock.TryTake(path, shared) : UnixFileLock.TryTake(path, shared);

    /// <summary>
    /// Processes that hold a lock on a file, as far as the system tells; readers write their names nowhere. Only Linux lists them.
    /// </summary>
    public static unsafe IReadOnlyList<int> FindLockHolders(string path)
    {
        var found = new SortedSet<int>();
        if (!OperatingSystem.IsLinux()) return [];
        const int AtCurrentDirectory = -100;
        const uint InodeNumber = 0x100;
        const int Inode = 32; // stx_ino
        var buffer = stackalloc byte[256];
        if (statx(AtCurrentDirectory, path, 0, InodeNumber, buffer) != 0) return [];
        // "1: FLOCK  ADVISORY  READ 4711 fe:01:131 0 EOF". The device is another one than statx says on some file systems, so it is not compared: whoever
        // locks a file of the same number elsewhere must at least have this one open.
        var inode = ":" + (*(ulong*)(buffer + Inode)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            foreach (var line in File.ReadLines("/proc/locks"))
            {
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length < 6 || fields[1] == "->" || !fields[5].EndsWith(inode, StringComparison.Ordinal)) continue;
                if (int.TryParse(fields[4], System.Globalization.CultureInfo.InvariantCulture, out var pid) && pid > 0 && HasOpen(pid, path)) found.Add(pid);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }

        return [.. found];
    }

    private static bool HasOpen(int processId, string path)
    {
        var name = "/" + Path.GetFileName(path);
        try
        {
            foreach (var link in Directory.EnumerateFiles($"/proc/{processId}/fd"))
                if (new FileInfo(link).LinkTarget is { } target && target.EndsWith(name, StringComparison.Ordinal)) return true;
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true; // a process into which one may not look
        }
    }

    /// <summary>Gives a file or directory the owner and group of <paramref name="model"/> (root only), its permission bits and its access lists.</summary>
    public static void CopyOwnership(string model, string path)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                WindowsAccessLists.Copy(model, path);
                return;
            }

            var mode = File.GetUnixFileMode(model);
            if (!Directory.Exists(path) && Directory.Exists(model)) mode &= ~(UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
            // What is peculiar to a shared folder such as /tmp (anyone may write, sticky) is no right anyone was given on what lies in it.
            mode &= ~(UnixFileMode.OtherWrite | UnixFileMode.StickyBit | UnixFileMode.SetUser);
            PosixAccessLists.Copy(model, path, ref mode);
            if (File.GetUnixFileMode(path) != mode) File.SetUnixFileMode(path, mode);
            if (geteuid() != 0) return; // only root may give files away, and only what root made needs it
            var (user, group) = OwnerOf(model);
            if (user == 0 && group == 0) return;
            if (chown(path, user, group) != 0) throw LastError($"chown failed on '{path}'");
        }
        catch (Exception e) when (e is UnauthorizedAccessException || IOErrors.IsNotSupported(e))
        {
            // A mount without owners and modes (FAT, most SMB) gives every file the same ones already.
        }
    }

    /// <summary>Opens an existing file outside .NET's own advisory locking, which would get in the way of <see cref="TryFlock"/>.</summary>
    [UnsupportedOSPlatform("windows")]
    public static SafeFileHandle OpenDescriptor(string path, bool write)
    {
        int descriptor;
        do descriptor = open(path, (write ? 2 /* O_RDWR */ : 0) | CloseOnExec, 0);
        while (descriptor < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw LastError($"cannot open '{path}'");
    }

    /// <summary>flock without waiting; false if another descriptor holds it.</summary>
    [UnsupportedOSPlatform("windows")]
    public static bool TryFlock(SafeFileHandle handle, string path, bool shared)
    {
        int result;
        do result = flock(handle, (shared ? 1 /* LOCK_SH */ : 2 /* LOCK_EX */) | 4 /* LOCK_NB */);
        while (result != 0 && Marshal.GetLastPInvokeError() == EINTR);
        if (result == 0) return true;
        var errno = Marshal.GetLastPInvokeError();
        if (errno is 11 or 35) return false; // EWOULDBLOCK on Linux and macOS
        if (errno is ENOTSUP or ENOSYS or ENOLCK or EINVAL) throw new NotSupportedException($"The file system of '{path}' has no flock: {Marshal.GetPInvokeErrorMessage(errno)}.");
        throw LastError($"flock failed on '{path}'");
    }

    /// <summary>Gives up what <see cref="TryFlock"/> took, through whatever copy of the descriptor; nothing happens if there is no lock.</summary>
    [UnsupportedOSPlatform("windows")]
    public static void Unlock(SafeFileHandle handle)
    {
        int result;
        do result = flock(handle, 8 /* LOCK_UN */);
        while (result != 0 && Marshal.GetLastPInvokeError() == EINTR);
    }

    /// <summary>Locks one byte of a file without waiting, for many holders or for one; false if another handle is in the way. Closing the handle unlocks it.</summary>
    [SupportedOSPlatform("windows")]
    public static unsafe bool TryLockByte(SafeFileHandle handle, string path, long offset, bool shared)
    {
        const uint FailImmediately = 1, Exclusive = 2;
        const int InvalidFunction = 1, LockViolation = 33, NotSupported = 50, IOPending = 997;
        var at = new NativeOverlapped { OffsetLow = unchecked((int)offset), OffsetHigh = (int)(offset >> 32) };
        if (LockFileEx(handle, shared ? FailImmediately : FailImmediately | Exclusive, 0, 1, 0, &at)) return true;
        var error = Marshal.GetLastPInvokeError();
        if (error is LockViolation or IOPending) return false;
        var message = $"LockFileEx failed on '{path}': {Marshal.GetPInvokeErrorMessage(error)}";
        throw error is InvalidFunction or NotSupported ? new NotSupportedException(message) : new IOException(message, unchecked((int)0x80070000) | error);
    }

    /// <summary>
    /// Whether the path still names the file that is open: it may have been renamed away between opening and locking it. Only Linux is asked
    /// (statx has one layout everywhere).
    /// </summary>
    public static unsafe bool IsStillNamed(SafeFileHandle handle, string path)
    {
        if (!OperatingSystem.IsLinux()) return true;
        const int AtCurrentDirectory = -100;
        const int EmptyPath = 0x1000;
        const uint InodeNumber = 0x100;
        byte* open = stackalloc byte[256], named = stackalloc byte[256];
        if (statx((int)handle.DangerousGetHandle(), "", EmptyPath, InodeNumber, open) != 0) throw LastError($"statx failed on '{path}'");
        if (statx(AtCurrentDirectory, path, 0, InodeNumber, named) != 0) return false;
        const int Inode = 32, Device = 136; // stx_ino; stx_dev_major and _minor
        return *(ulong*)(open + Inode) == *(ulong*)(named + Inode) && *(ulong*)(open + Device) == *(ulong*)(named + Device);
    }

    /// <summary>
    /// Length of a file, null if there is none, by one system call: a backup asks for thousands. False where it cannot be had this way. Only
    /// Linux is asked (statx has one layout everywhere).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe bool TryGetLength(string path, out long? length)
    {
        length = null;
        if (!OperatingSystem.IsLinux()) return false;
        const int AtCurrentDirectory = -100;
        const uint TypeAndSize = 0x1 | 0x200;
        const int Mode = 28, Size = 40; // stx_mode, stx_size
        const int ENOENT = 2, ENOTDIR = 20, TypeMask = 0xF000, RegularFile = 0x8000;
        var buffer = stackalloc byte[256];
        if (statx(AtCurrentDirectory, path, 0, TypeAndSize, buffer) != 0) return Marshal.GetLastPInvokeError() is ENOENT or ENOTDIR;
        if ((*(ushort*)(buffer + Mode) & TypeMask) == RegularFile) length = *(long*)(buffer + Size);
        return true;
    }

    /// <summary>
    /// Opens an existing file. On Unix not through .NET, which takes a flock of its own on everything it opens and so could not read a
    /// <c>.lock</c> that is held.
    /// </summary>
    public static SafeFileHandle OpenExisting(string path, bool write, FileOptions options) => OperatingSystem.IsWindows()
        ? File.OpenHandle(path, FileMode.Open, write ? FileAccess.ReadWrite : FileAccess.Read, ShareAll, options)
        : OpenDescriptor(path, write);

    /// <summary>Bytes free for this user where <paramref name="path"/> is or will be. .NET's DriveInfo knows drives on Windows, not shares.</summary>
    public static long AvailableBytes(string path)
    {
        var folder = Path.GetFullPath(path);
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent) folder = parent;
        if (!OperatingSystem.IsWindows()) return new DriveInfo(folder).AvailableFreeSpace;
        if (!Path.EndsInDirectorySeparator(folder)) folder += Path.DirectorySeparatorChar; // a share must end in one
        if (GetDiskFreeSpaceExW(folder, out var available, 0, 0)) return (long)Math.Min(available, long.MaxValue);
        var error = Marshal.GetLastPInvokeError();
        throw new IOException(
            $"The free space of '{folder}' is not known: {Marshal.GetPInvokeErrorMessage(error)}", unchecked((int)0x80070000) | error);
    }

    /// <summary>A second name for a file; false where it cannot be had (another file system, or one without hard links).</summary>
    public static bool TryLink(string existing, string newName) =>
        OperatingSystem.IsWindows() ? CreateHardLinkW(newName, existing, 0) : link(existing, newName) == 0;

    /// <summary>
    /// Renames unless the target exists, by link and unlink: .NET's File.Move without overwriting looks first and then renames, so that of
    /// several racers two can win. A crash in between leaves both names.
    /// </summary>
    [UnsupportedOSPlatform("windows")]
    public static bool TryRenameFile(string from, string to)
    {
        if (link(from, to) != 0)
        {
            const int EEXIST = 17;
            if (Marshal.GetLastPInvokeError() == EEXIST) return false;
            if (File.Exists(to)) return false;
            File.Move(from, to, overwrite: false); // no hard links here: as good as it gets
            return true;
        }

        File.Delete(from);
        return true;
    }

    /// <summary>
    /// Tells this running of this machine from any other, of a clone too: on Linux and macOS the kernel's own id, on Windows the machine's id and the time it was
    /// started; null where it is not known. Two machines that go on from one snapshot of memory cannot be told apart.
    /// </summary>
    public static unsafe string? BootId()
    {
        if (OperatingSystem.IsLinux()) return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        if (OperatingSystem.IsMacOS())
        {
            Span<byte> uuid = stackalloc byte[64];
            nuint length = (nuint)uuid.Length;
            fixed (byte* at = uuid)
                if (sysctlbyname("kern.bootsessionuuid", at, ref length, 0, 0) != 0) return null;
            return System.Text.Encoding.ASCII.GetString(uuid[..(int)length]).TrimEnd('\0');
        }

        if (!OperatingSystem.IsWindows()) return null;
        const string Cryptography = @"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography";
        if (Microsoft.Win32.Registry.GetValue(Cryptography, "MachineGuid", null) is not string machine) return null;
        // To the minute: the clock is corrected now and then. Where that shows, a process is taken to be of another start, which only makes others wait.
        var started = DateTime.UtcNow - TimeSpan.FromMilliseconds(GetTickCount64());
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{machine} {started.AddSeconds(30):yyyy-MM-dd'T'HH:mm'Z'}");
    }

    /// <summary>Sets the access rights that a socket gives to the file it is bound to.</summary>
    [UnsupportedOSPlatform("windows")]
    public static void SetMode(SafeSocketHandle socket, UnixFileMode mode)
    {
        if (fchmod(socket, (uint)mode) != 0) throw LastError("fchmod failed on a socket");
    }

    /// <summary>
    /// Whether a path names a socket; a link to one is none. Asked of the file system, not by opening it: another user's socket can be looked at and not be opened.
    /// </summary>
    /// <exception cref="IOException">There is nothing of that name, or it cannot be looked at.</exception>
    [UnsupportedOSPlatform("windows")]
    public static unsafe bool IsSocket(string path)
    {
        const int FileType = 0xF000, Socket = 0xC000;
        var buffer = stackalloc byte[256];
        if (OperatingSystem.IsLinux())
        {
            const int AtCurrentDirectory = -100, NoFollow = 0x100;
            const uint Type = 0x1;
            if (statx(AtCurrentDirectory, path, NoFollow, Type, buffer) != 0) throw LastError($"statx failed on '{path}'");
            return (*(ushort*)(buffer + 28) & FileType) == Socket;
        }

        // macOS: the mode follows the device in both processors' struct stat of 64-bit inodes.
        var failed = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? lstat64(path, buffer) : lstat(path, buffer);
        if (failed != 0) throw LastError($"lstat failed on '{path}'");
        return (*(ushort*)(buffer + 4) & FileType) == Socket;
    }

    /// <summary>Whether the process at the other end of a socket runs as this user, or as root. The kernel says so, not the process.</summary>
    [UnsupportedOSPlatform("windows")]
    public static bool IsOwnUserOrRoot(Socket socket)
    {
        uint user;
        if (OperatingSystem.IsLinux())
        {
            const int SOL_SOCKET = 1, SO_PEERCRED = 17;
            Span<byte> credentials = stackalloc byte[12]; // pid, uid, gid
            if (socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credentials) != credentials.Length) return false;
            user = MemoryMarshal.Read<uint>(credentials[4..]);
        }
        else if (getpeereid(socket.SafeHandle, out user, out _) != 0)
        {
            return false;
        }

        return user == 0 || user == geteuid();
    }

    /// <summary>The process that made a named pipe.</summary>
    [SupportedOSPlatform("windows")]
    public static int ServerOf(SafePipeHandle pipe) => GetNamedPipeServerProcessId(pipe, out var id) ? (int)id
        : throw new IOException($"The process behind a pipe is not known: {Marshal.GetLastPInvokeErrorMessage()}");

    /// <summary>Whether a pipe of that name is there, also if all its instances are taken.</summary>
    [SupportedOSPlatform("windows")]
    public static bool PipeExists(string name)
    {
        const uint NoWait = 1;
        const int FileNotFound = 2;
        return WaitNamedPipeW(@"\\.\pipe\" + name, NoWait) || Marshal.GetLastPInvokeError() != FileNotFound;
    }

    private static bool IsTransientOnWindows(Exception e) =>
        OperatingSystem.IsWindows() && (e is IOException && (e.HResult & 0xFFFF) is 32 or 33 or 5 || e is UnauthorizedAccessException && (e.HResult & 0xFFFF) == 5);

    private static Exception LastError(string what)
    {
        var errno = Marshal.GetLastPInvokeError();
        return IOErrors.FromErrno(errno, $"{what}: {Marshal.GetPInvokeErrorMessage(errno)}");
    }

    private static int CloseOnExec => OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;

    /// <summary>User and group of a file. Only Linux is asked (statx has one layout everywhere); elsewhere root keeps what it made.</summary>
    private static unsafe (uint User, uint Group) OwnerOf(string path)
    {
        if (!OperatingSystem.IsLinux()) return (uint.MaxValue, uint.MaxValue); // chown leaves an id of -1 as it is
        const int AtCurrentDirectory = -100;
        const uint UserAndGroup = 0x8 | 0x10;
        var buffer = stackalloc byte[256];
        if (statx(AtCurrentDirectory, path, 0, UserAndGroup, buffer) != 0) throw LastError($"statx failed on '{path}'");
        return (*(uint*)(buffer + 20), *(uint*)(buffer + 24));
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(SafeFileHandle descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeFileHandle descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle descriptor, int command);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(SafeFileHandle descriptor, int mode, long offset, long length);

    [LibraryImport("libc")]
    private static partial int sync_file_range(SafeFileHandle descriptor, long offset, long count, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(SafeFileHandle descriptor, int operation);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string existing, string newName);

    [LibraryImport("kernel32", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool CreateHardLinkW(string newName, string existing, nint securityAttributes);

    [LibraryImport("kernel32", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetDiskFreeSpaceExW(string folder, out ulong available, nint total, nint free);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static unsafe partial bool LockFileEx(SafeFileHandle file, uint flags, uint reserved, uint bytesLow, uint bytesHigh, NativeOverlapped* at);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chown(string path, uint user, uint group);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int statx(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int lstat(string path, byte* buffer);

    [LibraryImport("libc", EntryPoint = "lstat$INODE64", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int lstat64(string path, byte* buffer);

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int sysctlbyname(string name, byte* value, ref nuint length, nint newValue, nuint newLength);

    [LibraryImport("kernel32")]
    private static partial ulong GetTickCount64();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchmod(SafeSocketHandle descriptor, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getpeereid(SafeSocketHandle descriptor, out uint user, out uint group);

    [LibraryImport("kernel32", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool WaitNamedPipeW(string name, uint milliseconds);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetNamedPipeServerProcessId(SafePipeHandle pipe, out uint processId);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool FlushFileBuffers(SafeFileHandle handle);
}
