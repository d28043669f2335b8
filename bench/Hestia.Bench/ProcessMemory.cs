using System.Diagnostics;
using System.Globalization;

namespace Hestia.Bench;

/// <summary>Resident memory of this process.</summary>
internal static class ProcessMemory
{
    /// <summary>Largest resident size since start or the last <see cref="ResetPeak"/>, in bytes.</summary>
    public static long PeakBytes()
    {
        if (OperatingSystem.IsLinux())
        {
            foreach (var line in File.ReadLines("/proc/self/status"))
            {
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), NumberStyles.None, CultureInfo.InvariantCulture) << 10;
            }
        }

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

    public static long DirectoryBytes(string path) =>
        Directory.Exists(path) ? new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) : 0;
}
