using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Hestia.Core.IO;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Unit.Crashes;

/// <summary>
/// A small file system of its own in a temporary folder: ext4 or xfs in an image file, or tmpfs. One at a time in this process.
/// Unmounted and removed when it is disposed, and when the process ends before that. The kernel frees the loop device with it.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed partial class ScratchMount : IDisposable
{
    private const int UnmountTries = 200;
    private static readonly SemaphoreSlim s_one = new(1, 1);
    private readonly string _root;
    private readonly string _device;
    private bool _mounted;
    private int _disposed;

    private ScratchMount(string kind, string root, string device)
    {
        Kind = kind;
        _root = root;
        _device = device;
        Point = Path.Combine(root, "mounted");
        Directory.CreateDirectory(Point);
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    public string Kind { get; }

    /// <summary>The folder it is mounted at.</summary>
    public string Point { get; }

    /// <summary>Makes and mounts one; skips the test where that is not possible here.</summary>
    /// <param name="kind">ext4, xfs or tmpfs.</param>
    /// <param name="megabytes">Its size; xfs takes no less than 320.</param>
    /// <param name="device">Makes the device in the folder that is given; null for an image file.</param>
    public static ScratchMount Create(string kind, int megabytes, Func<string, string>? device = null)
    {
        SystemTools.Require(root: true, kind == "tmpfs" ? ["mount", "umount"] : ["mount", "umount", "mkfs." + kind]);
        s_one.Wait();
        var root = CrashSettings.NewFolder();
        ScratchMount? mount = null;
        try
        {
            var size = (long)(kind == "xfs" ? Math.Max(megabytes, 320) : megabytes) << 20;
            if (kind == "tmpfs")
            {
                mount = new ScratchMount(kind, root, string.Create(CultureInfo.InvariantCulture, $"size={size}"));
            }
            else
            {
                mount = new ScratchMount(kind, root, device is null ? Path.Combine(root, "image") : device(root));
                if (device is null) using (var image = File.Create(mount._device)) image.SetLength(size); // sparse
                SystemTools.MustRun("mkfs." + kind, kind == "xfs" ? ["-q", "-f", mount._device] : ["-q", "-F", mount._device]);
            }

            if (mount.TryMount() is { } refused) Assert.Skip($"A {kind} file system cannot be mounted here: {refused}");
            return mount;
        }
        catch
        {
            if (mount is not null)
            {
                mount.Dispose();
            }
            else
            {
                Directory.Delete(root, recursive: true);
                s_one.Release();
            }

            throw;
        }
    }

    /// <summary>Mounts it again, which recovers the file system.</summary>
    public void Mount() => Assert.True(TryMount() is null, $"{Kind} did not mount again.");

    public void Unmount()
    {
        if (!_mounted) return;
        string output = "";
        for (var attempt = 0; attempt < UnmountTries; attempt++)
        {
            (var exitCode, output) = SystemTools.Run("umount", Point);
            if (exitCode == 0)
            {
                _mounted = false;
                return;
            }

            Thread.Sleep(50); // whoever used it is ended, and the kernel still tidies up after it
        }

        Assert.Fail($"{Kind} at {Point} did not unmount: {output}");
    }

    /// <summary>
    /// The file system stops as at a power loss: what was not synced is not written any more. Returns the moment before it began. A sync
    /// that is under way just then may be told that it succeeded although nothing was written (measured with a program of twenty lines on
    /// ext4 and xfs, one shutdown in twenty), which a real power loss cannot: nobody is left to be told. So what was
    /// acknowledged after that moment does not count.
    /// </summary>
    public unsafe long CutPower()
    {
        const nuint Shutdown = 0x8004587D; // _IOR('X', 125, __u32), the same for ext4 and xfs
        uint withoutFlushingTheLog = 2;
        using var folder = Platform.OpenDescriptor(Point, write: false);
        var before = Stopwatch.GetTimestamp();
        var result = ioctl(folder, Shutdown, &withoutFlushingTheLog);
        Assert.True(result == 0, $"{Kind} did not shut down: {Marshal.GetLastPInvokeErrorMessage()}");
        return before;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        try
        {
            Remove();
        }
        finally
        {
            s_one.Release();
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int ioctl(SafeFileHandle descriptor, nuint request, uint* argument);

    private void OnProcessExit(object? sender, EventArgs e) => Remove();

    private void Remove()
    {
        if (_mounted && SystemTools.Run("umount", Point).ExitCode != 0) SystemTools.Run("umount", "-l", Point);
        _mounted = false;
        Directory.Delete(Point); // refuses if anything is still there, so nothing mounted is ever emptied
        if (Kind != "tmpfs" && File.Exists(Path.Combine(_root, "image"))) File.Delete(Path.Combine(_root, "image"));
        if (Directory.GetFileSystemEntries(_root).Length == 0) Directory.Delete(_root);
    }

    private string? TryMount()
    {
        var (exitCode, output) = Kind == "tmpfs"
            ? SystemTools.Run("mount", "-t", "tmpfs", "-o", _device, "tmpfs", Point)
            : SystemTools.Run("mount", "-t", Kind, "-o", "loop", _device, Point);
        _mounted = exitCode == 0;
        return _mounted ? null : output.Trim();
    }
}
