using System.Diagnostics;
using System.Globalization;
using Hestia.Backup.Archive;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.Retention;
using Hestia.Core;

namespace Hestia.Backup.Checking;

/// <summary>
/// Looks at a repository as a whole: can it be written, is every index there that should be, are the newest backups new enough, is every
/// object that a backup names there in its size, what lies about. Ages are by the clock of the store.
/// </summary>
internal sealed class RepositoryCheckJob(
    RepositoryContext repository, RepositoryCheckOptions options, CancellationToken cancellationToken)
{
    private const int MaxNamedObjects = 100;

    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly List<Finding> _findings = [];
    private readonly HashSet<string> _unhealthy = new(StringComparer.Ordinal);

    public RepositoryCheck Run()
    {
        var begun = Stopwatch.GetTimestamp();
        repository.EnsureSame(cancellationToken);
        ProbeWrite();
        var now = ReadClock();
        var objects = ListObjects();
        var listing = new BackupCatalog(repository).List(cancellationToken);
        _findings.AddRange(listing.Findings);
        var archives = new ArchiveSurvey(repository, cancellationToken).Run(null, options.Deep);
        var indexes = CheckIndexes(listing.Backups, archives, now);
        var (orphans, orphanBytes) = CheckObjects(objects);
        foreach (var archive in archives)
        {
            _findings.AddRange(archive.Findings);
            if (archive.Findings.Any(static f => f.Severity == FindingSeverity.Error)) _unhealthy.Add(archive.IndexId.ToString("d"));
        }

        foreach (var marker in new MarkerBoard(repository).List(cancellationToken)) CheckMarker(marker, now.UtcDateTime);
        return new RepositoryCheck
        {
            Repository = repository.Location,
            Healthy = !_findings.Exists(static f => f.Severity == FindingSeverity.Error),
            Indexes = indexes.ConvertAll(i => i with { Healthy = i.Healthy && !_unhealthy.Contains(Key(i)) }),
            Backups = listing.Backups.Count,
            Objects = objects.Count,
            Bytes = objects.Values.Sum(),
            Orphans = orphans,
            OrphanBytes = orphanBytes,
            Findings = _findings,
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    private void ProbeWrite()
    {
        if (!options.WriteProbe) return;
        try
        {
            repository.Store.ProbeWrite(cancellationToken);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.IoError or HestiaErrorCode.AccessDenied or HestiaErrorCode.DiskFull)
        {
            Add(FindingSeverity.Error, "NotWritable", $"The repository cannot be written: {e.Message}", repository.Location);
        }
    }

    /// <summary>The clock of the store; where reading that writes, and nothing may be written, that of this machine.</summary>
    private DateTimeOffset ReadClock()
    {
        if (!options.WriteProbe && !repository.Store.Capabilities.Remote) return repository.Clock.GetUtcNow();
        try
        {
            return new DateTimeOffset(DateTime.SpecifyKind(repository.Store.ReadClock(cancellationToken), DateTimeKind.Utc));
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.IoError or HestiaErrorCode.AccessDenied or HestiaErrorCode.DiskFull)
        {
            return repository.Clock.GetUtcNow();
        }
    }

    private Dictionary<string, long> ListObjects()
    {
        var objects = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var item in repository.Store.List(RepositoryNames.Objects, cancellationToken))
            if (RepositoryNames.IsObject(item.Name)) objects[item.Name] = item.Size;
        return objects;
    }

    private List<IndexFreshness> CheckIndexes(
        IReadOnlyList<BackupInfo> backups, IReadOnlyList<ArchiveStatus> archives, DateTimeOffset now)
    {
        var indexes = new List<IndexFreshness>();
        foreach (var group in backups.GroupBy(static b => b.IndexId).OrderBy(static g => g.Last().IndexName, StringComparer.Ordinal)
            .ThenBy(static g => g.Key))
        {
            foreach (var backup in group)
                if (RetentionPlanner.IsFuture(backup, now)) ReportFuture(backup, now);
            var newest = BackupInfo.Latest(group)!;
            var age = now - MadeAt(newest, now);
            var fresh = options.MaxBackupAge is not { } limit || age <= limit;
            if (!fresh) ReportOld(newest, age);
            indexes.Add(new IndexFreshness(newest.IndexName, group.Key, group.Count(), newest, age, fresh));
        }

        for (var i = 0; i < indexes.Count; i++)
        {
            if (ArchiveCheck.FindUnreachable(repository, archives, indexes[i], cancellationToken) is { } unreachable)
            {
                _findings.Add(unreachable);
                indexes[i] = indexes[i] with { Healthy = false };
            }

            if (options.MaxArchiveLag is not { } limit) continue;
            if (ArchiveCheck.FindLag(repository, archives, indexes[i], limit, now, cancellationToken) is not { } finding) continue;
            _findings.Add(finding);
            indexes[i] = indexes[i] with { Healthy = false };
        }

        foreach (var expected in options.ExpectedIndexes)
        {
            if (indexes.Exists(i => string.Equals(i.IndexName, expected, StringComparison.OrdinalIgnoreCase)
                || string.Equals(i.IndexId?.ToString("d"), expected, StringComparison.OrdinalIgnoreCase))) continue;
            Add(FindingSeverity.Error, "IndexMissing",
                $"The index '{expected}' is expected to have a backup in '{repository.Location}' and has none.", repository.Location);
            indexes.Add(new IndexFreshness(expected, null, 0, null, null, false));
        }

        return indexes;
    }

    private static DateTimeOffset MadeAt(BackupInfo backup, DateTimeOffset now) => backup.MadeAt < now ? backup.MadeAt : now;

    private void ReportOld(BackupInfo newest, TimeSpan age) => Add(
        FindingSeverity.Error, "BackupTooOld",
        $"The newest backup of the index '{newest.IndexName}' ({newest.IndexId:d}, {newest.SourceHost}), {newest.BackupId}, is "
        + $"{Text(age)} old; at most {Text(options.MaxBackupAge!.Value)} are allowed.",
        RepositoryNames.Backup(newest.IndexId, newest.BackupId));

    private void ReportFuture(BackupInfo backup, DateTimeOffset now) => Add(
        FindingSeverity.Warning, "FutureBackup",
        $"Backup {backup.BackupId} of the index '{backup.IndexName}' says it was completed {Text(backup.Completed - now)} from now. "
        + $"Check the clock of {backup.SourceHost}.",
        RepositoryNames.Backup(backup.IndexId, backup.BackupId));

    /// <summary>Holds what backups name against what is there, reading each manifest once.</summary>
    private (long Orphans, long Bytes) CheckObjects(Dictionary<string, long> objects)
    {
        var catalog = new BackupCatalog(repository);
        var named = new HashSet<string>(StringComparer.Ordinal);
        var wrong = new HashSet<string>(StringComparer.Ordinal);
        var unread = 0;
        Workers.Run(
            catalog.Entries(cancellationToken),
            _parallelism,
            (entry, token) =>
            {
                try
                {
                    if (catalog.Read(entry, token) is { } manifest) lock (named) Compare(manifest, entry.Name, objects, named, wrong);
                }
                catch (HestiaException e) when (e.Code is HestiaErrorCode.BackupDamaged or HestiaErrorCode.FormatTooNew)
                {
                    lock (named)
                    {
                        unread++;
                        if (!_findings.Exists(f => f.File == entry.Name && f.Code == e.Code.ToString()))
                        {
                            var severity = e.Code == HestiaErrorCode.FormatTooNew ? FindingSeverity.Warning : FindingSeverity.Error;
                            Add(severity, e.Code.ToString(), e.Message, entry.Name);
                        }
                    }
                }
            },
            cancellationToken);

        if (unread > 0) return (0, 0); // who knows what they name
        var orphans = 0L;
        var bytes = 0L;
        foreach (var (name, size) in objects)
        {
            if (named.Contains(name)) continue;
            orphans++;
            bytes += size;
        }

        if (orphans > 0)
        {
            Add(FindingSeverity.Information, "Orphans",
                $"{orphans:N0} objects ({bytes:N0} bytes) are named by no backup: of a backup that runs or was interrupted, or of removed "
                + "ones. Optimize-HestiaRepository removes them.",
                RepositoryNames.Objects);
        }

        return (orphans, bytes);
    }

    private void Compare(
        BackupManifest manifest, string manifestName, Dictionary<string, long> objects, HashSet<string> named, HashSet<string> wrong)
    {
        var lacking = 0;
        foreach (var segment in manifest.Segments)
        {
            var name = repository.ObjectName(segment.Id);
            named.Add(name);
            if (objects.TryGetValue(name, out var size) && size == segment.Size) continue;
            // Listed before it was sent, by a backup that has published since: looked at again before it is called missing.
            if (wrong.Contains(name) || repository.ObjectSizes([segment.Id], 1, cancellationToken)[0] is var found && found != segment.Size)
            {
                lacking++;
                if (!wrong.Add(name) || wrong.Count > MaxNamedObjects) continue;
                var exists = objects.ContainsKey(name);
                Add(FindingSeverity.Error,
                    exists ? nameof(HestiaErrorCode.ObjectDamaged) : nameof(HestiaErrorCode.ObjectMissing),
                    $"Object {name}, which backup {manifest.Summary.BackupId} of the index '{manifest.Summary.IndexName}' needs, "
                    + (exists ? $"is {size:N0} bytes long instead of {segment.Size:N0}." : "is missing."),
                    name);
            }
        }

        if (lacking == 0) return;
        _unhealthy.Add(manifest.Summary.IndexId.ToString("d"));
        Add(FindingSeverity.Error, nameof(HestiaErrorCode.BackupDamaged),
            $"Backup {manifest.Summary.BackupId} of the index '{manifest.Summary.IndexName}' lacks {lacking:N0} of its "
            + $"{manifest.Segments.Count:N0} objects and cannot be restored. Back up the index again: that sends what is missing.",
            manifestName);
    }

    private void CheckMarker(SeenMarker marker, DateTime now)
    {
        var limit = marker.IsPrune ? repository.Markers.PruneDeadAfter : repository.Markers.BackupDeadAfter;
        if (now - marker.LastSign < limit) return;
        Add(FindingSeverity.Warning, "StaleMarker",
            $"{marker.Name} is the marker of work that gave no sign of life for {Text(now - marker.LastSign)}. "
            + "Optimize-HestiaRepository removes it.",
            marker.Name);
    }

    private void Add(FindingSeverity severity, string code, string message, string file) =>
        _findings.Add(new Finding(severity, code, message, file));

    private static string Key(IndexFreshness index) => index.IndexId?.ToString("d") ?? "";

    internal static string Text(TimeSpan time) => time.TotalHours < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.#} minutes")
        : time.TotalDays < 2 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.#} hours")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:0.#} days");
}
