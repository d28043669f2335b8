using System.Globalization;
using Hestia.Backup;
using Hestia.Bench.Reporting;
using Hestia.Bench.Workloads;

namespace Hestia.Bench.Repositories;

/// <summary>
/// Every step for every tool in turns, on the same files. What a tool wrote is removed after each round, and the disk is settled before each
/// time that is taken. The source is in the page cache for all.
/// </summary>
internal sealed class RepositoryBench(RepositoryArguments arguments)
{
    private const int GrowthPercent = 1;
    private readonly List<RepositoryRow> _rows = [];
    private readonly SortedDictionary<string, string> _versions = new(StringComparer.Ordinal);

    private string Source => Path.Combine(arguments.Folder, $"source-{arguments.Size >> 20}");

    public static int Run(ReadOnlySpan<string> options)
    {
        if (RepositoryArguments.Parse(options, out var problem) is not { } arguments)
        {
            Console.Error.WriteLine(problem);
            Console.Error.WriteLine(RepositoryArguments.Usage);
            return 2;
        }

        new RepositoryBench(arguments).Run();
        return 0;
    }

    private void Run()
    {
        Directory.CreateDirectory(arguments.Folder);
        var tools = new List<string>();
        foreach (var tool in arguments.Tools)
        {
            var version = tool == "hestia" ? "" : PeerTools.Version(tool);
            if (version is null) Console.WriteLine($"{tool} is not installed.");
            else tools.Add(tool);
            if (version is { Length: > 0 }) _versions[tool] = version;
        }

        if (arguments.Steps.Any(static s => s != "nothing") && !Directory.Exists(Source))
        {
            var made = RepositoryStep.InChild("create", Source, arguments.Size.ToString(CultureInfo.InvariantCulture));
            Console.WriteLine($"source of {RepositoryStep.SegmentBytes(Source):N0} bytes in segments made in {made.Seconds:F1} s");
        }

        for (var round = 1; round <= arguments.Rounds; round++)
        {
            var order = round % 2 == 1 ? tools : [.. tools.AsEnumerable().Reverse()];
            if (arguments.Steps.Any(static s => s is "backup" or "verify" or "restore" or "increment")) RunFiles(order, round);
            if (Has("nothing") && round == 1) RunNothing();
            if (Has("s3")) RunS3(round);
        }

        if (!arguments.KeepFolder) Remove(arguments.Folder);
        if (arguments.JsonFile is not null) Console.WriteLine($"written: {arguments.JsonFile}");
    }

    /// <summary>After each row: whoever ends a long run early keeps what it has.</summary>
    private void Save()
    {
        if (arguments.JsonFile is { } file)
            new RepositoryResults(DateTimeOffset.UtcNow, MachineDescription.OfThis(arguments.Folder), _versions, _rows).MergeInto(file);
    }

    private bool Has(string step) => arguments.Steps.Contains(step);

    private void RunFiles(IReadOnlyList<string> tools, int round)
    {
        var bytes = RepositoryStep.SegmentBytes(Source);
        foreach (var tool in tools)
        {
            Remove(Repository(tool));
            PeerTools.Prepare(tool, Repository(tool));
            Backup(tool, "backup", round, bytes);
        }

        if (Has("verify"))
        {
            foreach (var tool in tools) Verify(tool, round, bytes);
            var reference = RepositoryStep.InChild("sha256", bytes.ToString(CultureInfo.InvariantCulture));
            Add("verify", "sha256 on all cores", round, reference with { Seconds = reference.Seconds * bytes / reference.Bytes, Bytes = bytes, PeakBytes = 0 });
        }

        if (Has("restore"))
        {
            foreach (var tool in tools) Restore(tool, round, bytes);
        }

        if (Has("increment"))
        {
            var more = bytes * GrowthPercent / 100;
            RepositoryStep.InChild("grow", Source, more.ToString(CultureInfo.InvariantCulture));
            foreach (var tool in tools)
                if (tool != "cp") Backup(tool, "increment", round, more);
        }

        foreach (var tool in tools) Remove(Repository(tool));
    }

