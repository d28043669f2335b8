using System.Diagnostics;

namespace Hestia.Bench.Repositories;

/// <summary>The programs Hestia stands beside, as an admin would call them.</summary>
internal static class PeerTools
{
    private const string Password = "bench";

    public static readonly string[] Names = ["hestia", "cp", "rsync", "restic"];

    /// <summary>Its first line about itself; null where it is not installed.</summary>
    public static string? Version(string tool)
    {
        try
        {
            return Run(tool, tool == "restic" ? "version" : "--version").Split('\n')[0].Trim();
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Waits until the disk has nothing left to do that was asked for before.</summary>
    public static void Settle() => Run("sync");

    public static void Prepare(string tool, string repository)
    {
        if (tool == "restic") Restic(repository, "init");
    }

    /// <summary>Copies the source; the tools that do not sync what they wrote are followed by a sync that belongs to the time.</summary>
    public static double Backup(string tool, string source, string repository) => Time(() =>
    {
        switch (tool)
        {
            case "cp": Run("cp", "-r", source, repository); break;
            case "rsync": Run("rsync", "-a", "--delete", source + "/", repository); break;
            default: Restic(repository, "backup", source); break;
        }

        if (tool != "restic") Run("sync");
    });

    public static double Restore(string tool, string source, string repository, string target) => Time(() =>
    {
        switch (tool)
        {
            case "cp": Run("cp", "-r", repository, target); break;
            case "rsync": Run("rsync", "-a", repository + "/", target); break;
            default: Restic(repository, "restore", "latest", "--target", target, "--include", source); break;
        }

        Run("sync");
    });

    /// <summary>Reads and hashes all there is; null for tools that cannot.</summary>
    public static double? Verify(string tool, string repository) =>
        tool == "restic" ? Time(() => Restic(repository, "check", "--read-data")) : null;

    private static void Restic(string repository, params string[] arguments) => Run("restic", ["--quiet", "--no-cache", "-r", repository, .. arguments]);

    private static double Time(Action work)
    {
        var begun = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["RESTIC_PASSWORD"] = Password;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {errors.Result}");
        return output;
    }
}
