using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Core.IO;

/// <summary>
/// flock(2) on a descriptor of our own. Not .NET's FileShare (it admits two writers or hides the body, and an environment switch turns it
/// off) and not a POSIX record lock (closing any descriptor of the file drops it).
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed class UnixFileLock : FileLock
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;

    private UnixFileLock(string path, SafeFileHandle handle)
    {
        _path = path;
        _handle = handle;
    }

    public static UnixFileLock? TryTake(string path, bool shared)
    {
        if (!shared && !File.Exists(path)) Create(path);
        var handle = Platform.OpenDescriptor(path, write: !shared);
        try
        {
            // The folder may have been replaced (a restore) since the file was opened: the lock that counts is the one the path names.
            if (Platform.TryFlock(handle, path, shared) && Platform.IsStillNamed(handle, path)) return new UnixFileLock(path, handle);
        }
        catch
        {
            Release(handle);
            throw;
        }

        Release(handle);
        return null;
    }

    private static void Create(string path)
    {
        try
        {
            using var created = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, Platform.ShareAll);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Somebody else was first and has it locked already, which .NET's own flock at opening runs into; the lock will tell.
        }
    }

    public override void WriteBody(ReadOnlySpan<byte> body)
    {
        // Longer first, then the cut: a reader in between sees trailing garbage it can detect, never an empty owner.
        RandomAccess.Write(_handle, body, 0);
        RandomAccess.SetLength(_handle, body.Length);
    }

    public override void Dispose()
    {
        Release(_handle);
        GC.KeepAlive(_path);
    }

    /// <summary>
    /// Closing the descriptor is not enough: a process that this one is just starting holds a copy of it until its program begins, and with it the
    /// lock, which belongs to all copies together. Unlocking frees it for all of them.
    /// </summary>
    private static void Release(SafeFileHandle handle)
    {
        Platform.Unlock(handle);
        handle.Dispose();
    }
}
