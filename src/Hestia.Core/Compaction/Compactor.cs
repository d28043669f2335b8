using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Reading;
using Hestia.Core.Segments;
using Hestia.Core.Suspending;
using Hestia.Core.Writing;

namespace Hestia.Core.Compaction;

/// <summary>
/// Merges segments into deeper levels, one job at a time, in the background or on demand. Inputs stay until the manifest with the outputs
/// is durable; a job that fails or is cancelled leaves nothing behind.
/// </summary>
internal sealed class Compactor
{
    private const int ReadAheadBytes = 1 << 20;
    private const int CheckEvery = 1024;

    private readonly object _jobGate = new();
    private readonly IndexContext _context;
    private readonly LiveSet _live;
    private readonly WriteRoom _room;
    private readonly RetiredFiles _retired;
    private readonly BackgroundWork _work;
    private readonly CancellationTokenSource _stopping = new();
    private long _bytesWritten;

    public Compactor(IndexContext context, LiveSet live, WriteRoom room, RetiredFiles retired)
    {
        _context = context;
        _live = live;
        _room = room;
        _retired = retired;
        _work = new BackgroundWork(context, "hestia-compact", Step);
    }

    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    /// <summary>Something may be due.</summary>
    public void Signal()
    {
        if (_context.Options.BackgroundCompaction) _work.Signal();
    }

    /// <summary>Ends the job under way without its result, also one that <see cref="CompactAll"/> runs, and starts no other.</summary>
    public void Stop()
    {
        _stopping.Cancel();
        _work.Stop();
        _context.Options.Scheduler.Hold(_jobGate).Dispose();
    }

    /// <summary>Waits until nothing is due any more.</summary>
    public void WaitIdle(CancellationToken cancellationToken) => _work.WaitIdle(cancellationToken);

    /// <summary>
    /// Merges everything there is when it begins into the deepest level in use. Segments that are there already, alone in their key range and without tombstones or
    /// LSNs, stay as they are.
    /// </summary>
    public long CompactAll(IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        long rewritten = 0;
        using (_context.Options.Scheduler.Hold(_jobGate))
        {
            linked.Token.ThrowIfCancellationRequested();
            for (var level = 0; level < ManifestFormat.Levels - 1; level++)
            {
                var relieved = false;
                byte[] reached = [];
                while (true)
                {
                    using var turn = Turn.Take(_context, linked.Token);
                    var view = _live.AcquireSegments();
                    try
                    {
                        if (level > 0 && RelieveLevel0(view, turn.Token))
                        {
                            relieved = true;
                            continue;
                        }

                        // Nobody else adds to the level, but relieving level 0 does: then one walk up the keys is all there is to do here.
                        var job = NextOfFull(view, level, relieved ? reached : []);
                        if (job is null) break;
                        rewritten += Run(view, job, progress, turn.Token);
                        if (job.Upper[^1].Manifest.UpperBound.AsSpan().SequenceCompareTo(reached) > 0) reached = job.Upper[^1].Manifest.UpperBound;
                        // All that was in level 0 went down. What writers flush meanwhile is not asked for, and waiting for level 0 to
                        // be empty would be waiting for them to stop.
                        if (level == 0) break;
                    }
                    catch (OperationCanceledException) when (!linked.IsCancellationRequested)
                    {
                        // the index is being suspended; this slice is done again afterwards
                    }
                    finally
                    {
                        view.Release();
                    }
                }
            }

            rewritten += CleanBottom(progress, linked.Token);
        }

        _retired.Prune();
        return rewritten;
    }

    /// <summary>
    /// Writers go on during a full compaction, and would soon wait for level 0, which nobody else may merge meanwhile. So it goes down in
    /// between as soon as the background would have begun with it.
    /// </summary>
    private bool RelieveLevel0(IndexView view, CancellationToken cancellationToken)
    {
        if (view.Levels[0].Length < _context.Options.Level0Trigger) return false;
        if (CompactionPicker.OfLevel0(view) is not { } job) return false;
        Run(view, job, progress: null, cancellationToken);
        _room.Changed(null);
        return true;
    }

    /// <summary>
    /// What a full compaction does next on a level: everything above the deepest level in use goes down, a slice at a time; of the deeper ones
    /// what reaches beyond the key <paramref name="reached"/>.
    /// </summary>
    private static CompactionJob? NextOfFull(IndexView view, int level, byte[] reached)
    {
        var segments = view.Levels[level];
        if (segments.Length == 0) return null;
        var deepest = 0;
        for (var i = 0; i < view.Levels.Length; i++)
            if (view.Levels[i].Length > 0) deepest = i;
        if (level == 0) return deepest == 0 && IsClean(segments) ? null : CompactionPicker.OfLevel0(view);
        if (level >= deepest) return null;
        var next = Array.Find(segments, segment => segment.Manifest.UpperBound.AsSpan().SequenceCompareTo(reached) > 0);
        return next is null ? null : CompactionPicker.Build(view, [next], level);
    }

