using System.Diagnostics;
using System.Text.Json;
using Hestia.Bench.Engines;
using Hestia.Bench.Reporting;
using Hestia.Bench.Workloads;

namespace Hestia.Bench;

/// <summary>Runs every round of every engine in a child process of its own, alternating, and collects the rows.</summary>
internal static class Coordinator
{
    /// <summary>One call: a table on the console and, if asked for, a file.</summary>
    public static int Run(BenchArguments arguments, IReadOnlyList<string> options)
    {
        var run = Measure(arguments.Name, Suite.TitleOf(arguments.Name), arguments, options);
        if (arguments.JsonFile is { } file)
        {
            ResultFile.Write(file, new ResultDocument(DateTimeOffset.UtcNow, MachineDescription.OfThis(arguments.Folder), [run]));
            Console.WriteLine($"\nwritten: {file}");
        }

        return run.Results.Any(r => r.Failure is not null) ? 1 : 0;
    }

    public static BenchRun Measure(string name, string title, BenchArguments arguments, IReadOnlyList<string> options)
    {
        var rows = new List<BenchResult>();
        ConsoleTable.WriteHeader();
        for (var round = 1; round <= arguments.Rounds; round++)
        {
            // Every other round in the opposite order: what one engine leaves behind on the machine then meets each of them.
            var engines = round % 2 == 1 ? arguments.Engines : arguments.Engines.Reverse();
            foreach (var engine in engines)
            {
                if (EngineFactory.Absence(engine) is { } absence)
                    Add(rows, new BenchResult { Engine = engine, Version = "", Round = round, Workload = "", Absence = absence });
                else
                    RunChild(engine, round, options, rows);
            }
        }

        var summary = Summary.Of(rows);
        ConsoleTable.WriteSummary(summary);
        return new BenchRun(name, title, Shown(options), Describe(arguments), summary, rows);
    }

    /// <summary>The options that decide what is measured; not where its results go.</summary>
    private static string Shown(IReadOnlyList<string> options)
    {
        var shown = new List<string>();
        for (var i = 0; i + 1 < options.Count; i += 2)
            if (options[i] is not ("--json" or "--folder")) shown.AddRange([options[i], options[i + 1]]);
        return string.Join(' ', shown);
    }

    private static RunArguments Describe(BenchArguments arguments) => new(
        arguments.Engines,
        arguments.Workloads,
        arguments.Entries,
        KeySpace.KeyBytes,
        arguments.Keys.ToString(),
        arguments.ValueBytes,
        arguments.Values.ToString(),
        arguments.CacheBytes,
        arguments.MissPercent,
        arguments.Seconds,
        arguments.Rounds);

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
            Add(rows, JsonSerializer.Deserialize<BenchResult>(line, ResultFile.LineJson)! with { Round = round });

        child.WaitForExit();
        if (child.ExitCode == 0) return;
        Add(rows, new BenchResult
        {
            Engine = engine, Version = "", Round = round, Workload = "", Failure = $"the process ended with exit code {child.ExitCode}",
        });
    }

    private static void Add(List<BenchResult> rows, BenchResult row)
    {
        rows.Add(row);
        ConsoleTable.WriteRow(row);
    }
}
