using System.Text.Json;
using Hestia.Bench.Repositories;

namespace Hestia.Bench.Reporting;

/// <summary>report: result files in, the page and its charts out. Every figure of the page comes from the files.</summary>
internal static class ReportCommand
{
    public static int Run(ReadOnlySpan<string> options)
    {
        var (json, powershell, repository, output) = ("", "", "", Path.Combine("docs", "benchmarks.md"));
        for (var i = 0; i + 1 < options.Length; i += 2)
        {
            switch (options[i])
            {
                case "--json": json = options[i + 1]; break;
                case "--powershell": powershell = options[i + 1]; break;
                case "--repository": repository = options[i + 1]; break;
                case "--output": output = options[i + 1]; break;
                default: return Refuse($"'{options[i]}' is no option of report.");
            }
        }

        if (options.Length % 2 == 1) return Refuse($"{options[^1]} needs a value.");
        if (json.Length == 0 && repository.Length > 0) return RepositorySection.Replace(Path.GetFullPath(output), RepositoryResults.Read(repository));
        if (json.Length == 0) return Refuse("report needs --json, the result files, or --repository for that section alone.");
        var documents = json.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(ResultFile.Read).OrderBy(d => d.Time).ToList();
        var cmdlets = powershell.Length == 0
            ? null
            : JsonSerializer.Deserialize<CmdletRates>(File.ReadAllText(powershell), ResultFile.LineJson);

        output = Path.GetFullPath(output);
        var charts = Path.ChangeExtension(output, null);
        Directory.CreateDirectory(charts);
        foreach (var old in Directory.EnumerateFiles(charts, "*.svg")) File.Delete(old);
        var page = BenchmarkPage.Make(documents, cmdlets, charts);
        if (repository.Length > 0) page += RepositorySection.Make(RepositoryResults.Read(repository));
        File.WriteAllText(output, page);
        Console.WriteLine($"written: {output}");
        return 0;
    }

    private static int Refuse(string reason)
    {
        Console.Error.WriteLine(reason);
        return 2;
    }
}

/// <summary>What bench/Measure-PowerShell.ps1 writes.</summary>
internal sealed record CmdletRates(DateTimeOffset Time, string PowerShell, int Rounds, long Entries, IReadOnlyList<CmdletRate> Rates);

/// <summary>One way of using a cmdlet beside an empty one that binds, or emits, the same objects.</summary>
internal sealed record CmdletRate(string Name, double PerSecond, double EmptyPerSecond, double Ratio);
