using System.Runtime.InteropServices;

namespace Hestia.Bench.Reporting;

/// <summary>Where something was measured.</summary>
internal sealed record MachineDescription(
    string Processor, int Cores, long MemoryBytes, string System, string Kernel, string FileSystem, string Runtime)
{
    public static MachineDescription OfThis(string folder) => new(
        ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.OSDescription,
        Environment.OSVersion.VersionString,
        FileSystemOf(folder),
        RuntimeInformation.FrameworkDescription);

    private static string ProcessorName()
    {
        var architecture = RuntimeInformation.ProcessArchitecture.ToString();
        if (!OperatingSystem.IsLinux()) return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? architecture;
        var line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
        return line is null ? architecture : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    /// <summary>The type of the file system that holds the folder: the mount with the longest matching path.</summary>
    private static string FileSystemOf(string folder)
    {
        if (!OperatingSystem.IsLinux()) return new DriveInfo(Path.GetPathRoot(Path.GetFullPath(folder))!).DriveFormat;
        var (best, type) = ("", "unknown");
        foreach (var line in File.ReadLines("/proc/self/mounts"))
        {
            var fields = line.Split(' ');
            var mount = fields[1].TrimEnd('/') + "/";
            if (mount.Length < best.Length || !(Path.GetFullPath(folder) + "/").StartsWith(mount, StringComparison.Ordinal)) continue;
            (best, type) = (mount, fields[2]);
        }

        return type;
    }
}
