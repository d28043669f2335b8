using Hestia.Core.Consistency;
using Hestia.Core.Control;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Recovery;

namespace Hestia.Core.Wal;

/// <summary>
/// Looks into write-ahead logs: of an index directory, a log directory, or one log file. Reads only, takes no lock, and can run beside the
/// index's owner (whose record in the making may then show as a torn tail).
/// </summary>
public static class WalInspector
{
    private const int Attempts = 5;

    /// <summary>
    /// Checks every checksum, the order of LSNs and the chain of files; of an index, also whose files they are and that they begin and end
    /// where its manifest needs it.
    /// </summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex, AccessDenied, IoError.</exception>
    public static WalReport Check(string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Check(FileSystem.Physical, path, progress, cancellationToken);

    /// <summary>
    /// Checks the log of an index that somebody has open, and that it reaches as far as had been acknowledged as durable when the check began.
    /// </summary>
    /// <exception cref="HestiaException">As for a path; IndexClosed, and of an index of another process also OwnerLost, TimedOut.</exception>
    public static WalReport Check(
        IMaintainedIndex index, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(index);
        var before = index.GetStatus(cancellationToken);
        var report = Check(index.Path, progress, cancellationToken);
        var durable = before.Statistics.DurableLsn;
        if (before.Durability == Durability.Off || report.LastLsn >= durable || !report.Healthy) return report;
        // What segments hold by now need not be in the log.
        if (index.GetStatus(cancellationToken).Statistics.Checkpoint >= durable) return report;
        var finding = new Finding(
            FindingSeverity.Error,
            CheckFindings.WalEndsEarly,
            $"The log ends at LSN {report.LastLsn}, but LSN {durable} had been acknowledged as durable before the check began.",
            FileNames.Wal,
            FirstLsn: report.LastLsn.Next,
            LastLsn: durable);
        return report with { Healthy = false, Findings = [.. report.Findings, finding] };
    }

    /// <summary>
    /// Streams the records in order, in constant memory, and goes on behind damage, which it reports as an entry of its own.
    /// </summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex, AccessDenied, IoError, InvalidOption.</exception>
    public static IEnumerable<WalRecord> ReadRecords(
        string path,
        WalReadOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadRecords(FileSystem.Physical, path, options, cancellationToken);

    internal static WalReport Check(
        FileSystem files, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Finding? before = null;
        var meter = new ByteProgress(progress);
        for (var attempt = 1; ; attempt++)
        {
            var around = WalSurroundings.Of(files, path);
            var report = Check(files, path, around.Options with { Progress = meter }, cancellationToken);
            if (report.Healthy || attempt == Attempts) return WithRefusal(files, around, report, cancellationToken);
            // The owner may have written a manifest meanwhile, and then pruned logs that the one before would have needed; and a file that is
            // appended to while it is read can show a hole that is none. Damage is where it was when it is looked at again.
            var error = report.Findings.First(static f => f.Severity == FindingSeverity.Error);
            if (error == before && !around.IsOutdated(files)) return WithRefusal(files, around, report, cancellationToken);
            before = error;
        }
    }

    /// <summary>The log decides last about opening: what its index refuses before is told as well, though it is no fault of the log.</summary>
    private static WalReport WithRefusal(FileSystem files, WalSurroundings around, WalReport report, CancellationToken cancellationToken)
    {
        if (!around.IsWhole || OpenForecast.RefusalOf(files, around.IndexPath!, cancellationToken) is not { } refusal) return report;
        var code = refusal.Code.ToString();
        var file = refusal.Target is { } target && target.StartsWith(around.IndexPath!, StringComparison.Ordinal)
            ? Path.GetRelativePath(around.IndexPath!, target) : null;
        if (file == ".") file = refusal.Code == HestiaErrorCode.NotAnIndex ? FileNames.Settings : null;
        var finding = new Finding(FindingSeverity.Warning, code, refusal.Message, file);
        var log = report.Healthy ? "The log itself is healthy." : "The log is damaged as well.";
        return report with
        {
            OpenRefusal = finding,
            Findings = [.. report.Findings, finding],
            OpenWould = $"Open would refuse with {code}{(file is null ? "" : $" on '{file}'")} and change nothing. {log}"
                + $"{(refusal.RecommendedAction is { } action ? " " + action : "")}",
        };
    }

    internal static WalReport Check(FileSystem files, string path, WalScanOptions options, CancellationToken cancellationToken = default)
    {
        RefuseForeign(files, path, cancellationToken);
        var scan = files.FileExists(path)
            ? WalScan.RunFile(files, path, options, cancellationToken)
            : WalScan.Run(files, DirectoryOf(files, path), options, cancellationToken);
        long bytes = 0, records = 0, operations = 0, lastCommit = 0;
        Lsn first = Lsn.None, last = Lsn.None;
        foreach (var file in scan.Files)
        {
            bytes += file.Length;
            if (file.Records == 0) continue;
            records += file.Records;
            operations += file.Operations;
            if (first == Lsn.None) first = file.FirstLsn;
            last = file.LastLsn;
            lastCommit = file.LastCommitMicroseconds;
        }

        // No log at all is how a restore, or durability Off, leaves an index: nothing to tell.
        var findings = scan.Files.Count > 0 ? scan.Findings
            : [.. scan.Findings.Where(static f => f.Code != WalFindings.BehindCheckpoint)];
        return new WalReport
        {
            Healthy = scan.CanOpen,
            CheckedPath = path,
            Files = scan.Files.Count,
            Records = records,
            Operations = operations,
            Bytes = bytes,
            FirstLsn = first,
            LastLsn = last,
            LastCommitTime = records == 0 ? null : WalFormat.FromMicroseconds(lastCommit),
            Findings = findings,
            OpenWould = OpenWould(scan, options.Checkpoint),
        };
    }

    internal static IEnumerable<WalRecord> ReadRecords(
        FileSystem files,
        string path,
        WalReadOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new WalReadOptions();
        if (options.Last < 0)
        {
            throw new HestiaException(HestiaErrorCode.InvalidOption, $"Last is {options.Last}.", action: "Ask for 0 records or more.");
        }

        RefuseForeign(files, path, cancellationToken);
        var paths = PathsOf(files, path);
        var records = Read(files, paths, options, cancellationToken);
        return options.Last is { } last ? Last(records, last) : records;
    }

    private static string OpenWould(WalScanResult scan, Lsn? checkpoint)
    {
        if (scan.FirstError is { } error)
        {
            var on = error.File is null ? "" : $" on '{error.File}'";
            return $"Open would refuse with {error.Code}{on} and change nothing; Repair salvages what can be read.";
        }

        var actions = new List<string>();
        foreach (var file in scan.Files)
        {
            if (file.Action == WalFileAction.CutTail)
                actions.Add($"cut '{file.Name}' at offset {file.CutOffset:N0} and keep the cut bytes in quarantine");
            else if (file.Action == WalFileAction.Remove && !file.IsEmpty) actions.Add($"move '{file.Name}' to quarantine");
        }

        if (checkpoint is { } from && scan.LastLsn <= from)
            actions.Add($"find nothing above the checkpoint, LSN {from}, and replay nothing");
        else
            actions.Add(scan.Records == 0 ? "find no record to replay" : $"replay up to {scan.Records:N0} records, up to LSN {scan.LastLsn}");
        return $"Open would {string.Join(", ", actions)}.";
    }

    private static string DirectoryOf(FileSystem files, string path)
    {
        if (!files.DirectoryExists(path))
        {
            throw new HestiaException(
                HestiaErrorCode.PathNotFound,
                $"'{path}' was not found.",
                path,
                "Name an index directory, a wal directory or a .wal file.");
        }

        var inside = Path.Combine(path, FileNames.Wal);
        if (files.DirectoryExists(inside)) return inside;
        return IsLog(files, path) ? path : throw new HestiaException(
            HestiaErrorCode.NotAnIndex,
            $"'{path}' is neither an index nor a log: it holds no .wal file.",
            path,
            "Name an index directory, a wal directory or a .wal file.");
    }

    /// <summary>A log may be empty where it is known to be one: by its own name, or beside the settings of its index.</summary>
    private static bool IsLog(FileSystem files, string path)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        if (string.Equals(name, FileNames.Wal, StringComparison.OrdinalIgnoreCase)) return true;
        if (files.FileExists(Path.Combine(path, FileNames.Settings))) return true;
        try
        {
            return files.List(path).Any(static entry => !entry.IsDirectory && WalFormat.TryParseFileName(entry.Name, out _));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "listing");
        }
    }

