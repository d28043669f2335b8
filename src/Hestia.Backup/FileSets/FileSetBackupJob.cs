using System.Diagnostics;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.Retention;
using Hestia.Core;
using Hestia.Core.Control;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Backup.FileSets;

/// <summary>The files of a folder on their way into a backup, and whether they are still what they were when they were hashed.</summary>
internal sealed record FileSetSource(FileSetKind Kind, FileSetManifest Manifest, Action Confirm);

/// <summary>
/// A cold backup of a folder: refused while it is in use, listed, hashed, sent, and listed again before the backup is published, since the locks of
/// other systems are promises and not locks.
/// </summary>
internal sealed class FileSetBackupJob(
    RepositoryContext repository, FileSetKind kind, BackupOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    private readonly FileSystem _files = repository.Files;

    public BackupResult Run(string path)
    {
        var begun = Stopwatch.GetTimestamp();
        var started = repository.Clock.GetUtcNow();
        RetentionTags.Check(options.Tags);
        var folder = Prepare(path, out var description);
        var check = kind.CheckBeforeBackup(folder, progress, cancellationToken);
        kind.RefuseIfInUse(folder, options.AllowUnknownOwner);
        var survey = FileSetSurvey.Take(_files, folder, kind);
        var manifest = survey.Hash(RepositoryContext.CheckParallelism(options.Parallelism), progress, cancellationToken);
        var indexId = options.IndexId ?? FileSetIdentity.Of(kind, Environment.MachineName, folder, description.IndexName);
        using var marker = BackupMarker.Write(repository, started, indexId, cancellationToken);
        var source = new BackupSource(description.IndexName, indexId, folder, Pinned(folder, manifest), default, default)
        {
            Files = new FileSetSource(kind, manifest, Confirm),
        };
        var result = new BackupJob(repository, options, progress, cancellationToken).Run(source, marker, started, begun) with { Via = IndexVia.Files };
        var errors = check.Findings.Where(static f => f.Severity == FindingSeverity.Error).ToList();
        return check.Healthy
            ? result
            : result with
            {
                Findings =
                [
                    new Finding(
                        FindingSeverity.Warning,
                        nameof(HestiaErrorCode.SourceDamaged),
                        $"'{folder}' is damaged or not understood, and so is what was backed up: {errors[0]}"
                            + (errors.Count > 1 ? $" (and {errors.Count - 1:N0} more; Test-HestiaIndex lists them)" : ""),
                        folder),
                ],
            };

        void Confirm()
        {
            kind.RefuseIfInUse(folder, options.AllowUnknownOwner);
            if (!survey.IsSame(FileSetSurvey.Take(_files, folder, kind))) throw FileSetSurvey.Changed(folder);
        }
    }

    /// <summary>What would be sent now.</summary>
    public BackupPlan Plan(string path)
    {
        var folder = Prepare(path, out _);
        var manifest = FileSetSurvey.Take(_files, folder, kind).Hash(RepositoryContext.CheckParallelism(options.Parallelism), progress, cancellationToken);
        var (missing, bytes) = new BackupJob(repository, options, null, cancellationToken).FindMissing(
            Pinned(folder, manifest), DamageNotes.Read(repository, cancellationToken), cancellationToken);
        return new BackupPlan(manifest.Files.Count, manifest.Files.Sum(static f => f.Size), missing.Count, bytes);
    }

    private string Prepare(string path, out FileSetDescription description)
    {
        var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        BackupJob.RefuseOverlap(repository, folder);
        description = kind.Describe(folder);
        kind.RefuseIfInUse(folder, options.AllowUnknownOwner);
        return folder;
    }

    private static List<PinnedSegment> Pinned(string folder, FileSetManifest manifest)
    {
        var paths = new Dictionary<Core.Segments.SegmentId, string>();
        foreach (var file in manifest.Files) paths.TryAdd(file.Id, Path.Combine(folder, file.Path.Replace('/', Path.DirectorySeparatorChar)));
        var pinned = new List<PinnedSegment>();
        foreach (var item in manifest.Objects()) pinned.Add(new PinnedSegment(item.Id, 0, item.Size, paths[item.Id]));
        return pinned;
    }
}
