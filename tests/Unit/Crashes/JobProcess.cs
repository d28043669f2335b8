using System.Diagnostics;
using System.Runtime.InteropServices;
using Hestia.CrashWriter;

namespace Hestia.Unit.Crashes;

/// <summary>How a job in a child process came to its end.</summary>
/// <param name="Done">What it reported at its end; null if it did not come so far.</param>
/// <param name="Cancelled">It said that it was cancelled.</param>
/// <param name="Time">From its first word to its end.</param>
internal readonly record struct JobEnd(string? Done, bool Cancelled, TimeSpan Time)
{
    public bool Finished => Done is not null;
}

/// <summary>What is done to a job at some moment.</summary>
internal enum JobFault
{
    /// <summary>SIGKILL.</summary>
    Kill,

    /// <summary>SIGINT, which is Ctrl+C.</summary>
    Interrupt,
}

/// <summary>Runs one job of <see cref="RepositoryJob"/> in a child process, to its end or to a fault.</summary>
internal static class JobProcess
{
    private const int SigInt = 2;

    /// <summary>A cancelled job ends by itself, and soon.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static JobEnd Run(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, JobFault fault = default, TimeSpan? after = null)
    {
        var start = new ProcessStartInfo(WriterProcess.Dotnet)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "Hestia.CrashWriter.dll"), "job", .. arguments])
            start.ArgumentList.Add(argument);
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string? line;
        while ((line = process.StandardOutput.ReadLine()) is not null && line != "m") Assert.False(line.StartsWith('!'), line);
        var clock = Stopwatch.StartNew();
        var killed = false;
        if (after is { } time && !process.WaitForExit(time))
        {
            killed = fault == JobFault.Kill;
            if (killed) process.Kill();
            else Assert.True(Signal(process.Id, SigInt) == 0 || process.HasExited, "The signal could not be sent.");
        }

        var rest = process.StandardOutput.ReadToEnd().Split('\n');
        Assert.True(process.WaitForExit(Patience), "The job did not end.");
        var took = clock.Elapsed;
        var done = Array.Find(rest, static l => l.StartsWith("d ", StringComparison.Ordinal));
        var end = new JobEnd(done?[2..], rest.Contains("c"), took);
        // A signal that comes after its last word ends the process in the way of any other.
        Assert.True(
            killed || process.ExitCode == 0 || (after is not null && (end.Finished || end.Cancelled)),
            $"{string.Join(' ', arguments)} ended with {process.ExitCode}: {string.Join('\n', rest)} {errors.Result}");
        return end;
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Signal(int process, int signal);
}
