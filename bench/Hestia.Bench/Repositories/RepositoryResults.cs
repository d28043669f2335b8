using System.Text.Json;
using Hestia.Bench.Reporting;

namespace Hestia.Bench.Repositories;

/// <summary>One step of one tool in one round.</summary>
/// <param name="Size">Bytes of segments the run is about.</param>
/// <param name="Step">What was done: backup, verify …</param>
/// <param name="Tool">Who did it; reference for what it is held against.</param>
/// <param name="Round">From 1.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Bytes">Bytes it was about: of the source, of the restored, hashed or changed files.</param>
/// <param name="PeakBytes">Largest resident size of the process; null where it is not known.</param>
internal sealed record RepositoryRow(long Size, string Step, string Tool, int Round, double Seconds, long Bytes, long? PeakBytes);

/// <summary>A file of results: what later calls measure again replaces what is there, the rest stays.</summary>
internal sealed record RepositoryResults(
    DateTimeOffset Time, MachineDescription Machine, IReadOnlyDictionary<string, string> Versions, IReadOnlyList<RepositoryRow> Rows)
{
    private static readonly JsonSerializerOptions FileJson = new(ResultFile.LineJson) { WriteIndented = true, NewLine = "\n" };

    public static RepositoryResults Read(string path) =>
        JsonSerializer.Deserialize<RepositoryResults>(File.ReadAllText(path), FileJson) ?? throw new InvalidDataException($"{path} is empty.");

    public void MergeInto(string path)
    {
        var all = this;
        if (File.Exists(path))
        {
            var old = Read(path);
            var again = Rows.Select(static r => (r.Size, r.Step, r.Tool)).ToHashSet();
            var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var (tool, version) in old.Versions) versions[tool] = version;
            foreach (var (tool, version) in Versions) versions[tool] = version;
            all = this with { Versions = versions, Rows = [.. old.Rows.Where(r => !again.Contains((r.Size, r.Step, r.Tool))), .. Rows] };
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(all, FileJson) + "\n");
    }
}
