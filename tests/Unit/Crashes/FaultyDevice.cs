using System.Diagnostics;

namespace Hestia.Unit.Crashes;

/// <summary>
/// A block device whose writes fail once it is armed: an image file behind an NBD server that injects EIO, shown as a file by FUSE, for a
/// loop device to stand on. So the errors come to the file system from below, as those of a dying disk do.
/// </summary>
internal sealed class FaultyDevice : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly string _root = CrashSettings.NewFolder();
    private readonly Process _server;

    private FaultyDevice(long bytes)
    {
        var image = Path.Combine(_root, "image");
        using (var file = File.Create(image)) file.SetLength(bytes);
        Directory.CreateDirectory(Folder);
        var start = new ProcessStartInfo(SystemTools.Find("nbdfuse")!)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        string[] arguments =
        [
            Device, "[", "nbdkit", "--exit-with-parent", "--filter=error", "file", image,
            "error-pwrite=EIO", "error-pwrite-rate=100%", "error-pwrite-file=" + Trip, "]",
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        _server = Process.Start(start)!;
        _server.BeginOutputReadLine();
        _server.BeginErrorReadLine(); // it tells every error it makes
    }

    public string Device => Path.Combine(Folder, "nbd");

    private string Folder => Path.Combine(_root, "device");

    private string Trip => Path.Combine(_root, "trip");

    /// <summary>Starts one; skips the test where that is not possible here.</summary>
    public static FaultyDevice Create(long bytes)
    {
        SystemTools.Require(root: true, "nbdkit", "nbdfuse", "fusermount3");
        if (!File.Exists("/dev/fuse")) Assert.Skip("There is no /dev/fuse.");
        var device = new FaultyDevice(bytes);
        var clock = Stopwatch.StartNew();
        while (!File.Exists(device.Device) || new FileInfo(device.Device).Length != bytes)
        {
            if (device._server.HasExited || clock.Elapsed > Patience)
            {
                device.Dispose();
                Assert.Skip("nbdfuse does not start here.");
            }

            Thread.Sleep(10);
        }

        return device;
    }

    /// <summary>From now on every write to the device fails.</summary>
    public void Arm() => File.WriteAllText(Trip, "");

    public void Disarm() => File.Delete(Trip);

    public void Dispose()
    {
        Disarm();
        if (!_server.HasExited)
        {
            SystemTools.Run("fusermount3", "-u", Folder);
            if (!_server.WaitForExit(Patience))
            {
                _server.Kill();
                _server.WaitForExit();
                SystemTools.Run("fusermount3", "-u", "-z", Folder);
            }
        }

        _server.Dispose();
        Directory.Delete(Folder); // refuses while it is mounted
        Directory.Delete(_root, recursive: true);
    }
}