    private void Backup(string tool, string step, int round, long bytes)
    {
        PeerTools.Settle();
        var result = tool == "hestia"
            ? RepositoryStep.InChild("backup", Source, Repository(tool)) with { Bytes = bytes }
            : new StepResult(PeerTools.Backup(tool, Source, Repository(tool)), bytes, 0);
        if (Has(step)) Add(step, tool, round, result);
    }

    private void Verify(string tool, int round, long bytes)
    {
        PeerTools.Settle();
        if (tool == "hestia") Add("verify", tool, round, RepositoryStep.InChild("verify", Repository(tool)));
        else if (PeerTools.Verify(tool, Repository(tool)) is { } seconds) Add("verify", tool, round, new StepResult(seconds, bytes, 0));
    }

    private void Restore(string tool, int round, long bytes)
    {
        var target = Path.Combine(arguments.Folder, "restored");
        Remove(target);
        PeerTools.Settle();
        Add("restore", tool, round, tool == "hestia"
            ? RepositoryStep.InChild("restore", Repository(tool), target)
            : new StepResult(PeerTools.Restore(tool, Source, Repository(tool), target), bytes, 0));
        Remove(target);
    }

    /// <summary>A backup with nothing new, of an index with many segments.</summary>
    private void RunNothing()
    {
        var source = Path.Combine(arguments.Folder, $"many-{arguments.Segments}");
        if (!Directory.Exists(source))
            RepositoryStep.InChild("create-many", source, arguments.Segments.ToString(CultureInfo.InvariantCulture));
        var bytes = RepositoryStep.SegmentBytes(source);
        var repository = Repository("nothing");
        Remove(repository);
        RepositoryStep.InChild("backup", source, repository);
        for (var round = 1; round <= arguments.Rounds; round++)
        {
            PeerTools.Settle();
            Add("nothing", "hestia", round, RepositoryStep.InChild("backup-again", source, repository) with { Bytes = bytes });
            Add("nothing", "hestia, index closed", round, RepositoryStep.InChild("backup", source, repository) with { Bytes = bytes });
        }

        Remove(repository);
        foreach (var tool in (string[])["rsync", "restic"])
        {
            if (!_versions.ContainsKey(tool)) continue;
            PeerTools.Prepare(tool, repository);
            PeerTools.Backup(tool, source, repository);
            for (var round = 1; round <= arguments.Rounds; round++)
            {
                PeerTools.Settle();
                Add("nothing", tool, round, new StepResult(PeerTools.Backup(tool, source, repository), bytes, 0));
            }

            Remove(repository);
        }
    }

    private void RunS3(int round)
    {
        if (!S3Gateway.IsInstalled)
        {
            Console.WriteLine("radosgw is not installed.");
            return;
        }

        string[] order = round % 2 == 1 ? ["hestia", "bare multipart upload"] : ["bare multipart upload", "hestia"];
        foreach (var tool in order)
        {
            using var gateway = new S3Gateway(arguments.Size * 2);
            if (tool != "hestia") Add("s3", tool, round, RepositoryStep.InChild("upload", Source, S3Gateway.Bucket));
            else
            {
                BackupRepository.Create(S3Gateway.Location, S3Gateway.OptionsOf(S3Gateway.Location)!).Dispose();
                Add("s3", tool, round, RepositoryStep.InChild("backup", Source, S3Gateway.Location));
            }
        }
    }

    private string Repository(string tool) => Path.Combine(arguments.Folder, "to-" + tool);

    private void Add(string step, string tool, int round, StepResult result)
    {
        var size = step == "nothing" ? arguments.Segments : arguments.Size;
        _rows.Add(new RepositoryRow(size, step, tool, round, result.Seconds, result.Bytes, result.PeakBytes > 0 ? result.PeakBytes : null));
        Save();
        Console.WriteLine(
            $"{step,-10} {tool,-24} round {round}  {result.Seconds,8:F3} s  {result.Bytes / result.Seconds / (1 << 20),8:F0} MiB/s"
            + (result.PeakBytes > 0 ? $"  peak {result.PeakBytes >> 20} MiB" : ""));
    }

    private static void Remove(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }
}
