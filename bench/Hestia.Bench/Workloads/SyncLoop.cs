using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Bench.Workloads;

/// <summary>
/// syncloop: what the disk itself gives a single synced writer. A file written full before, then one entry's bytes after the other into
/// it, fdatasync after each. No engine takes part.
/// </summary>
internal static class SyncLoop
{
    public const string EngineName = "reference";

    private const int FileBytes = 16 << 20;
    private const double MostSeconds = 10;

    public static Measurement Measure(BenchSession session)
    {
        Directory.CreateDirectory(session.Folder);
        var path = Path.Combine(session.Folder, "syncloop");
        var record = new byte[KeySpace.KeyBytes + session.Arguments.ValueBytes];
        var limit = TimeSpan.FromSeconds(Math.Min(session.Arguments.Seconds > 0 ? session.Arguments.Seconds : MostSeconds, MostSeconds));
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite))
        {
            RandomAccess.Write(file, new byte[FileBytes], 0);
            RandomAccess.FlushToDisk(file);
            var measured = Measurement.Of(limit, 1, (_, run) =>
            {
                var offset = 0L;
                while (run.Operations < session.Arguments.Entries && !run.TimeIsUp)
                {
                    run.Begin();
                    RandomAccess.Write(file, record, offset);
                    SyncData(file);
                    run.End();
                    offset += record.Length;
                    if (offset + record.Length > FileBytes) offset = 0;
                }
            });
            File.Delete(path);
            return measured;
        }
    }

    private static void SyncData(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux())
        {
            if (fdatasync((int)file.DangerousGetHandle()) != 0)
                throw new IOException($"fdatasync failed with error {Marshal.GetLastPInvokeError()}.");
        }
        else
        {
            RandomAccess.FlushToDisk(file);
        }
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int fdatasync(int descriptor);
}
