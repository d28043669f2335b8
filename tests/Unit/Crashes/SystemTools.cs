using System.Diagnostics;

namespace Hestia.Unit.Crashes;

/// <summary>Programs of the system that make faults: found, run, and missed with a reason.</summary>
internal static class SystemTools
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Skips the test where this machine cannot make the fault.</summary>
    public static void Require(bool root, params string[] tools)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("This fault can be made on Linux only.");
        if (root && !Environment.IsPrivilegedProcess) Assert.Skip("Mounting needs root.");
        foreach (var tool in tools)
            if (Find(tool) is null) Assert.Skip($"The program {tool} is not installed.");
    }

    /// <summary>Skips the test where system calls cannot be traced.</summary>
    public static void RequireTracing()
    {
        Require(root: false, "strace");
        var (exitCode, output) = Run("strace", "-f", "-qq", "-e", "trace=none", "true");
        if (exitCode != 0) Assert.Skip($"strace cannot trace here: {output.Trim()}");
    }

    public static string? Find(string tool)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        foreach (var folder in (string[])[.. folders, "/usr/sbin", "/sbin", "/usr/bin", "/bin"])
        {
            var path = Path.Combine(folder, tool);
            if (folder.Length > 0 && File.Exists(path)) return path;
        }

        return null;
    }

    /// <summary>Runs a program to its end; its exit code and all it said.</summary>
    public static (int ExitCode, string Output) Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(tool) ?? tool)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (process.WaitForExit(Patience)) return (process.ExitCode, output.Result + errors.Result);
        process.Kill();
        return (-1, $"{tool} did not end within {Patience}.");
    }

    /// <summary>Runs a program that has to succeed.</summary>
    public static void MustRun(string tool, params string[] arguments)
    {
        var (exitCode, output) = Run(tool, arguments);
        Assert.True(exitCode == 0, $"{tool} {string.Join(' ', arguments)} ended with {exitCode}: {output}");
    }
}
