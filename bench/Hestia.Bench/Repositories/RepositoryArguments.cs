using System.Globalization;

namespace Hestia.Bench.Repositories;

/// <summary>What to measure of repositories.</summary>
internal sealed record RepositoryArguments
{
    public const string Usage = """
        repository: backup, restore and verification beside cp, rsync and restic on the same files
          --size BYTES         of the segments that are backed up                  default 1073741824
          --steps LIST         backup, verify, restore, increment, nothing, s3     default all
          --tools LIST         hestia, cp, rsync, restic                           default all that are installed
          --rounds N           tools alternating, every other round in the opposite order    default 3
          --segments N         of nothing: segments of the index                   default 10000
          --folder PATH        where files are made and stay: a source that is there from the last call is used again
                               default a folder of its own, removed at the end
          --json FILE          results; those of other sizes, steps and tools that are in it stay
        """;

    private static readonly string[] KnownSteps = ["backup", "verify", "restore", "increment", "nothing", "s3"];

    public long Size { get; private set; } = 1L << 30;

    public IReadOnlyList<string> Steps { get; private set; } = KnownSteps;

    public IReadOnlyList<string> Tools { get; private set; } = PeerTools.Names;

    public int Rounds { get; private set; } = 3;

    public int Segments { get; private set; } = 10_000;

    public string Folder { get; private set; } = Path.Combine(Path.GetTempPath(), "hestia-bench-repository");

    /// <summary>Whether the folder was chosen by the caller, and so stays.</summary>
    public bool KeepFolder { get; private set; }

    public string? JsonFile { get; private set; }

    public static RepositoryArguments? Parse(ReadOnlySpan<string> options, out string? problem)
    {
        var parsed = new RepositoryArguments();
        problem = null;
        for (var i = 0; i < options.Length; i += 2)
        {
            if (i + 1 == options.Length)
            {
                problem = $"{options[i]} needs a value.";
                return null;
            }

            var value = options[i + 1];
            switch (options[i])
            {
                case "--size": parsed.Size = long.Parse(value, CultureInfo.InvariantCulture); break;
                case "--steps": parsed.Steps = Known(value, KnownSteps, out problem); break;
                case "--tools": parsed.Tools = Known(value, PeerTools.Names, out problem); break;
                case "--rounds": parsed.Rounds = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "--segments": parsed.Segments = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "--folder":
                    parsed.Folder = Path.GetFullPath(value);
                    parsed.KeepFolder = true;
                    break;
                case "--json": parsed.JsonFile = Path.GetFullPath(value); break;
                default: problem = $"'{options[i]}' is no option of repository."; break;
            }

            if (problem is not null) return null;
        }

        return parsed;
    }

    private static string[] Known(string list, string[] known, out string? problem)
    {
        var values = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var wrong = Array.Find(values, v => Array.IndexOf(known, v) < 0);
        problem = wrong is null ? null : $"'{wrong}' is none of {string.Join(", ", known)}.";
        return values;
    }
}
