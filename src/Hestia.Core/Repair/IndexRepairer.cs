using System.Diagnostics;
using System.Text;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;
using Hestia.Core.Wal;

namespace Hestia.Core.Repair;

/// <summary>
/// Repairs a closed index: salvages everything that can be read, says exactly what cannot, and leaves an index that passes the check.
/// Deletes nothing: what is taken out of the index goes to its quarantine folder. May be killed at any moment and repeated.
/// </summary>
public static class IndexRepairer
{
    private const int MaxToldLosses = 5;

    /// <summary>Repairs the index in a folder; a healthy one is left as it is.</summary>
    /// <exception cref="HestiaException">
    /// RepairWouldLoseData (nothing was changed; the message has the plan in short), NotRepairable, FormatTooNew, PathNotFound,
    /// NotAnIndex, IndexInUse,
    /// LockUnsupported, AccessDenied, DiskFull, IoError.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled; repairing again completes it.</exception>
    public static RepairReport Repair(
        string path,
        RepairOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Repair(FileSystem.Physical, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), options, progress, cancellationToken);
    }

    internal static RepairReport Repair(
        FileSystem files,
        string path,
        RepairOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new RepairOptions();
        var began = Stopwatch.GetTimestamp();
        RequireIndex(files, path);
        using var held = IndexLock.Take(files, path);
        try
        {
            var check = new IndexCheck(files, path, new CheckOptions { Deep = true }, progress, cancellationToken).Run();
            var plan = new RepairPlanner(files, path, check, progress, cancellationToken).Make();
            if (options.PlanOnly || !plan.ChangesAnything) return Report(path, plan, check.Report, [], began, options.PlanOnly);
            if (plan.Losses.Count > 0 && !options.AllowLoss) throw WouldLose(path, plan);
            var execution = new RepairExecution(files, path, plan, progress, cancellationToken);
            execution.Run();
            var after = new IndexCheck(files, path, new CheckOptions { Deep = true }, progress, cancellationToken).Run().Report;
            if (!after.Healthy) throw StillDamaged(path, after);
            return Report(path, plan, after, execution.Quarantined, began, planOnly: false) with { Findings = check.Report.Findings };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "repairing");
        }
    }

    /// <summary>A folder without index.json is an index all the same if a manifest or a log file in it says so.</summary>
    private static void RequireIndex(FileSystem files, string path)
    {
        try
        {
            IndexSettingsFile.Read(files, path);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.SettingsDamaged or HestiaErrorCode.FormatTooNew)
        {
            // for the plan
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.NotAnIndex && files.DirectoryExists(path) && HasParts(files, path))
        {
            // as well
        }
    }

    private static bool HasParts(FileSystem files, string path)
    {
        foreach (var evidence in ManifestSurvey.Make(files, path).All)
            if (evidence.Document is not null) return true;
        var directory = Path.Combine(path, FileNames.Wal);
        if (!files.DirectoryExists(directory)) return false;
        foreach (var entry in files.List(directory))
        {
            if (entry.IsDirectory || !WalFormat.TryParseFileName(entry.Name, out _)) continue;
            using var file = files.Open(Path.Combine(directory, entry.Name), FileOpenMode.Read);
            using var window = new WalWindow(file);
            if (WalFileHeader.Read(window.Get(0, WalFormat.MaxLaterHeaderBytes), out _) == WalHeaderStatus.Valid) return true;
        }

        return false;
    }

    private static RepairReport Report(
        string path, RepairPlan plan, CheckReport check, IReadOnlyList<string> quarantined, long began, bool planOnly)
    {
        var moved = new List<string>(quarantined);
        if (planOnly)
            foreach (var file in plan.ToQuarantine) moved.Add(Path.GetRelativePath(path, file));
        return new RepairReport
        {
            Path = path,
            Name = plan.Settings?.Settings.Name ?? check.Name,
            Changed = plan.ChangesAnything,
            Findings = check.Findings,
            Actions = plan.Actions,
            Quarantined = moved,
            Lost = plan.Losses,
            EntriesKept = check.Entries,
            LastLsn = check.LastLsn,
            Duration = Stopwatch.GetElapsedTime(began),
        };
    }

    private static HestiaException WouldLose(string path, RepairPlan plan)
    {
        var text = new StringBuilder($"Repairing '{path}' would lose something, so nothing was changed. Lost: ");
        for (var i = 0; i < Math.Min(plan.Losses.Count, MaxToldLosses); i++) text.Append(i == 0 ? "" : " ").Append(plan.Losses[i].Message);
        if (plan.Losses.Count > MaxToldLosses) text.Append($" And {plan.Losses.Count - MaxToldLosses:N0} more.");
        text.Append(" Planned:");
        foreach (var group in plan.Actions.GroupBy(static a => a.Code)) text.Append($" {group.Key} ({group.Count():N0})");
        text.Append('.');
        return new HestiaException(
            HestiaErrorCode.RepairWouldLoseData,
            text.ToString(),
            path,
            "Restore the newest backup instead, or look at the whole plan with -WhatIf and repair with -Force.");
    }

    private static HestiaException StillDamaged(string path, CheckReport after)
    {
        var text = new StringBuilder($"'{path}' was repaired as planned and still does not pass the check:");
        foreach (var finding in after.Findings.Where(static f => f.Severity == FindingSeverity.Error).Take(MaxToldLosses))
            text.Append(' ').Append(finding);
        return new HestiaException(HestiaErrorCode.NotRepairable, text.ToString(), path,
            "Restore the newest backup; what was taken out is in quarantine.");
    }
}
