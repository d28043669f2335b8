using System.Diagnostics;
using System.Reflection;
using Hestia.Backup.FileSets;
using Hestia.Backup.Format;
using Hestia.Backup.Pruning;
using Hestia.Backup.Retention;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Control;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>What is backed up: the files of one manifest, held by a pin for as long as the backup runs.</summary>
internal sealed record BackupSource(
    string Name,
    Guid IndexId,
    string Path,
    IReadOnlyList<PinnedSegment> Segments,
    ReadOnlyMemory<byte> ManifestBytes,
    ReadOnlyMemory<byte> SettingsBytes)
{
    /// <summary>Set if it is a folder of another system, which is backed up as the files it is; then there is neither manifest nor settings.</summary>
    public FileSetSource? Files { get; init; }
}

/// <summary>
/// One backup: marker, flush, pin, look, send, manifest, look again. The order carries the promises: the marker stands before the first
/// look, so that whoever deletes objects sees it; prunes that condemned something before that are waited out; everything named is durable
/// before the manifest that names it; and marker and objects are looked at again after publishing, while the pin still holds the files.
/// </summary>
internal sealed class BackupJob(
    RepositoryContext repository, BackupOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    private static readonly string s_tool =
        "Hestia " + typeof(BackupJob).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly TransferPace? _pace = TransferPace.Of(options.MaxBytesPerSecond);

    public BackupResult Run(IMaintainedIndex index, IndexVia via)
    {
        var begun = Stopwatch.GetTimestamp();
        var started = repository.Clock.GetUtcNow();
        RefuseOverlap(repository, index.Path);
        RetentionTags.Check(options.Tags);
        using var marker = BackupMarker.Write(repository, started, index.Id, cancellationToken);

        // A read-only session has nothing to flush, and says so itself where its log holds more than its segments.
        var nothingToFlush = index is HestiaIndex { IsReadOnly: true } local && local.LastLsn <= local.Checkpoint;
        var flush = options.NoFlush || nothingToFlush ? null : index.Flush(progress, cancellationToken);
        using var pin = index.Pin(cancellationToken);
        var source = new BackupSource(index.Name, index.Id, index.Path, pin.Segments, pin.ManifestBytes, pin.SettingsBytes);
        try
        {
            var result = Run(source, marker, started, begun) with { Via = via, Flushed = flush is not null, SegmentsFlushed = flush?.SegmentsWritten ?? 0 };
            Note(index, new LastBackup(
                result.BackupId, repository.Location, repository.Descriptor.Id, result.Lsn, repository.Clock.GetUtcNow()));
            return result;
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.SourceDamaged && pin.FindLoss() is { } lost)
        {
            throw new HestiaException(
                HestiaErrorCode.PinExpired,
                $"The files of '{index.Path}' went while they were copied, because nothing held them any more: {lost.Message} No backup was made; earlier ones are untouched.",
                index.Path,
                "Start the backup again: what was sent is not sent again.",
                e);
        }
    }

    private static void Note(IMaintainedIndex index, LastBackup backup)
    {
        if (index is RemoteIndex remote) remote.NoteBackup(backup);
        else ((HestiaIndex)index).NoteBackup(backup);
    }

    /// <summary>Backs up what is pinned, under a marker that stands already.</summary>
    public BackupResult Run(BackupSource source, BackupMarker marker, DateTimeOffset started, long begun)
    {
        var document = source.Files is null ? ParseManifest(source) : null;
        var names = new string[source.Segments.Count];
        for (var i = 0; i < names.Length; i++) names[i] = repository.ObjectName(source.Segments[i].Id);

        var sentBytes = 0L;
        var sentSegments = 0;
        ProgressMeter? meter = null;
        do
        {
            marker.AvoidPrunes(names, cancellationToken);
            var notes = DamageNotes.Read(repository, cancellationToken);
            var (missing, bytesMissing) = FindMissing(source.Segments, notes, cancellationToken);
            RefuseIfFull(bytesMissing);
            meter = new ProgressMeter(progress, $"Backing up {source.Name}", bytesMissing, missing.Count);
            Send(missing, source.Files is not null, notes, meter, cancellationToken);
            sentBytes += bytesMissing;
            sentSegments = Math.Min(source.Segments.Count, sentSegments + missing.Count);
            if (!repository.Store.Capabilities.DurableWhenStored)
                MakeDurable(source.Segments, missing, marker.OthersRun(cancellationToken));
            notes.Remove(repository, missing.ConvertAll(s => repository.ObjectName(s.Id)));
        }
        while (!marker.Keep(cancellationToken)); // somebody took this backup for dead: what was found may have been removed since

        repository.EnsureSame(cancellationToken);
        source.Files?.Confirm();
        var summary = new BackupSummary
        {
            BackupId = marker.BackupId,
            Nonce = Guid.NewGuid(),
            IndexId = source.IndexId,
            IndexName = source.Name,
            Timeline = document?.Timeline.Id ?? Guid.Empty,
            SourcePath = source.Path,
            Host = Environment.MachineName,
            Tool = s_tool,
            Started = started,
            Completed = repository.Clock.GetUtcNow(),
            Lsn = document?.Checkpoint ?? Lsn.None,
            CheckpointTime = document?.LastCommitTime ?? 0,
            Entries = document?.Segments.Sum(static s => s.Entries) ?? 0,
            Segments = source.Segments.Count,
            Bytes = document?.SegmentBytes ?? source.Segments.Sum(static s => s.Size),
            BytesSent = sentBytes,
            SegmentsSent = sentSegments,
            SettingsBytes = source.SettingsBytes.ToArray(),
            Tags = options.Tags,
            FileSet = source.Files is { } files ? new FileSetHead(files.Kind.Name, files.Kind.Title) : null,
            BodyBytes = 0,
        };
        summary = Publish(summary, source, document);
        marker.KeepComplete(
            names,
            () => FindMissing(source.Segments, DamageNotes.None, CancellationToken.None).Missing,
            missing =>
            {
                Send(
                    missing, source.Files is not null, DamageNotes.None,
                    new ProgressMeter(null, "", missing.Sum(static s => s.Size), missing.Count), CancellationToken.None);
                repository.Store.MakeDurable(missing.ConvertAll(s => repository.ObjectName(s.Id)), CancellationToken.None);
            },
            () => repository.Store.Delete(RepositoryNames.Backup(summary.IndexId, summary.BackupId), CancellationToken.None),
            () => new HestiaException(
                HestiaErrorCode.ObjectMissing,
                $"Objects of backup {summary.BackupId} disappear from '{repository.Location}' while it is made.",
                repository.Location,
                "Find out who removes them, then try again."));
        if (sentSegments > 0 && repository.Store.Capabilities.Remote) RemoveUnfinished();
        meter.Finish();
        return new BackupResult
        {
            BackupId = summary.BackupId,
            IndexName = summary.IndexName,
            Kind = summary.Kind,
            SourcePath = summary.SourcePath,
            Repository = repository.Location,
            Lsn = summary.Lsn,
            Bytes = summary.Bytes,
            BytesSent = summary.BytesSent,
            SegmentsSent = summary.SegmentsSent,
            SegmentsReused = summary.Segments - summary.SegmentsSent,
            Duration = Stopwatch.GetElapsedTime(begun),
        };
    }

    /// <summary>Uploads that died with their process cost money where nobody sees them. A store in folders sweeps as it goes.</summary>
    private void RemoveUnfinished()
    {
        try
        {
            repository.Store.RemoveUnfinished(RepositoryStore.DeadAfter, cancellationToken);
        }
        catch (Exception e) when (e is HestiaException or OperationCanceledException)
        {
            // The backup is complete; who may not do this leaves it to another host.
        }
    }

    /// <summary>What would be sent now, without a flush.</summary>
    public BackupPlan Plan(IMaintainedIndex index)
    {
        RefuseOverlap(repository, index.Path);
        using var pin = index.Pin(cancellationToken);
        var (missing, bytes) = FindMissing(pin.Segments, DamageNotes.Read(repository, cancellationToken), cancellationToken);
        return new BackupPlan(pin.Segments.Count, pin.Segments.Sum(static s => s.Size), missing.Count, bytes);
    }

    public static void RefuseOverlap(RepositoryContext repository, string path)
    {
        if (!repository.Store.Overlaps(path)) return;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"The index '{path}' and the repository '{repository.Location}' lie one inside the other; what harms one would harm both.",
            path,
            "Use a repository in another folder, best on another disk.");
    }

    private static ManifestDocument ParseManifest(BackupSource source)
    {
        try
        {
            return ManifestDocument.Parse(source.ManifestBytes.Span);
        }
        catch (InvalidDataException e)
        {
            throw new HestiaException(
                HestiaErrorCode.SourceDamaged, $"The pinned manifest of '{source.Path}' cannot be understood: {e.Message}", source.Path,
                innerException: e);
        }
    }

    /// <summary>
    /// Objects that are not there, or there with a wrong size or a note that they are damaged: those are replaced.
    /// </summary>
    public (List<PinnedSegment> Missing, long Bytes) FindMissing(
        IReadOnlyList<PinnedSegment> segments, DamageNotes notes, CancellationToken token)
    {
        var ids = new SegmentId[segments.Count];
        for (var i = 0; i < ids.Length; i++) ids[i] = segments[i].Id;
        var sizes = repository.ObjectSizes(ids, _parallelism, token);
        var missing = new List<PinnedSegment>();
        long bytes = 0;
        for (var i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] == segments[i].Size && !(notes.Any && notes.Names(repository.ObjectName(segments[i].Id)))) continue;
            missing.Add(segments[i]);
            bytes += segments[i].Size;
        }

        missing.Sort(static (a, b) => b.Size.CompareTo(a.Size)); // the largest first: no worker is left with one at the end
        return (missing, bytes);
    }

    private void RefuseIfFull(long bytes)
    {
        if (bytes == 0 || repository.Store.AvailableBytes() is not { } available || available >= bytes) return;
        throw new HestiaException(
            HestiaErrorCode.DiskFull,
            $"The backup has to send {bytes:N0} bytes and '{repository.Location}' has room for {available:N0}. Nothing was sent.",
            repository.Location,
            "Free space there, or use another repository.");
    }

    private void Send(List<PinnedSegment> segments, bool isForeign, DamageNotes notes, ProgressMeter meter, CancellationToken token) => Workers.Run(
        segments,
        _parallelism,
        (segment, stop) =>
        {
            var name = repository.ObjectName(segment.Id);
            var isDamaged = notes.Names(name);
            using var content = new SegmentContent(repository.Files, segment.Id, segment.Size, segment.FilePath, meter, _pace, stop)
            {
                IsForeign = isForeign,
                TrustsSize = !isDamaged,
                Replaces = isDamaged,
            };
            DamageNotes.Put(repository, name, content, stop);
            meter.AddItem();
        },
        token);

    /// <summary>
    /// Objects of finished backups are durable. One of a backup that still runs may be readable and not yet durable, so if any is marked
    /// as running all objects are made durable here. The markers are looked at after the objects: a backup that sent one of them either
    /// still has its marker, or has made it durable before it (or whoever took it for dead) removed the marker.
    /// </summary>
    private void MakeDurable(IReadOnlyList<PinnedSegment> all, List<PinnedSegment> sent, bool othersRun)
    {
        IReadOnlyList<PinnedSegment> segments = othersRun ? all : sent;
        if (segments.Count == 0) return;
        var names = new string[segments.Count];
        for (var i = 0; i < names.Length; i++) names[i] = repository.ObjectName(segments[i].Id);
        repository.Store.MakeDurable(names, cancellationToken);
    }

    private BackupSummary Publish(BackupSummary summary, BackupSource source, ManifestDocument? document)
    {
        var segments = new BackupSegment[document?.Segments.Count ?? 0];
        for (var i = 0; i < segments.Length; i++)
            segments[i] = new BackupSegment(document!.Segments[i].Id, document.Segments[i].Size, document.Segments[i].Level);
        while (true)
        {
            var bytes = source.Files is { } files
                ? BackupManifest.Serialize(summary, files.Manifest)
                : BackupManifest.Serialize(summary, source.ManifestBytes.Span, segments);
            if (repository.Store.TryCreate(RepositoryNames.Backup(summary.IndexId, summary.BackupId), bytes, cancellationToken))
                return summary;
            summary = summary with { BackupId = RepositoryNames.NewBackupId(summary.Started) };
        }
    }
}
