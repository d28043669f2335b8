using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.Suspending;

namespace Hestia.Core;

/// <content>Flush, compaction, close.</content>
public sealed partial class HestiaIndex
{
    /// <summary>
    /// Writes everything acknowledged before the call into segments and a manifest, durably. Writers go on meanwhile. In every durability
    /// mode, what a finished flush holds survives any crash.
    /// </summary>
    /// <exception cref="HestiaException">IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. What was acknowledged is as safe as before.</exception>
    public FlushResult Flush(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var pipeline = Writable();
        cancellationToken.ThrowIfCancellationRequested();
        // Nothing has been written since, and the queue of the pipeline is held up.
        if (Suspension is { } suspended) return new FlushResult(0, 0, suspended.Lsn, TimeSpan.Zero);
        var began = Stopwatch.GetTimestamp();
        var (segments, bytes) = (_flusher!.SegmentsWritten, _flusher.BytesWritten);
        var target = Lsn.None;
        var start = default(Writing.FlushStart);
        pipeline.RunExclusively(() =>
        {
            _context.Health.RequireWritable();
            target = _live.Visible;
            start = _flusher.Begin();
            _room!.Rotate(pipeline.LastCommitTime);
        });
        _flusher.WaitFor(target, cancellationToken, progress, start);
        return new FlushResult(
            (int)(_flusher.SegmentsWritten - segments),
            _flusher.BytesWritten - bytes,
            _live.Checkpoint,
            Stopwatch.GetElapsedTime(began));
    }

    /// <summary>
    /// Merges all segments into the deepest level in use and drops tombstones and overwritten entries. Segments that are clean there already stay
    /// as they are; <see cref="CompactionResult.BytesRewritten"/> is what the next backup has to send for it. Writers go on meanwhile.
    /// Cancelling leaves a valid index with part of the work done.
    /// </summary>
    /// <exception cref="HestiaException">IndexFailed, IndexClosed, IndexReadOnly, DiskFull, SegmentDamaged, IoError.</exception>
    public CompactionResult Compact(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var began = Stopwatch.GetTimestamp();
        Flush(progress, cancellationToken);
        var before = _live.Manifest;
        try
        {
            var rewritten = _compactor!.CompactAll(progress, cancellationToken);
            var after = _live.Manifest;
            return new CompactionResult(
                before.Segments.Count,
                after.Segments.Count,
                before.SegmentBytes,
                after.SegmentBytes,
                rewritten,
                Stopwatch.GetElapsedTime(began));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _context.Health.RequireWritable(); // the index was closed under it
            throw;
        }
        catch (Exception e) when (IO.IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            throw _context.Health.Failed(e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, Path, "compacting");
        }
    }

    /// <summary>Deletes what the grace period no longer covers; also happens by itself.</summary>
    internal void PruneRetired() => _retired.Prune();

    /// <summary>Waits until neither flush nor compaction has anything left to do.</summary>
    internal void WaitForBackgroundWork(CancellationToken cancellationToken = default)
    {
        _flusher?.WaitIdle(cancellationToken);
        _compactor?.WaitIdle(cancellationToken);
    }

    /// <summary>
    /// Flushes, ends background work and closes. A second call waits for the first. If the flush fails, the index is closed all the same, and
    /// the log brings back what was acknowledged at the next open.
    /// </summary>
    /// <param name="progress">Told of the flush, from this thread; null for nobody.</param>
    /// <exception cref="HestiaException">What the flush failed with: closing does not claim a success it did not have.</exception>
    public void Close(IProgress<WorkProgress>? progress = null)
    {
        if (!_context.Health.BeginClose())
        {
            _closed.Wait();
            return;
        }

        Exception? failure = _context.Health.Cause is { } cause ? _context.Health.Failed(cause) : null;
        try
        {
            _pruneTimer?.Dispose();
            // The window ends, and with it the waiting of the writers, who are refused. What a copy taken meanwhile needs is not touched.
            var held = _suspension?.End(SuspensionEnd.Closed) is not null;
            if (!held) TellClosing(); // a copy taken in the window holds the .lock of then
            _control?.Dispose(); // after the window: what was asked for there may wait for its end
            if (_pipeline is not null) failure = EndWriting(_pipeline, prune: !held, progress) ?? failure;
        }
        finally
        {
            _live.Dispose();
            _context.Health.Closed();
            HestiaMeter.Remove(this);
            _context.Quiesce.Open();
            _lock?.Dispose();
            _closed.Set();
            TellClosed(failure);
        }

        if (failure is not null) throw failure;
    }

    /// <summary>As <see cref="Close"/>, but what the flush failed with is not thrown.</summary>
    public void Dispose()
    {
        try
        {
            Close();
        }
        catch (HestiaException)
        {
            // Dispose must not throw; who wants to know calls Close.
        }
    }

    private void TellClosed(Exception? failure)
    {
        if (_context.Events is not { } events) return;
        events.Raise(
            IndexEventId.Closed, failure is null ? IndexEventLevel.Information : IndexEventLevel.Error, failure,
            "The index {IndexName} ({IndexPath}) was closed with checkpoint {Checkpoint}{Failure}.",
            ("Checkpoint", _live.Checkpoint.Value), ("Failure", failure is null ? "" : ", and not cleanly: " + failure.Message));
        events.Drain();
    }

    private Exception? EndWriting(Writing.CommitPipeline pipeline, bool prune, IProgress<WorkProgress>? progress)
    {
        Exception? failure = null;
        var target = Lsn.None;
        var start = default(Writing.FlushStart);
        try
        {
            pipeline.RunExclusively(() =>
            {
                // No write can begin any more: the state says Closing, and every leader looks at it.
                target = _live.Visible;
                start = _flusher!.Begin();
                if (_context.Health.Cause is null) _room!.Rotate(pipeline.LastCommitTime);
            });
            if (_context.Health.Cause is null) _flusher!.WaitFor(target, CancellationToken.None, progress, start);
        }
        catch (Exception e)
        {
            failure = e is HestiaException ? e : HestiaException.FromIO(e, Path, "closing");
        }

        _compactor!.Stop();
        _flusher!.Stop();
        if (prune && _context.Health.Cause is null) _retired.Prune();
        _log!.Dispose();
        pipeline.Dispose();
        return failure;
    }
}
