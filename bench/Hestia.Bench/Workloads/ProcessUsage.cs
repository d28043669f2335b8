using System.Diagnostics;
using System.Globalization;

namespace Hestia.Bench.Workloads;

/// <summary>What this process takes: resident memory, bytes written, bytes on disk.</summary>
internal static class ProcessUsage
{
    /// <summary>Largest resident size since start or the last <see cref="ResetPeak"/>, in bytes.</summary>
    public static long PeakBytes()
    {
        if (OperatingSystem.IsLinux() && Field("/proc/self/status", "VmHWM:") is { } kilobytes) return kilobytes << 10;
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    /// <summary>Starts a new peak where the kernel lets us; elsewhere the peak is that of the process so far.</summary>
    public static void ResetPeak()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A kernel without it: the figure is then the peak since the process started, which is never too small.
        }
    }

    /// <summary>
    /// Bytes this process has given to write calls, whichever engine made them; null where the system does not count them. An engine that
    /// writes through a memory mapping would hide from it; none here does but for SQLite's small wal-index.
    /// </summary>
    public static long? WrittenBytes() => OperatingSystem.IsLinux() ? Field("/proc/self/io", "wchar:") : null;

    public static long DirectoryBytes(string path)
    {
        var sum = 0L;
        if (!Directory.Exists(path)) return sum;
        foreach (var file in new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            try
            {
                sum += file.Length;
            }
            catch (FileNotFoundException)
            {
                // Deleted by the engine meanwhile.
            }
        }

        return sum;
    }

    /// <summary>Copies a directory as it is, the files an engine has open included.</summary>
    public static void CopyDirectory(string source, string destination)
    {
        foreach (var folder in Directory.EnumerateDirectories(source, "*", SearchOption.AllDirectories).Prepend(source))
        {
            var target = Path.Combine(destination, Path.GetRelativePath(source, folder));
            Directory.CreateDirectory(target);
            foreach (var file in Directory.EnumerateFiles(folder))
            {
                if (Path.GetFileName(file) == ".control") continue; // a socket, which dies with its process
                using var to = new FileStream(Path.Combine(target, Path.GetFileName(file)), FileMode.CreateNew);
                // A lock file cannot be read while it is held; what it says does not matter after a crash.
                if (file.EndsWith("lock", StringComparison.OrdinalIgnoreCase)) continue;
                using var from = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                from.CopyTo(to);
            }
        }
    }

    private static long? Field(string file, string name)
    {
        try
        {
            foreach (var line in File.ReadLines(file))
            {
                if (!line.StartsWith(name, StringComparison.Ordinal)) continue;
                return long.Parse(line.AsSpan(name.Length).Trim().TrimEnd("kB").Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not counted for us here.
        }

        return null;
    }
}
