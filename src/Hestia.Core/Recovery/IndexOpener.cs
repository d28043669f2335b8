using System.Buffers;
using System.Diagnostics;
using Hestia.Core.Archiving;
using Hestia.Core.Caching;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Segments;
using Hestia.Core.Suspending;
using Hestia.Core.Wal;
using Hestia.Core.Writing;

namespace Hestia.Core.Recovery;

/// <summary>
/// Opening an index: lock, settings, manifest, segments, log, in this order, and nothing is changed before all of it was found whole or
/// explained by a crash. The rules are in docs/recovery.md.
/// </summary>
internal static class IndexOpener
{
    private const int RewriteBytes = 1 << 20;

    /// <summary>What opening gives: the parts of a running index.</summary>
    internal sealed record Opened(
        IndexContext Context,
        FileLock? Lock,
        LiveSet Live,
        RetiredFiles Retired,
        WalPredecessor Predecessor,
        Lsn LastLsn,
        long LastCommitTime,
        RecoveryReport Report)
    {
        /// <summary>Gives everything back where no index came of it. The lock goes last, and nothing that may run already changes a file any more.</summary>
        public void Abandon(Exception cause)
        {
            Context.Health.Fail(cause);
            Live.Dispose();
            Lock?.Dispose();
        }
    }

