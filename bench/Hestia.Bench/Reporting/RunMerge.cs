namespace Hestia.Bench.Reporting;

/// <summary>Puts together what was measured in pieces: the runs of one name become one, with the rounds of all of them.</summary>
internal static class RunMerge
{
    /// <summary>The runs of all documents in the order of the suite; documents come oldest first.</summary>
    public static List<BenchRun> Of(IEnumerable<ResultDocument> documents) =>
    [
        .. documents
            .SelectMany(d => d.Runs)
            .GroupBy(r => r.Name)
            .Select(g => Merge([.. g]))
            .OrderBy(r => Suite.OrderOf(r.Name)),
    ];

    private static BenchRun Merge(List<BenchRun> parts)
    {
        if (parts.Count == 1) return parts[0] with { Title = Suite.TitleOf(parts[0].Name) };
        var rows = new List<BenchResult>();
        var first = 0;
        foreach (var part in parts)
        {
            if (part.Arguments.Entries != parts[0].Arguments.Entries)
                throw new InvalidDataException($"The run '{part.Name}' was measured with different numbers of entries; give them different names.");
            // Ratios are taken within a round, so the rounds of one file stay apart from those of another.
            rows.AddRange(part.Results.Select(r => r with { Round = first + r.Round }));
            first += part.Results.Count == 0 ? 0 : part.Results.Max(r => r.Round);
        }

        var arguments = parts[0].Arguments with
        {
            Workloads = [.. parts.SelectMany(p => p.Arguments.Workloads).Distinct()],
            Engines = [.. parts.SelectMany(p => p.Arguments.Engines).Distinct()],
            Rounds = first,
        };
        var command = string.Join("`, `run ", parts.Select(p => p.Command).Distinct());
        return new BenchRun(parts[0].Name, Suite.TitleOf(parts[0].Name), command, arguments, Summary.Of(rows), rows);
    }
}
