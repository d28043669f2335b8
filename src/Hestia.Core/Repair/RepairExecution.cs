using Hestia.Core.Archiving;
using Hestia.Core.Compaction;
using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Recovery;
using Hestia.Core.Segments;
using Hestia.Core.Wal;

namespace Hestia.Core.Repair;

/// <summary>
/// Carries a plan out: first everything new, durably; then the manifest that makes it count; then the moves to quarantine. Killed at any
/// moment, it leaves either the damage as it was or the repaired index with the damage still beside it, and repairing again completes it.
/// </summary>
internal sealed class RepairExecution(FileSystem files, string path, RepairPlan plan, IProgress<WorkProgress>? target,
    CancellationToken cancellation)
{
    private const long MemtableBytes = 64L << 20;
    private const long Level0Bytes = 256L << 20;
    private const int CopyBytes = 1 << 20;

    private readonly Quarantine _quarantine = new(files, path);
    private readonly SegmentCopies _copies = new(files, path, cancellation);
    private readonly ByteProgress _progress = new(target);
    private readonly string _segments = Path.Combine(path, FileNames.Segments);
    private readonly List<string> _quarantined = [];

    /// <summary>Where files are now, relative to the index.</summary>
    public IReadOnlyList<string> Quarantined => _quarantined;

    public void Run()
    {
        MakeFolders();
        PutCopiesInPlace();
        if (plan.WriteManifest) WriteManifest();
        else files.SyncDirectory(Path.Combine(path, FileNames.Manifests)); // the one it goes by may have its name in memory only
        if (plan.WriteSettings) WriteSettings();
        if (plan.ResetArchive) ResetArchive();
        if (plan.CutLog) IndexOpener.ApplyLogActions(files, path, plan.Log!.Scan, cancellation);
        foreach (var file in plan.ToQuarantine) MoveAway(file);
    }

    private void MakeFolders()
    {
        foreach (var name in plan.Folders)
        {
            var folder = Path.Combine(path, name);
            files.CreateDirectory(folder);
            files.CopyOwnership(path, folder);
        }

        if (plan.Folders.Count > 0) files.SyncDirectory(path);
    }

    /// <summary>All copies are made before any file leaves its place: of two swapped files each is the other's source.</summary>
    private void PutCopiesInPlace()
    {
        var made = new List<(string Temporary, string Path)>();
        foreach (var copy in plan.Copies)
        {
            var temporary = Path.Combine(_segments, Guid.NewGuid().ToString("N") + FileNames.TemporarySuffix);
            using (var from = files.Open(copy.Source, FileOpenMode.ReadSequential))
            using (var to = files.Open(temporary, FileOpenMode.CreateNew))
            {
                var buffer = new byte[Math.Clamp(from.Length, 1, CopyBytes)];
                long at = 0;
                for (int read; (read = from.Read(at, buffer)) > 0; at += read)
                {
                    cancellation.ThrowIfCancellationRequested();
                    to.Write(at, buffer.AsSpan(0, read));
                }

                to.Sync();
            }

            files.CopyOwnership(_segments, temporary);
            made.Add((temporary, PathOf(copy.Id)));
        }

        if (made.Count == 0) return;
        files.SyncDirectory(_segments);
        foreach (var (temporary, final) in made)
        {
            MoveAway(final);
            files.RenameFile(temporary, final);
        }

        files.SyncDirectory(_segments);
    }

    private void WriteManifest()
    {
        var before = plan.Base!;
        var folded = plan.FoldLog ? FoldLog() : [];
        var segments = new List<ManifestSegment>();
        if (plan.Merged.Count > 0) segments.AddRange(Merge(folded, before));
        else foreach (var info in folded) segments.Add(ManifestSegment.From(info, level: 0));
        foreach (var segment in plan.Segments)
        {
            if (segment.Fate == SegmentFate.Keep) segments.Add(segment.Manifest);
            else if (segment.Fate == SegmentFate.Salvage && Salvage(segment) is { } info)
                segments.Add(ManifestSegment.From(info, segment.Manifest.Level));
        }

        segments.AddRange(plan.Adopted);
        // A stable sort: within a level the order above stays.
        var ordered = segments.OrderBy(static s => s.Level).ToList();
        files.SyncDirectory(_segments);
        var store = new ManifestStore(files, path);
        store.Write(Next(before, ordered), out _);
    }

    private ManifestDocument Next(ManifestDocument before, List<ManifestSegment> segments)
    {
        ulong last = before.Number;
        foreach (var evidence in plan.Check.Manifests.All)
            last = Math.Max(last, Math.Max(evidence.File.Number, evidence.Document?.Number ?? 0));
        var next = before with { Number = ManifestChoice.FindLastNumber(files, path, last) + 1, Segments = segments };
        if (!plan.FoldLog) return next;
        var checkpoint = Lsn.None;
        foreach (var lsn in (Lsn[])[before.Checkpoint, plan.LastSeen, plan.Log!.LastKept])
            if (lsn > checkpoint) checkpoint = lsn;
        foreach (var segment in segments)
            if (segment.MaxLsn > checkpoint) checkpoint = segment.MaxLsn;
        return next with
        {
            Checkpoint = checkpoint,
            NextLsn = checkpoint.Next,
            LastCommitTime = Math.Max(before.LastCommitTime, plan.Log.LastCommitMicroseconds),
            Timeline = plan.Losses.Count == 0 ? before.Timeline : before.Timeline.Branch(LastShared(checkpoint)),
        };
    }

    /// <summary>The last LSN up to which this history is certainly that of the timeline before.</summary>
    private Lsn LastShared(Lsn checkpoint)
    {
        var shared = checkpoint;
        foreach (var loss in plan.Losses)
        {
            var before = loss.FirstLsn is { Value: > 0 } first ? new Lsn(first.Value - 1) : Lsn.None;
            if (before < shared) shared = before;
        }

        return shared;
    }

    private SegmentInfo? Salvage(PlannedSegment segment)
    {
        _progress.Begin("Salvaging segments", segment.Manifest.Size, 0);
        using var salvaged = SalvagedEntries.Open(files, segment.Source!, segment.Manifest, _progress, cancellation);
        SegmentWriter? writer = null;
        try
        {
            while (salvaged.Next())
            {
                var entry = salvaged.Entries;
                writer ??= NewWriter(segment.Manifest.Codec);
                writer.Add(entry.Key, entry.Lsn, entry.Kind, entry.Value);
            }

            return writer?.Finish(ClearPlace);
        }
        finally
        {
            writer?.Dispose();
        }
    }

    private List<SegmentInfo> FoldLog()
    {
        var spill = new LogSpill(this);
        try
        {
            plan.Log!.Replay(ref spill);
            spill.WriteOut();
            return spill.Segments;
        }
        finally
        {
            spill.Dispose();
        }
    }

    /// <summary>One run out of the log and the segments of unknown rank.</summary>
    private List<ManifestSegment> Merge(List<SegmentInfo> folded, ManifestDocument before)
    {
        var sources = new List<string>();
        foreach (var info in folded) sources.Add(PathOf(info.Id));
        sources.AddRange(plan.Merged);
        long total = 0;
        foreach (var source in sources) total += files.FileLength(source) ?? 0;
        _progress.Begin("Merging segments", total, 0);
        var level = before.Number > 0 ? 0 : RepairPlanner.LevelFor(total);
        var cutter = new SegmentCutter(level == 0 ? Level0Bytes : new IndexOptions().SegmentBytes << Math.Clamp(level - 1, 0, 3));
        var result = new List<ManifestSegment>();
        SegmentWriter? writer = null;
        using var merge = new EntryMerge(files, sources, before.Checkpoint, cancellation);
        try
        {
            while (merge.Next())
            {
                var bytes = merge.Key.Length + merge.Value.Length + 8;
                _progress.AddBytes(bytes);
                if (writer is not null && (cutter.CutBefore(merge.Key, bytes, writer.BytesWritten) || writer.IsIndexFull))
                {
                    result.Add(ManifestSegment.From(writer.Finish(ClearPlace), level));
                    writer.Dispose();
                    writer = null;
                }

                writer ??= NewWriter(Codec);
                writer.Add(merge.Key, merge.Lsn, merge.Kind, merge.Value);
            }

            if (writer is not null) result.Add(ManifestSegment.From(writer.Finish(ClearPlace), level));
            return result;
        }
        finally
        {
            writer?.Dispose();
        }
    }

    private void WriteSettings()
    {
        // Replaced in one step: what can still be read of the damaged one must not be gone before the new one is there.
        var settings = Path.Combine(path, FileNames.Settings);
        if (files.FileExists(settings)) _quarantined.Add(Path.GetRelativePath(path, _quarantine.Copy(settings, cancellation)));
        files.WriteAtomically(settings, plan.Settings!.Serialize(), ownerModel: path);
    }

    private void ResetArchive()
    {
        // Replaced in one step: without any, log that was not shipped would not be kept.
        var archive = Path.Combine(path, FileNames.Archive);
        if (files.FileExists(archive)) _quarantined.Add(Path.GetRelativePath(path, _quarantine.Copy(archive, cancellation)));
        ArchiveKeeper.UnknownState(plan.Settings!.Id, path).Write(files, path);
    }

    private BlockCodec Codec => plan.Settings!.Settings.Codec;

    private SegmentWriter NewWriter(BlockCodec codec) =>
        new(files, _segments, SegmentWriterOptions.From(plan.Settings!.Settings, codec, dropLsn: false));

    /// <summary>Called before a new segment gets its name: a file that has it and is not the same goes to quarantine first.</summary>
    private void ClearPlace(SegmentId id, long size)
    {
        var place = PathOf(id);
        if (!files.FileExists(place)) return;
        if (files.FileLength(place) != size || _copies.HashOf(place) != id) MoveAway(place);
        plan.ToQuarantine.Remove(place);
    }

    private void MoveAway(string file)
    {
        if (files.FileExists(file)) _quarantined.Add(Path.GetRelativePath(path, _quarantine.Move(file)));
    }

    private string PathOf(SegmentId id) => Path.Combine(path, SegmentsCheck.RelativePath(id));

    /// <summary>Takes the log's operations and writes them out as segments of level 0, newest first in the list.</summary>
    private struct LogSpill(RepairExecution execution) : IWalVisitor, IDisposable
    {
        private MemTable _memtable = new();

        public List<SegmentInfo> Segments { get; } = [];

        public readonly void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            _memtable.Add(key, value, lsn, kind);

        public void EndRecord(ulong lastLsn, long commitMicroseconds)
        {
            if (_memtable.AllocatedBytes < MemtableBytes) return;
            WriteOut();
            _memtable.Release();
            _memtable = new MemTable();
        }

        public readonly void WriteOut()
        {
            if (_memtable.OperationCount == 0) return;
            using var writer = execution.NewWriter(execution.Codec);
            using var cursor = _memtable.CreateCursor(ulong.MaxValue);
            for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next()) writer.Add(cursor.Key, cursor.Lsn, cursor.Kind, cursor.Value);
            Segments.Insert(0, writer.Finish(execution.ClearPlace));
        }

        public readonly void Dispose() => _memtable.Release();
    }
}
