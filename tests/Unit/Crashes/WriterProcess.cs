using System.Diagnostics;
using System.Globalization;
using System.Text;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>The child at work. Disposing ends it, by its own process id, if it still runs.</summary>
internal sealed class WriterProcess : IDisposable
{
    public const int Threads = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Thread _reading;
    private readonly StringBuilder _errors = new();
    private readonly bool _traced;

    /// <param name="index">Folder of the index, which is there.</param>
    /// <param name="durability">Durability of the session.</param>
    /// <param name="seed">Decides the sizes of everything.</param>
    /// <param name="arguments">Further arguments of the child.</param>
    /// <param name="tracer">A program and its arguments that starts the child, or null.</param>
    public WriterProcess(string index, Durability durability, int seed, string[]? arguments = null, string[]? tracer = null)
    {
        _traced = tracer is not null;
        string[] command =
        [
            .. tracer ?? [], Dotnet, "exec", Path.Combine(AppContext.BaseDirectory, "Hestia.CrashWriter.dll"),
            $"index={index}", $"durability={durability}", $"threads={Threads}",
            string.Create(CultureInfo.InvariantCulture, $"seed={seed}"), .. arguments ?? [],
        ];
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in command[1..]) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        _process = Process.Start(start) ?? throw new InvalidOperationException("The child did not start.");
        _process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is null) return;
            lock (_errors) _errors.AppendLine(e.Data);
        };
        _process.BeginErrorReadLine();
        _reading = new Thread(ReadLines) { IsBackground = true };
        _reading.Start();
    }

    public Reports Reports { get; } = new(Threads);

    /// <summary>What the child wrote on its standard error: nothing, unless it broke.</summary>
    public string Errors
    {
        get
        {
            lock (_errors) return _errors.ToString();
        }
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Waits until a condition on the reports holds; false if the child ended or time ran out before.</summary>
    public bool WaitUntil(Func<Reports, bool> condition, TimeSpan? patience = null)
    {
        var clock = Stopwatch.StartNew();
        while (!condition(Reports))
        {
            if (_process.HasExited && !_reading.IsAlive) return condition(Reports);
            if (clock.Elapsed > (patience ?? Patience)) return false;
            Thread.Sleep(2);
        }

        return true;
    }

    /// <summary>Waits until the child has opened the index.</summary>
    public void WaitForOpen() => Assert.True(WaitUntil(r => r.Opened is not null), $"The child did not open the index. {Describe()}");

    /// <summary>SIGKILL, and everything that was in the pipe by then is read.</summary>
    public void Kill()
    {
        KillNow();
        AwaitEnd(Patience);
    }

    /// <summary>Asks the child to close the index and end.</summary>
    public void Stop()
    {
        try
        {
            _process.StandardInput.WriteLine("stop");
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // it has ended already
        }
    }

    /// <summary>Waits for the child's own end.</summary>
    public void AwaitEnd(TimeSpan patience)
    {
        Assert.True(_process.WaitForExit(patience), $"The child did not end. {Describe()}");
        Assert.True(_reading.Join(Patience), "The pipe of a child that has ended did not end.");
    }

    public string Describe() =>
        $"Writes {Reports.WriteCount}, refusals {Reports.Refusals.Count} (last {Reports.Refusals.LastOrDefault()}), jobs refused "
        + $"{Reports.JobRefusals.Count} (last {Reports.JobRefusals.LastOrDefault()}), wrong [{string.Join("; ", Reports.Wrong)}], "
        + $"closed {Reports.Closed}, standard error: {Errors}";

    public void Dispose()
    {
        try
        {
            KillNow();
            _process.WaitForExit(Patience);
        }
        finally
        {
            _process.Dispose();
        }
    }

    internal static string Dotnet
    {
        get
        {
            // .../shared/Microsoft.NETCore.App/<version>/System.Private.CoreLib.dll
            var folder = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
            var dotnet = Path.Combine(folder, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
            return File.Exists(dotnet) ? Path.GetFullPath(dotnet) : "dotnet";
        }
    }

    private void KillNow()
    {
        // A tracer that dies lets its child run on, so the child goes first.
        if (_traced && !_process.HasExited && Reports.ProcessId is { } id)
        {
            try
            {
                using var traced = Process.GetProcessById(id);
                traced.Kill();
                if (_process.WaitForExit(TimeSpan.FromSeconds(5))) return;
            }
            catch (ArgumentException)
            {
                // it has ended already
            }
        }

        if (!_process.HasExited) _process.Kill(entireProcessTree: _traced);
    }

    private void ReadLines()
    {
        var output = _process.StandardOutput;
        var text = new StringBuilder();
        var buffer = new char[16 << 10];
        int read;
        while ((read = output.Read(buffer, 0, buffer.Length)) > 0)
        {
            var rest = buffer.AsSpan(0, read);
            int end;
            while ((end = rest.IndexOf('\n')) >= 0)
            {
                text.Append(rest[..end]);
                Reports.Add(text.ToString());
                text.Clear();
                rest = rest[(end + 1)..];
            }

            text.Append(rest); // only a whole line is a report
        }
    }
}
