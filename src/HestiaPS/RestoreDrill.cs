using System.Diagnostics;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>
/// Restores one backup into a folder of its own below the scratch folder, opens it, lets it be looked at, and removes it, whatever happens.
/// What is wrong with the scratch folder skips the drill; everything else fails it.
/// </summary>
internal sealed class RestoreDrill(BackupRepository repository, Func<string> scratchPath)
{
    private const string FolderPrefix = "hestia-drill-";

    public delegate object Runner(string activity, Func<IProgress<WorkProgress>, CancellationToken, object> work);

    /// <summary>Fills the result in.</summary>
    public void Run(BackupTestResult result, Runner run, Func<object, string?> validate)
    {
        var folder = "";
        var place = "";
        try
        {
            var scratch = place = scratchPath();
            if (!Directory.Exists(scratch))
                throw new HestiaException(HestiaErrorCode.PathNotFound, $"There is no folder '{scratch}'.", scratch);
            place = Path.Combine(scratch, FolderPrefix + Guid.NewGuid().ToString("n")[..12]);
            Directory.CreateDirectory(place);
            folder = place;
            Restore(result, Path.Combine(folder, "index"), run, validate);
        }
        catch (Exception e) when (Failures.IsReportable(e))
        {
            var ofScratch = e is UnauthorizedAccessException or IOException or HestiaException
            {
                Code: HestiaErrorCode.DiskFull or HestiaErrorCode.PathNotFound or HestiaErrorCode.InvalidOption
                    or HestiaErrorCode.AccessDenied or HestiaErrorCode.LockUnsupported,
            };
            // The same codes may speak of the repository: a right that was taken away, say. That is what a drill is to find.
            ofScratch &= e is not HestiaException { Target: { } target } || place.Length == 0 || IsWithin(target, place);
            result.Status = ofScratch ? BackupTestStatus.Skipped : BackupTestStatus.Failed;
            result.Reason = e.Message;
        }
        finally
        {
            if (folder.Length > 0) Remove(folder, result);
        }
    }

    private static bool IsWithin(object target, string folder)
    {
        var comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        return target is string path
            && (path.Equals(folder, comparison) || path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, comparison));
    }

    private void Restore(BackupTestResult result, string path, Runner run, Func<object, string?> validate)
    {
        var begun = Stopwatch.GetTimestamp();
        var restored = (RestoreResult)run($"Restoring {result.BackupId}", (progress, token) =>
            repository.Restore(result.BackupId, path, null, progress, token));
        result.RecoveryPoint = restored.PointInTime;
        result.Lsn = restored.Lsn.Value;
        result.Entries = restored.Entries;
        result.ObjectsHashed = restored.ObjectsVerified;
        result.BytesHashed = restored.Bytes;
        if (restored.Kind != BackupInfo.HestiaKind)
        {
            // Another system's folder: its own check has looked at it, and there is no session on it.
            result.RecoveryTime = Stopwatch.GetElapsedTime(begun);
            Fail(result, restored.Healthy ? validate(new DirectoryInfo(path)) : restored.Findings[^1].Message);
            return;
        }

        var index = (HestiaIndex)run($"Opening {result.BackupId}", (progress, token) =>
            HestiaIndex.Open(path, new IndexOptions { ReadOnly = true }, progress, token));
        result.RecoveryTime = Stopwatch.GetElapsedTime(begun);

        var session = SessionRegistry.Add(
            index, System.Management.Automation.Runspaces.Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty);
        string? wrong;
        try
        {
            wrong = index.LastLsn == restored.Lsn
                ? validate(session)
                : $"It opens at LSN {index.LastLsn}, and the backup ends at {restored.Lsn}.";
        }
        finally
        {
            session.Close();
        }

        Fail(result, wrong);
    }

    private static void Fail(BackupTestResult result, string? wrong)
    {
        if (wrong is null) return;
        result.Status = BackupTestStatus.Failed;
        result.Reason = wrong;
    }

    private static void Remove(string folder, BackupTestResult result)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            result.Reason = $"{result.Reason} '{folder}' could not be removed: {e.Message}".TrimStart();
            if (result.Status == BackupTestStatus.Success) result.Status = BackupTestStatus.Failed;
        }
    }
}
