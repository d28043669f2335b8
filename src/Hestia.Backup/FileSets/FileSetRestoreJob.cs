using System.Diagnostics;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup.FileSets;

/// <summary>
/// Restores the folder of another system: claim the place, look at every object, stage, verify every byte, let its kind check it, swap. Its bytes
/// are those that were backed up, so what the check finds was there then; it is told, and kept nobody from having it back.
/// </summary>
internal sealed class FileSetRestoreJob(
    RepositoryContext repository, RestoreOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly FileSystem _files = repository.Files;
    private readonly ObjectFetch _fetch = new(repository, RepositoryContext.CheckParallelism(options.Parallelism));

    public RestorePlan Plan(BackupManifest manifest, string targetPath)
    {
        RefuseUnfit(manifest);
        _fetch.RefuseOverlap(targetPath);
        using var target = RestoreTarget.Inspect(_files, targetPath, options.Force, Content(manifest));
        var bytes = manifest.Files!.Files.Sum(static f => f.Size);
        return new RestorePlan(
            manifest.Summary.BackupId, target.Path, target.State == TargetState.Index, manifest.Files.Files.Count, 0, bytes, bytes,
            _fetch.Available(target.Path));
    }

    public RestoreResult Run(BackupManifest manifest, string targetPath)
    {
        var begun = Stopwatch.GetTimestamp();
        RefuseUnfit(manifest);
        _fetch.RefuseOverlap(targetPath);
        var files = manifest.Files!;
        var bytes = files.Files.Sum(static f => f.Size);
        using var target = RestoreTarget.Claim(_files, targetPath, options.Force, Content(manifest));
        FileSetCheck? check;
        try
        {
            _fetch.RefuseIncomplete(manifest, cancellationToken);
            _fetch.RefuseIfFull(target.Path, bytes);
            Stage(manifest, files, target, bytes);
            check = Kind(manifest)?.Check(target.StagingPath, progress, cancellationToken);
            target.CopyOwnership(new HashSet<string>());
            SyncFolders(files, target.StagingPath);
            target.SyncStaging();
            cancellationToken.ThrowIfCancellationRequested();
            // Somebody may have opened it while this one was staged.
            if (target.State == TargetState.Index) Kind(manifest)?.RefuseIfInUse(target.Path, allowUnknownOwner: true);
            target.Swap();
        }
        catch (Exception e)
        {
            target.Discard();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, target.StagingPath, "writing");
            throw;
        }

        var findings = new List<Finding>();
        if (target.RemoveReplaced() is { } kept) findings.Add(kept);
        if (check is { Healthy: false }) findings.Add(Unhealthy(manifest, target.Path, check));
        return new RestoreResult
        {
            BackupId = manifest.Summary.BackupId,
            IndexName = manifest.Summary.IndexName,
            Kind = manifest.Summary.Kind,
            Path = target.Path,
            Lsn = Lsn.None,
            PointInTime = manifest.Summary.Started,
            Entries = check?.Entries ?? 0,
            Bytes = bytes,
            BytesFetched = bytes,
            SegmentsFetched = files.Files.Count,
            SegmentsReused = 0,
            ObjectsVerified = manifest.Segments.Count,
            Healthy = check?.Healthy ?? true,
            ReplacedIndex = target.State == TargetState.Index,
            Findings = findings,
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    private static FileSetKind? Kind(BackupManifest manifest) => FileSetKinds.Find(manifest.Summary.FileSet!.Kind);

    private static FileSetTargetContent Content(BackupManifest manifest) => new(Kind(manifest), manifest.Summary.Kind, manifest.Files!);

    private static Finding Unhealthy(BackupManifest manifest, string path, FileSetCheck check) => new(
        FindingSeverity.Warning,
        nameof(HestiaErrorCode.SourceDamaged),
        $"The {manifest.Summary.Kind} directory '{path}' is, byte for byte, what was backed up, and that was damaged or is not understood: "
        + check.Findings.First(static f => f.Severity == FindingSeverity.Error).Message,
        path);

    /// <summary>There is no log in the archive to go on with.</summary>
    private void RefuseUnfit(BackupManifest manifest)
    {
        if (options.ToLsn is not null || options.ToTime is not null || options.ToLatest || options.Timeline is not null) _ = manifest.IndexManifest;
    }

    private void Stage(BackupManifest manifest, FileSetManifest files, RestoreTarget target, long bytes)
    {
        target.CreateStaging();
        var order = new List<FileSetEntry>(files.Files);
        order.Sort(static (a, b) => b.Size.CompareTo(a.Size));
        var meter = new ProgressMeter(progress, $"Restoring {manifest.Summary.IndexName}", bytes, order.Count);
        Workers.Run(
            order,
            _parallelism,
            (file, token) =>
            {
                var path = Full(target.StagingPath, file.Path);
                if (file.Size > 0) _fetch.Fetch(file.Id, file.Size, path, meter, null, token);
                else MakeEmpty(path);
                meter.AddItem();
            },
            cancellationToken);
        meter.Finish();
    }

    private void MakeEmpty(string path)
    {
        using var file = _files.Open(path, FileOpenMode.CreateNew);
        file.Sync();
    }

    /// <summary>The inner ones first.</summary>
    private void SyncFolders(FileSetManifest files, string staging)
    {
        for (var i = files.Folders.Count - 1; i >= 0; i--) _files.SyncDirectory(Full(staging, files.Folders[i]));
    }

    private static string Full(string folder, string path) => Path.Combine(folder, path.Replace('/', Path.DirectorySeparatorChar));
}