    public static Opened Open(string path, IndexOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        OptionRanges.Check(options);
        var files = options.FileSystem;
        // Before the lock, so that a folder that is no index gets no .lock; once more after it, because it may just have been replaced.
        IndexSettingsFile.Read(files, path);
        var endpoint = options.ControlEndpoint && files.HasEndpoints ? LockOwner.EndpointOpening : LockOwner.EndpointOff;
        var held = options.ReadOnly ? IndexLock.TakeShared(files, path) : IndexLock.Take(files, path, endpoint);
        try
        {
            var settings = IndexSettingsFile.Read(files, path, out var settingsBytes);
            var notices = new List<RecoveryNotice>();
            var choice = ManifestChoice.Make(files, path, settings.Id);
            var context = CreateContext(path, options, settings, settingsBytes);
            try
            {
                return Recover(context, held, choice, notices, began, new ByteProgress(progress), cancellationToken);
            }
            catch
            {
                context.Cache.Dispose();
                throw;
            }
        }
        catch (Exception e)
        {
            held?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "opening");
            throw;
        }
    }

    private static IndexContext CreateContext(string path, IndexOptions options, IndexSettingsFile settings, byte[] settingsBytes)
    {
        var cache = new BlockCache(options.CacheBytes);
        var counters = new IndexCounters();
        var events = options.EventListener is { } listener
            ? new IndexEvents(listener, options.FileSystem.Clock, settings.Settings.Name ?? Path.GetFileName(path), path)
            : null;
        var openFiles = new OpenFileLimit(options.MaxOpenFiles);
        return new IndexContext
        {
            Path = path,
            Files = options.FileSystem,
            Options = options,
            SettingsFile = settings,
            SettingsBytes = settingsBytes,
            Counters = counters,
            Health = new IndexHealth(path, counters, events),
            Events = events,
            Quiesce = new QuiesceGate(options.Scheduler),
            Cache = cache,
            OpenFiles = openFiles,
            Segments = new SegmentTable(options.FileSystem, path, cache, openFiles),
        };
    }

    private static Opened Recover(
        IndexContext context,
        FileLock? held,
        ManifestChoice choice,
        List<RecoveryNotice> notices,
        long began,
        ByteProgress progress,
        CancellationToken cancellationToken)
    {
        var files = context.Files;
        var readOnly = context.Options.ReadOnly;
        var manifest = choice.Document;
        var archive = ArchiveKeeper.Load(context, notices);
        // Every live segment is opened (length and footer looked at) before anything is changed.
        using var opened = new OpenSegments(context.Segments);
        foreach (var segment in manifest.Segments) opened.Add(segment);
        var scan = ScanLog(context, manifest, notices, progress, cancellationToken);

        var store = new ManifestStore(files, context.Path);
        // The manifest's name may be in memory only: whoever wrote it may have been killed before, or failed at, the sync of its directory.
        // Nothing may be cut, deleted or promised because of it until it has one. The same goes for index.json, whose durability is about to be kept to.
        if (!readOnly)
        {
            files.SyncDirectory(context.Path);
            files.SyncDirectory(store.DirectoryPath);
        }

        if (!readOnly) ApplyLogActions(context.Files, context.Path, scan, cancellationToken);
        var (bytes, file, lastNumber) = (choice.Bytes, choice.File, choice.LastNumber);
        if (choice.Damaged.Count > 0) (manifest, bytes, file, lastNumber) = ReplaceDamaged(context, store, choice, notices);

        using var replay = new Replay(context, store, manifest, bytes, file, lastNumber, readOnly);
        if (!readOnly) RewriteLog(context, scan, manifest.Checkpoint, progress, cancellationToken);
        replay.Run(scan, progress, cancellationToken);
        var lastLsn = replay.LastLsn > manifest.Checkpoint ? replay.LastLsn : manifest.Checkpoint;
        var live = replay.TakeLive(lastLsn);
        try
        {
            var retired = new RetiredFiles(context, store, live.Manifest, replay.ManifestFile, archive);
            if (!readOnly) FindRetired(context, retired, choice, scan, replay, lastLsn, notices);
            live.ManifestChanged += retired.ManifestChanged;
            if (!readOnly) retired.Prune();
            var report = new RecoveryReport(notices, replay.Records, replay.Operations, Stopwatch.GetElapsedTime(began));
            return new Opened(
                context,
                held,
                live,
                retired,
                scan.Predecessor,
                lastLsn,
                Math.Max(Math.Max(manifest.LastCommitTime, scan.LastCommitMicroseconds), replay.LastCommitTime),
                report);
        }
        catch
        {
            live.Dispose();
            throw;
        }
    }

    /// <summary>Segments held while their index is being opened.</summary>
    private sealed class OpenSegments(SegmentTable table) : IDisposable
    {
        private readonly List<LiveSegment> _held = [];

        public void Add(ManifestSegment segment) => _held.Add(table.Acquire(segment));

        public void Dispose()
        {
            foreach (var segment in _held) table.Release(segment);
        }
    }

    /// <summary>Looks at the whole log and refuses what no crash explains.</summary>
    private static WalScanResult ScanLog(
        IndexContext context, ManifestDocument manifest, List<RecoveryNotice> notices, ByteProgress progress, CancellationToken cancellationToken)
    {
        var scan = WalScan.Run(
            context.Files,
            context.WalDirectory,
            new WalScanOptions(context.SettingsFile.Id, manifest.Timeline.Id, manifest.Checkpoint, Progress: progress),
            cancellationToken);
        if (scan.FirstError is { } error)
        {
            var code = Enum.TryParse<HestiaErrorCode>(error.Code, out var known) ? known : HestiaErrorCode.WalDamaged;
            var place = Path.Combine(context.Path, error.File ?? FileNames.Wal);
            throw new HestiaException(
                code,
                $"The log of '{context.Path}' can't be replayed: {error.Message} ({place}{(error.Offset is { } o ? $", offset {o:N0}" : "")}"
                + $"{(error.FirstLsn is { } f ? $", LSN {f} to {error.LastLsn} at stake" : "")}). Nothing was changed.",
                place,
                "Run Repair-HestiaIndex -WhatIf to see what can be saved, or restore the newest backup.");
        }

        foreach (var finding in scan.Findings)
        {
            if (finding.Code is WalFindings.TornTail) notices.Add(new RecoveryNotice("WalTailCut", finding.Message, finding.File ?? FileNames.Wal));
            // Without a log (Off, or a fresh restore) there is nothing to be behind.
            else if (finding.Code is WalFindings.BehindCheckpoint && scan.Files.Count > 0 && context.Durability != Durability.Off) notices.Add(new RecoveryNotice(WalFindings.BehindCheckpoint, finding.Message, finding.File ?? FileNames.Wal));
        }

        return scan;
    }

    /// <summary>Cuts what a crash left behind the last whole record, after the bytes are safe in quarantine.</summary>
    public static void ApplyLogActions(FileSystem files, string indexPath, WalScanResult scan, CancellationToken cancellationToken)
    {
        var quarantine = new Quarantine(files, indexPath);
        var walDirectory = Path.Combine(indexPath, FileNames.Wal);
        foreach (var scanned in scan.Files)
        {
            switch (scanned.Action)
            {
                case WalFileAction.Remove when scanned.IsEmpty:
                    files.DeleteFile(scanned.Path);
                    files.SyncDirectory(walDirectory);
                    break;
                case WalFileAction.Remove:
                    quarantine.Move(scanned.Path);
                    break;
                case WalFileAction.CutTail:
                    quarantine.CopyTail(scanned.Path, scanned.CutOffset!.Value, cancellationToken);
                    using (var file = files.Open(scanned.Path, FileOpenMode.ReadWrite))
                    {
                        file.SetLength(scanned.CutOffset.Value);
                        file.Sync();
                    }

                    break;
                case WalFileAction.Keep when scanned is { Needed: true, Records: 0, IsEmpty: true }:
                    // A log begun and not used; the next write begins it anew under the same name.
                    files.DeleteFile(scanned.Path);
                    files.SyncDirectory(walDirectory);
                    break;
            }
        }
    }

    /// <summary>
    /// Puts a new manifest with a number of its own in front, then takes the damaged ones out. In this order a crash in between finds either
    /// the damage again or the new manifest.
    /// </summary>
    private static (ManifestDocument Manifest, byte[] Bytes, ManifestFile File, ulong LastNumber) ReplaceDamaged(
        IndexContext context,
        ManifestStore store,
        ManifestChoice choice,
        List<RecoveryNotice> notices)
    {
        foreach (var damaged in choice.Damaged)
        {
            notices.Add(new RecoveryNotice(
                "OlderManifestUsed",
                $"The manifest {Path.GetFileName(damaged.Path)} is damaged; {Path.GetFileName(choice.File.Path)} and the log stand in for it. Nothing is missing.",
                damaged.Path));
        }

        if (context.Options.ReadOnly) return (choice.Document, choice.Bytes, choice.File, choice.LastNumber);
        var manifest = choice.Document with { Number = choice.LastNumber + 1 };
        var file = store.Write(manifest, out var bytes);
        var quarantine = new Quarantine(context.Files, context.Path);
        foreach (var damaged in choice.Damaged) quarantine.Move(damaged.Path);
        return (manifest, bytes, file, manifest.Number);
    }

    /// <summary>
    /// Makes durable what is about to be replayed. It may be in the page cache only, and a sync would not do: whoever had the index before may have
    /// ended at a failed one, after which the kernel takes the pages for written and the next sync, through whatever handle, returns normally
    /// and writes nothing. So every needed byte is written over itself first. Power lost meanwhile finds the same bytes, old or new.
    /// </summary>
    private static void RewriteLog(
        IndexContext context, WalScanResult scan, Lsn after, ByteProgress progress, CancellationToken cancellationToken)
    {
        progress.Begin("Making the log durable", scan.BytesToReplay(after), 0);
        var buffer = ArrayPool<byte>.Shared.Rent(RewriteBytes);
        try
        {
            foreach (var scanned in scan.Files)
            {
                // A log that is needed is one that a crash or a failure left: closing makes segments of it.
                if (!scanned.Needed || scanned.Records == 0) continue;
                using var file = context.Files.Open(scanned.Path, FileOpenMode.ReadWrite);
                // The space reserved behind the last record is given back; nothing is appended to this file any more.
                if (file.Length > scanned.UsedUpTo) file.SetLength(scanned.UsedUpTo);
                for (var at = 0L; at < scanned.UsedUpTo;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var read = file.Read(at, buffer.AsSpan(0, (int)Math.Min(RewriteBytes, scanned.UsedUpTo - at)));
                    if (read == 0) break; // shorter than a moment ago: replay, which reads it again, tells
                    file.Write(at, buffer.AsSpan(0, read));
                    file.StartWriting(at, read);
                    at += read;
                    progress.AddBytes(read);
                }

                file.Sync();
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Finds what earlier sessions left: old manifests, closed logs, segments nobody names, unfinished files.</summary>
    private static void FindRetired(
        IndexContext context,
        RetiredFiles retired,
        ManifestChoice choice,
        WalScanResult scan,
        Replay replay,
        Lsn lastLsn,
        List<RecoveryNotice> notices)
    {
        var now = context.Files.Clock.GetUtcNow();
        // A manifest retired when its successor was written.
        var successor = choice.File.LastWriteTimeUtc;
        var old = new List<(ManifestDocument, ManifestFile, DateTimeOffset)>();
        foreach (var (document, file) in choice.Older)
        {
            var at = new DateTimeOffset(successor, TimeSpan.Zero);
            old.Add((document, file, at < now ? at : now));
            successor = file.LastWriteTimeUtc;
        }

        for (var i = old.Count - 1; i >= 0; i--) retired.AddOld(old[i].Item1, old[i].Item2, old[i].Item3);
        if (choice.Damaged.Count > 0) retired.AddOld(choice.Document, choice.File, now);
        foreach (var (document, file) in replay.Replaced) retired.AddOld(document, file, now);

        foreach (var scanned in scan.Files)
        {
            if (scanned.Action == WalFileAction.Remove || scanned.Header is null || (scanned.Needed && scanned.Records == 0)) continue;
            var last = scanned.LastLsn;
            if (last == Lsn.None) last = LastLsnByNeighbour(scan, scanned);
            if (last == Lsn.None) continue; // not understood: stays
            retired.AddLog(scanned.Path, last, scanned.Length);
        }

        FindSegmentFiles(context, retired, choice, lastLsn, notices);
        RemoveTemporaries(context, notices);
    }

    /// <summary>A file below the checkpoint is not read at open; it ends before its successor begins.</summary>
    private static Lsn LastLsnByNeighbour(WalScanResult scan, WalScannedFile file)
    {
        for (var i = 0; i < scan.Files.Count - 1; i++)
        {
            if (ReferenceEquals(scan.Files[i], file) && scan.Files[i + 1].Header is { } next) return new Lsn(next.FirstLsn.Value - 1);
        }

        return Lsn.None;
    }

    private static void FindSegmentFiles(IndexContext context, RetiredFiles retired, ManifestChoice choice, Lsn lastLsn, List<RecoveryNotice> notices)
    {
        var named = new HashSet<SegmentId>();
        foreach (var segment in choice.Document.Segments) named.Add(segment.Id);
        foreach (var (document, _) in choice.Older)
            foreach (var segment in document.Segments) named.Add(segment.Id);
        int orphans = 0, kept = 0;
        foreach (var entry in context.Files.List(context.Segments.DirectoryPath))
        {
            if (entry.IsDirectory || !entry.Name.EndsWith(FileNames.SegmentExtension, StringComparison.Ordinal)) continue;
            if (!SegmentId.TryParse(entry.Name[..^FileNames.SegmentExtension.Length], out var id)) continue;
            if (named.Contains(id))
            {
                retired.AddSegmentFile(id, entry.Length);
                continue;
            }

            // Nobody names it: what a flush or compaction had written when it was cut short. It may go if all it holds is in the index; one that
            // holds more is evidence of something lost and stays.
            if (!IsCovered(context, id, entry.Length, lastLsn))
            {
                kept++;
                continue;
            }

            orphans++;
            retired.AddSegmentFile(id, entry.Length, new DateTimeOffset(entry.LastWriteTimeUtc, TimeSpan.Zero));
        }

        if (orphans > 0)
        {
            notices.Add(new RecoveryNotice(
                "OrphanSegments",
                $"{orphans:N0} segments that no manifest names were left by work cut short. What they hold is in the index; they go after the grace period.",
                FileNames.Segments));
        }

        if (kept > 0)
        {
            notices.Add(new RecoveryNotice(
                "OrphanSegments",
                $"{kept:N0} segments that no manifest names hold writes beyond LSN {lastLsn}, or cannot be read. They are left alone; Test-HestiaIndex names them.",
                FileNames.Segments));
        }
    }

    private static bool IsCovered(IndexContext context, SegmentId id, long size, Lsn lastLsn)
    {
        try
        {
            var reader = SegmentReader.Open(context.Files, context.Segments.PathOf(id), id, size, context.Cache, context.OpenFiles);
            try
            {
                return reader.ReadInfo().MaxLsn <= lastLsn;
            }
            finally
            {
                reader.Release();
            }
        }
        catch (Exception e) when (e is HestiaException or IOException or UnauthorizedAccessException)
        {
            return false; // not understood, so not ours to delete
        }
    }

    /// <summary>Files that were not complete when the process ended: never named by anything, so nothing is lost with them.</summary>
    private static void RemoveTemporaries(IndexContext context, List<RecoveryNotice> notices)
    {
        var removed = 0;
        string[] directories = [context.Path, context.Segments.DirectoryPath, context.WalDirectory, Path.Combine(context.Path, FileNames.Manifests)];
        foreach (var directory in directories)
        {
            foreach (var entry in context.Files.List(directory))
            {
                if (entry.IsDirectory || !FileNames.IsTemporary(entry.Name)) continue;
                context.Files.DeleteFile(Path.Combine(directory, entry.Name));
                removed++;
            }
        }

        if (removed > 0) notices.Add(new RecoveryNotice("TemporaryFilesRemoved", $"{removed:N0} unfinished files were removed; nothing had referred to them.", context.Path));
    }
}
