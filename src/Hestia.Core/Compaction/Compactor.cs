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
            rewritten += MergeLevel0(progress, linked.Token);
            for (var level = 1; level < ManifestFormat.Levels - 1; level++) rewritten += MergeDown(level, progress, linked.Token);
            rewritten += CleanBottom(progress, linked.Token);
        }

        _retired.Prune();
        return rewritten;
    }

    /// <summary>
    /// All that is in level 0 now goes down. What writers flush meanwhile is not asked for, and waiting for level 0 to be empty would be waiting for them
    /// to stop.
    /// </summary>
    private long MergeLevel0(IProgress<WorkProgress>? progress, CancellationToken cancellationToken) => InTurn(cancellationToken, (view, token) =>
    {
        var segments = view.Levels[0];
        if (segments.Length == 0 || (Deepest(view) == 0 && IsClean(segments))) return 0;
        return Run(view, CompactionPicker.OfLevel0(view), progress, token);
    });

    /// <summary>
    /// One walk up the keys of a level, in as many steps as it has segments now: whatever writers add to it meanwhile makes a step larger, not one
    /// more.
    /// </summary>
    private long MergeDown(int level, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        var ends = new List<byte[]>();
        var view = _live.AcquireSegments();
        if (level < Deepest(view))
            foreach (var segment in view.Levels[level]) ends.Add(segment.Manifest.UpperBound);
        view.Release();
        long rewritten = 0;
        byte[] reached = [];
        foreach (var end in ends)
        {
            Relieve(cancellationToken);
            rewritten += InTurn(cancellationToken, (view, token) =>
            {
                if (level >= Deepest(view)) return 0;
                var slice = Array.FindAll(view.Levels[level], s => IsBelow(reached, s.Manifest.UpperBound) && !IsBelow(end, s.Manifest.LowerBound));
                if (slice.Length == 0) return 0;
                var written = Run(view, CompactionPicker.Build(view, slice, level), progress, token);
                reached = slice[^1].Manifest.UpperBound;
                return written;
            });
        }

        return rewritten;
    }

    /// <summary>
    /// Writers go on during a full compaction, and would soon wait for level 0, which nobody else may merge meanwhile. So it goes down in between as soon
    /// as the background would have begun with it; once between two steps, or there would be no end of it.
    /// </summary>
    private void Relieve(CancellationToken cancellationToken) => InTurn(cancellationToken, (view, token) =>
    {
        if (view.Levels[0].Length < _context.Options.Level0Trigger) return 0;
        Run(view, CompactionPicker.OfLevel0(view), progress: null, token);
        _room.Changed(null);
        return 0;
    });

    /// <summary>Does a step on the segments of now; once more if the index is suspended in the middle of it.</summary>
    private long InTurn(CancellationToken cancellationToken, Func<IndexView, CancellationToken, long> step)
    {
        while (true)
        {
            using var turn = Turn.Take(_context, cancellationToken);
            var view = _live.AcquireSegments();
            try
            {
                return step(view, turn.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // the index is being suspended
            }
            finally
            {
                view.Release();
            }
        }
    }

    private static int Deepest(IndexView view) => Math.Max(0, Array.FindLastIndex(view.Levels, static level => level.Length > 0));

    private static bool IsBelow(byte[] key, byte[] other) => key.AsSpan().SequenceCompareTo(other) < 0;

    private static bool IsClean(LiveSegment[] segments) => segments.Length == 1 && IsClean(segments[0]);

    private static bool IsClean(LiveSegment segment) => segment.Manifest.Tombstones == 0 && segment.Manifest.MaxLsn == Lsn.None;

    /// <summary>Rewrites segments of the deepest level that still hold tombstones or LSNs (they were moved there whole).</summary>
    private long CleanBottom(IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        var left = new HashSet<SegmentId>();
        var level = 0;
        InTurn(cancellationToken, (view, _) =>
        {
            level = Deepest(view);
            foreach (var segment in view.Levels[level])
                if (!IsClean(segment)) left.Add(segment.Manifest.Id);
            return 0;
        });
        if (level == 0) return 0;
        long rewritten = 0;
        while (left.Count > 0)
        {
            Relieve(cancellationToken);
            rewritten += InTurn(cancellationToken, (view, token) =>
            {
                var dirty = level == Deepest(view) ? Array.Find(view.Levels[level], segment => left.Contains(segment.Manifest.Id)) : null;
                if (dirty is null)
                {
                    left.Clear(); // what is not there any more was merged
                    return 0;
                }

                var written = Run(view, new CompactionJob([], [dirty], level - 1, level, IsBottom: true), progress, token);
                left.Remove(dirty.Manifest.Id);
                return written;
            });
        }

        return rewritten;
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