    /// <summary>
    /// A single file that neither is called like a log file, nor begins like one, nor has a record in it was given by mistake. In a wal directory it is no
    /// more than a finding.
    /// </summary>
    private static void RefuseForeign(FileSystem files, string path, CancellationToken cancellationToken)
    {
        if (!files.FileExists(path) || WalFormat.TryParseFileName(Path.GetFileName(path), out _)) return;
        var facts = new WalFileFacts { Path = path, Name = Path.GetFileName(path), NameLsn = new Lsn(1) };
        try
        {
            facts.Read(files, scan: false, cancellationToken);
            if (facts.HeaderStatus != WalHeaderStatus.Damaged) return;
            facts.Read(files, scan: true, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }

        if (facts.SawRecord || facts.Records > 0) return;
        throw new HestiaException(
            HestiaErrorCode.NotAnIndex,
            $"'{path}' is no log file: it does not begin like one, and there is no record in it.",
            path,
            "Give an index, its wal directory, or a file out of that.");
    }

    private static List<(string Path, Lsn First)> PathsOf(FileSystem files, string path)
    {
        var paths = new List<(string Path, Lsn First)>();
        if (files.FileExists(path))
        {
            paths.Add((path, WalFormat.TryParseFileName(Path.GetFileName(path), out var first) ? first : Lsn.None));
            return paths;
        }

        var directory = DirectoryOf(files, path);
        try
        {
            foreach (var entry in files.List(directory))
            {
                if (!entry.IsDirectory && WalFormat.TryParseFileName(entry.Name, out var first))
                    paths.Add((Path.Combine(directory, entry.Name), first));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, directory, "listing");
        }

        paths.Sort(static (a, b) => a.First.CompareTo(b.First));
        return paths;
    }

    private static IEnumerable<WalRecord> Last(IEnumerable<WalRecord> records, int count)
    {
        var kept = new Queue<WalRecord>();
        foreach (var record in records)
        {
            kept.Enqueue(record);
            if (kept.Count > count) kept.Dequeue();
        }

        return kept;
    }

    private static IEnumerable<WalRecord> Read(
        FileSystem files,
        List<(string Path, Lsn First)> paths,
        WalReadOptions options,
        CancellationToken cancellationToken)
    {
        for (var i = 0; i < paths.Count; i++)
        {
            if (options.ToLsn is { } to && paths[i].First > to) yield break;
            if (options.FromLsn is { } from && i + 1 < paths.Count && paths[i + 1].First <= from) continue;
            using var walk = WalFileWalk.Open(files, paths[i].Path, paths[i].First, options, cancellationToken);
            while (walk?.Next() is { } record) yield return record;
        }
    }
}
