using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Segments;

namespace Hestia.Core.Writing;

/// <summary>Where a flush begins.</summary>
/// <param name="Bytes">Bytes of keys and values it has to write.</param>
/// <param name="Taken">Bytes that had been written before, of all time.</param>
internal readonly record struct FlushStart(long Bytes, long Taken);

/// <summary>
/// Writes frozen memtables out, oldest first, each as one segment of level 0 and one manifest. A failure other than of a sync leaves
/// everything as it was and is tried again when a writer or a flush asks; a failed sync fails the index.
/// </summary>
internal sealed class Flusher
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_report = TimeSpan.FromMilliseconds(100);

    private readonly object _progress = new();
    private readonly IndexContext _context;
    private readonly LiveSet _live;
    private readonly LogKeeper _log;
    private readonly WriteRoom _room;
    private readonly RetiredFiles _retired;
    private readonly Action _flushed;
    private readonly BackgroundWork _work;
    private Exception? _error;
    private long _segmentsWritten;
    private long _bytesWritten;
    private long _taken;
    private long _takenUnderWay;

    public Flusher(IndexContext context, LiveSet live, LogKeeper log, WriteRoom room, RetiredFiles retired, Action flushed)
    {
        _context = context;
        _live = live;
        _log = log;
        _room = room;
        _retired = retired;
        _flushed = flushed;
        _work = new BackgroundWork(context, "hestia-flush", Step);
    }

    public long SegmentsWritten => Interlocked.Read(ref _segmentsWritten);

    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    public void Signal() => _work.Signal();

    /// <summary>Lets the flush under way end and starts no other.</summary>
    public void Stop() => _work.Stop();

    /// <summary>Waits until no flush is under way.</summary>
    public void WaitIdle(CancellationToken cancellationToken) => _work.WaitIdle(cancellationToken);

    /// <summary>What there is to write; asked for before a memtable is handed over, for it may be written before anybody waits.</summary>
    public FlushStart Begin() => new(
        Math.Max(0, _live.MemtableDataBytes - Interlocked.Read(ref _takenUnderWay)), Interlocked.Read(ref _taken));

    /// <summary>Waits until segments hold everything up to <paramref name="lsn"/>.</summary>
    /// <exception cref="HestiaException">What flushing failed with.</exception>
    public void WaitFor(Lsn lsn, CancellationToken cancellationToken, IProgress<WorkProgress>? progress = null, FlushStart start = default)
    {
        lock (_progress) _error = null;
        var (total, before) = start;
        Signal();
        using var registration = cancellationToken.Register(() =>
        {
            lock (_progress) Monitor.PulseAll(_progress);
        });
        while (_live.Checkpoint < lsn && _error is null && _context.Health.Cause is null && _context.Options.Scheduler.TryRunPending())
        {
            // runs here where the scheduler says so
        }

        // Not under the lock: nobody knows what the other side does with it.
        do progress?.Report(new WorkProgress("Writing segments", Math.Clamp(Interlocked.Read(ref _taken) - before, 0, total), total, 0, 0));
        while (!Waited(progress is null ? s_pause : s_report));
        progress?.Report(new WorkProgress("Writing segments", total, total, 0, 0));

        bool Waited(TimeSpan pause)
        {
            lock (_progress)
            {
                if (_live.Checkpoint >= lsn) return true;
                cancellationToken.ThrowIfCancellationRequested();
                if (_context.Health.Cause is { } cause) throw _context.Health.Failed(cause);
                if (_error is { } error) throw HestiaException.FromIO(error, _context.Path, "flushing");
                if (_context.Health.State == IndexState.Closed) _context.Health.RequireWritable();
                Monitor.Wait(_progress, pause);
                return false;
            }
        }
    }

    /// <summary>Writes one memtable out as a segment of level 0 that is durable when this returns; null if it is empty.</summary>
    /// <param name="context">The index.</param>
    /// <param name="retired">Told of the segment, or null.</param>
    /// <param name="memtable">The memtable, frozen.</param>
    /// <param name="taken">Told of bytes of the memtable that were written, or null.</param>
    public static SegmentInfo? WriteSegment(IndexContext context, RetiredFiles? retired, MemTable memtable, Action<long>? taken = null)
    {
        if (memtable.OperationCount == 0) return null;
        using var writer = new SegmentWriter(context.Files, context.Segments.DirectoryPath, context.WriterOptions(dropLsn: false));
        using var cursor = memtable.CreateCursor(ulong.MaxValue);
        long entries = 0, told = 0;
        for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next())
        {
            writer.Add(cursor.Key, cursor.Lsn, cursor.Kind, cursor.Value);
            if ((++entries & 0x3FF) == 0) TellTaken(entries);
        }

        TellTaken(memtable.EntryCount);
        var info = retired is null ? writer.Finish() : writer.Finish(retired.Announce, retired.Withdraw);
        try
        {
            context.Files.SyncDirectory(context.Segments.DirectoryPath);
        }
        catch
        {
            retired?.Withdraw(info.Id);
            throw;
        }

        return info;

        // Overwritten entries count in the memtable and are not written, so it goes by the share of keys.
        void TellTaken(long keys)
        {
            if (taken is null) return;
            var now = (long)(memtable.DataBytes * ((double)keys / memtable.EntryCount));
            taken(now - told);
            told = now;
        }
    }

    private bool Step()
    {
        if (_context.Health.Cause is not null || !_context.Quiesce.TryEnter()) return false;
        try
        {
            return FlushOldest();
        }
        finally
        {
            _context.Quiesce.Exit();
        }
    }

    private bool FlushOldest()
    {
        var memtable = _live.AcquireOldestFrozen();
        if (memtable is null) return false;
        SegmentInfo? info = null;
        var began = Stopwatch.GetTimestamp();
        try
        {
            info = WriteSegment(_context, _retired, memtable, Take);
            // Before the checkpoint can be seen: whoever waits for that asks next what it took.
            var bytes = info?.Size ?? 0;
            Interlocked.Increment(ref _segmentsWritten);
            Interlocked.Add(ref _bytesWritten, bytes);
            try
            {
                _live.Commit(new ManifestEdit { Added = info is null ? [] : [ManifestSegment.From(info, level: 0)], Flushed = memtable });
            }
            catch
            {
                Interlocked.Decrement(ref _segmentsWritten);
                Interlocked.Add(ref _bytesWritten, -bytes);
                throw;
            }

            _log.Advance(memtable.LastLsn);
            _context.Counters.Flushed();
            Tell(memtable.LastLsn, info, Stopwatch.GetElapsedTime(began));
            Finished(null);
            _retired.Prune();
            _flushed();
            return true;
        }
        catch (Exception e)
        {
            if (e is not (IOException or UnauthorizedAccessException or HestiaException) || IOErrors.IsSyncFailure(e)) _context.Health.Fail(e);
            _context.Counters.FlushFailed();
            Interlocked.Add(ref _taken, -Interlocked.Read(ref _takenUnderWay));
            _context.Events?.RaiseFailure(IndexEventId.FlushFailed, e, "A flush of the index {IndexName} ({IndexPath}) failed and will be tried again: {Reason}");
            Finished(e);
            return false;
        }
        finally
        {
            Interlocked.Exchange(ref _takenUnderWay, 0);
            if (info is not null) _retired.Withdraw(info.Id);
            memtable.Release();
        }
    }

    private void Take(long bytes)
    {
        Interlocked.Add(ref _taken, bytes);
        Interlocked.Add(ref _takenUnderWay, bytes);
    }

    private void Tell(ulong lsn, SegmentInfo? info, TimeSpan time)
    {
        HestiaMeter.Record(HestiaMeter.FlushDuration, _context, time);
        _context.Events?.Raise(
            IndexEventId.FlushCompleted, IndexEventLevel.Debug,
            "The index {IndexName} ({IndexPath}) was flushed up to LSN {Lsn}: {Bytes} bytes in {Milliseconds} ms.",
            ("Lsn", lsn), ("Bytes", info?.Size ?? 0), ("Milliseconds", Math.Round(time.TotalMilliseconds, 1)));
    }

    private void Finished(Exception? error)
    {
        lock (_progress)
        {
            _error = error;
            Monitor.PulseAll(_progress);
        }

        _room.Changed(error);
    }
}