    private static bool IsClean(LiveSegment[] segments) => segments.Length == 1 && IsClean(segments[0]);

    private static bool IsClean(LiveSegment segment) => segment.Manifest.Tombstones == 0 && segment.Manifest.MaxLsn == Lsn.None;

    /// <summary>Rewrites segments of the deepest level that still hold tombstones or LSNs (they were moved there whole).</summary>
    private long CleanBottom(IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        long rewritten = 0;
        HashSet<SegmentId>? left = null;
        while (true)
        {
            using var turn = Turn.Take(_context, cancellationToken);
            var view = _live.AcquireSegments();
            LiveSegment? dirty = null;
            try
            {
                var deepest = Array.FindLastIndex(view.Levels, static level => level.Length > 0);
                if (deepest < 1) return rewritten;
                if (RelieveLevel0(view, turn.Token)) continue;
                if (left is null)
                {
                    left = [];
                    foreach (var segment in view.Levels[deepest])
                        if (!IsClean(segment)) left.Add(segment.Manifest.Id);
                }

                dirty = Array.Find(view.Levels[deepest], segment => left.Remove(segment.Manifest.Id));
                if (dirty is null) return rewritten;
                rewritten += Run(view, new CompactionJob([], [dirty], deepest - 1, deepest, IsBottom: true), progress, turn.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                if (dirty is not null) left!.Add(dirty.Manifest.Id); // suspended: once more
            }
            finally
            {
                view.Release();
            }
        }
    }

    private bool Step()
    {
        if (_context.Health.State != IndexState.Ready) return false;
        try
        {
            using (_context.Options.Scheduler.Hold(_jobGate))
            using (var turn = Turn.TryTake(_context, _stopping.Token))
            {
                if (turn is null) return false; // suspended; whoever ends it signals
                var view = _live.AcquireSegments();
                try
                {
                    var job = CompactionPicker.Pick(view, _context.Options);
                    if (job is null) return false;
                    Run(view, job, progress: null, turn.Token);
                }
                finally
                {
                    view.Release();
                }
            }

            _room.Changed(null);
            _retired.Prune();
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        catch (Exception e)
        {
            // A full disk or a damaged segment stops compaction, not the index; the next flush, or a writer that needs room, tries again. A
            // failed sync stops everything.
            if (e is not (IOException or UnauthorizedAccessException or HestiaException) || IOErrors.IsSyncFailure(e)) _context.Health.Fail(e);
            _context.Counters.CompactionFailed();
            _context.Events?.RaiseFailure(
                IndexEventId.CompactionFailed, e, "A compaction of the index {IndexName} ({IndexPath}) failed and will be tried again: {Reason}");
            _room.Changed(e);
            return false;
        }
    }

    /// <summary>Runs one job and returns the bytes written.</summary>
    private long Run(IndexView view, CompactionJob job, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        // Before each change: once Stop has the gate, the directory may belong to another process.
        cancellationToken.ThrowIfCancellationRequested();
        if (CanMove(view, job))
        {
            var moved = Array.ConvertAll(job.Upper, segment => segment.Manifest with { Level = job.OutputLevel });
            // A deeper level is in key order as it is, and where long keys share a cut bound only that order tells. In level 0 the bounds do: they don't even touch.
            if (job.Level == 0) Array.Sort(moved, static (a, b) => a.LowerBound.AsSpan().SequenceCompareTo(b.LowerBound));
            _live.Commit(new ManifestEdit { Removed = Array.ConvertAll(job.Upper, static s => s.Manifest), Added = moved });
            return 0;
        }

        var outputs = new List<SegmentInfo>();
        var began = Stopwatch.GetTimestamp();
        try
        {
            Merge(job, outputs, progress, cancellationToken);
            _context.Files.SyncDirectory(_context.Segments.DirectoryPath);
            long bytes = 0;
            foreach (var output in outputs) bytes += output.Size;
            var removed = new List<ManifestSegment>();
            foreach (var segment in job.Upper) removed.Add(segment.Manifest);
            foreach (var segment in job.Lower) removed.Add(segment.Manifest);
            _live.Commit(new ManifestEdit { Removed = removed, Added = outputs.ConvertAll(info => ManifestSegment.From(info, job.OutputLevel)) });
            Interlocked.Add(ref _bytesWritten, bytes);
            _context.Counters.Compacted();
            Tell(job, outputs.Count, bytes, Stopwatch.GetElapsedTime(began));
            return bytes;
        }
        finally
        {
            foreach (var output in outputs) _retired.Withdraw(output.Id);
        }
    }

    /// <summary>
    /// Whether the segments can go down under their own names: they overlap nothing below nor each other, and are stored as that level wants.
    /// At the bottom a move leaves LSNs and tombstones in; a full compaction cleans them.
    /// </summary>
    private bool CanMove(IndexView view, CompactionJob job)
    {
        if (job.Lower.Length > 0 || job.Upper.Length == 0) return false;
        foreach (var segment in job.Upper)
            if (segment.Manifest.Codec != _context.Settings.Codec) return false;
        if (job.Level > 0 || job.Upper.Length == 1) return true;
        var sorted = (LiveSegment[])job.Upper.Clone();
        Array.Sort(sorted, static (a, b) => a.Manifest.LowerBound.AsSpan().SequenceCompareTo(b.Manifest.LowerBound));
        for (var i = 1; i < sorted.Length; i++)
            if (sorted[i - 1].Manifest.UpperBound.AsSpan().SequenceCompareTo(sorted[i].Manifest.LowerBound) >= 0) return false;
        return true;
    }

    private void Tell(CompactionJob job, int outputs, long bytes, TimeSpan time)
    {
        HestiaMeter.Record(HestiaMeter.CompactionDuration, _context, time);
        _context.Events?.Raise(
            IndexEventId.CompactionCompleted, IndexEventLevel.Debug,
            "The index {IndexName} ({IndexPath}) was compacted: {Inputs} segments of level {Level} and the next became {Outputs}, {Bytes} bytes, in {Milliseconds} ms.",
            ("Inputs", job.Upper.Length + job.Lower.Length), ("Level", job.Level), ("Outputs", outputs), ("Bytes", bytes),
            ("Milliseconds", Math.Round(time.TotalMilliseconds, 1)));
    }

    private void Merge(CompactionJob job, List<SegmentInfo> outputs, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        var runs = new List<EntryCursor>();
        if (job.Level == 0)
            foreach (var segment in job.Upper) runs.Add(segment.Reader.CreateCursor(fillCache: false, ReadAheadBytes));
        else if (job.Upper.Length > 0)
            runs.Add(new LevelCursor(job.Upper, fillCache: false, ReadAheadBytes));
        if (job.Lower.Length > 0) runs.Add(new LevelCursor(job.Lower, fillCache: false, ReadAheadBytes));
        using var merged = runs.Count == 1 ? runs[0] : new MergingCursor([.. runs]);
        var options = _context.WriterOptions(dropLsn: job.IsBottom);
        var cutter = new SegmentCutter(_context.Options.SegmentBytes << Math.Clamp(job.OutputLevel - 1, 0, 3));
        var total = job.InputBytes;
        long seen = 0, bytes = 0;
        SegmentWriter? writer = null;
        try
        {
            for (merged.SeekToFirst(); merged.IsValid; merged.Next())
            {
                bytes += merged.Key.Length + merged.Value.Length + 8;
                if (++seen % CheckEvery == 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    progress?.Report(new WorkProgress("Merging segments", Math.Min(bytes, total), total, seen, 0));
                }

                if (job.IsBottom && merged.Kind == OperationKind.Delete) continue;
                if (writer is not null
                    && (cutter.CutBefore(merged.Key, merged.Key.Length + merged.Value.Length + 8, writer.BytesWritten) || writer.IsIndexFull))
                {
                    outputs.Add(writer.Finish(_retired.Announce, _retired.Withdraw));
                    writer.Dispose();
                    writer = null;
                }

                writer ??= new SegmentWriter(_context.Files, _context.Segments.DirectoryPath, options);
                writer.Add(merged.Key, job.IsBottom ? 0 : merged.Lsn, merged.Kind, merged.Value);
            }

            if (writer is not null) outputs.Add(writer.Finish(_retired.Announce, _retired.Withdraw));
        }
        finally
        {
            writer?.Dispose();
        }
    }

    /// <summary>A place within the gate for one job, and what tells the job to leave.</summary>
    private sealed class Turn : IDisposable
    {
        private readonly QuiesceGate _gate;
        private readonly CancellationTokenSource _linked;

        private Turn(QuiesceGate gate, CancellationToken cancellationToken)
        {
            _gate = gate;
            _linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, gate.Leaving);
        }

        public CancellationToken Token => _linked.Token;

        public static Turn Take(IndexContext context, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            context.Quiesce.Enter(cancellationToken);
            return new Turn(context.Quiesce, cancellationToken);
        }

        public static Turn? TryTake(IndexContext context, CancellationToken cancellationToken) =>
            context.Quiesce.TryEnter() ? new Turn(context.Quiesce, cancellationToken) : null;

        public void Dispose()
        {
            _linked.Dispose();
            _gate.Exit();
        }
    }
}
