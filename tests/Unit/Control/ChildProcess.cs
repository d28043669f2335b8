using System.Diagnostics;
using Hestia.Unit.Crashes;

namespace Hestia.Unit.Control;

/// <summary>The program of the crash tests in one of its short forms. Dispose ends it.</summary>
internal sealed class ChildProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;

    /// <param name="arguments">What it is to do.</param>
    /// <param name="prefix">A program with its arguments that starts it, or nothing.</param>
    public ChildProcess(string[] arguments, string[]? prefix = null)
    {
        string[] command =
            [.. prefix ?? [], WriterProcess.Dotnet, "exec", Path.Combine(AppContext.BaseDirectory, "Hestia.CrashWriter.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        foreach (var argument in command[1..]) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        _process = Process.Start(start)!;
    }

    public int Id => _process.Id;

    public void Send(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>The next line that begins so, or with '!', which is a failure.</summary>
    public string WaitFor(string beginning)
    {
        while (true)
        {
            var read = _process.StandardOutput.ReadLineAsync();
            Assert.True(read.Wait(Patience), $"The child did not say '{beginning}'.");
            if (read.Result is not { } line) throw new InvalidOperationException($"The child ended: {_process.StandardError.ReadToEnd()}");
            if (line.StartsWith(beginning, StringComparison.Ordinal) || line.StartsWith('!')) return line;
        }
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit(Patience);
        _process.Dispose();
    }
}
