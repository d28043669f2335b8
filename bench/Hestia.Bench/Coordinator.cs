using System.Diagnostics;
using System.Text.Json;

namespace Hestia.Bench;

/// <summary>Runs every round of every engine in a child process of its own, alternating, and collects the rows.</summary>
internal static class Coordinator
{
    public static int Run(BenchArguments arguments, IReadOnlyList<string> options)
    {
        var rows = new List<BenchResult>();
        Report.WriteHeader();
        for (var round = 1; round <= arguments.Rounds; round++)
        {
            foreach (var engine in arguments.Engines) RunChild(engine, round, options, rows);
        }

        if (arguments.Rounds > 1)
        {
            Console.WriteLine("\nmedians over the rounds");
            foreach (var row in Report.Summarize(rows))
            {
                Console.WriteLine(
                    $"{row.Engine,-9} {row.Workload,-20} {row.Durability,-10} {row.Threads,3} {row.MedianPerSecond,12:N0}  "
                    + $"({row.LowestPerSecond:N0} to {row.HighestPerSecond:N0})");
            }
        }

        if (arguments.JsonFile is { } file)
        {
            Report.WriteFile(file, arguments, rows);
            Console.WriteLine($"\nwritten: {file}");
        }

        return rows.Exists(r => r.Failure is not null) ? 1 : 0;
    }

    private static void RunChild(string engine, int round, IReadOnlyList<string> options, List<BenchResult> rows)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        // Under 'dotnet Hestia.Bench.dll' the process is dotnet itself and needs to be told the program.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(Coordinator).Assembly.Location);
        start.ArgumentList.Add("child");
        foreach (var option in options) start.ArgumentList.Add(option);
        start.ArgumentList.Add("--round-engine");
        start.ArgumentList.Add(engine);
        using var child = Process.Start(start)!;
        while (child.StandardOutput.ReadLine() is { } line)
        {
            var row = JsonSerializer.Deserialize<BenchResult>(line, Report.LineJson)! with { Round = round };
            rows.Add(row);
            Report.WriteRow(row);
        }

        child.WaitForExit();
        if (child.ExitCode == 0) return;
        var failure = new BenchResult
        {
            Engine = engine, Version = "", Round = round, Workload = "", Failure = $"the process ended with exit code {child.ExitCode}",
        };
        rows.Add(failure);
        Report.WriteRow(failure);
    }
}
