using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hestia.Bench.Reporting;

/// <summary>What a result file holds: where it was measured, and one or more runs.</summary>
internal sealed record ResultDocument(DateTimeOffset Time, MachineDescription Machine, IReadOnlyList<BenchRun> Runs);

/// <summary>Engines, workloads and rounds of one call, with its rows.</summary>
/// <param name="Name">Short name, for file names and links.</param>
/// <param name="Title">What it is about, for people.</param>
/// <param name="Command">The options that run it again.</param>
/// <param name="Arguments">What was measured, the defaults included.</param>
/// <param name="Summary">Medians.</param>
/// <param name="Results">Every row of every round.</param>
internal sealed record BenchRun(
    string Name,
    string Title,
    string Command,
    RunArguments Arguments,
    IReadOnlyList<BenchSummary> Summary,
    IReadOnlyList<BenchResult> Results);

/// <summary>The arguments that decide what the figures mean.</summary>
internal sealed record RunArguments(
    IReadOnlyList<string> Engines,
    IReadOnlyList<string> Workloads,
    long Entries,
    int KeyBytes,
    string Keys,
    int ValueBytes,
    string Values,
    long CacheBytes,
    int MissPercent,
    double Seconds,
    int Rounds);

/// <summary>Result files in JSON.</summary>
internal static class ResultFile
{
    public static readonly JsonSerializerOptions LineJson = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private static readonly JsonSerializerOptions FileJson = new(LineJson) { WriteIndented = true, NewLine = "\n" };

    public static void Write(string path, ResultDocument document)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(document, FileJson) + "\n");
    }

    public static ResultDocument Read(string path) =>
        JsonSerializer.Deserialize<ResultDocument>(File.ReadAllText(path), FileJson) ?? throw new InvalidDataException($"{path} is empty.");
}
