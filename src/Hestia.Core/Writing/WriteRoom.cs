using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Suspending;

namespace Hestia.Core.Writing;

/// <summary>
/// Back-pressure: before a group is written there must be room in the active memtable, and flush and compaction must not lag too far.
/// Writers are slowed first and made to wait then; they are refused only when flush or compaction itself fails (a full disk), with
/// that cause.
/// Called by the commit leader, so a wait holds up every writer, which is the point.
/// </summary>
internal sealed class WriteRoom(IndexContext context, LiveSet live, LogKeeper log)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan StallWorthTelling = TimeSpan.FromSeconds(1);
    private const long SlowdownStepBytes = 64 << 10;

    private readonly object _changed = new();
    private long _nextSlowdownAt;
    private Exception? _error;

    /// <summary>Asks for a flush of the frozen memtables.</summary>
    public Action? FlushWanted { get; set; }

    /// <summary>Asks for compaction.</summary>
    public Action? CompactionWanted { get; set; }

    /// <summary>Flush or compaction moved on (null), or failed with something that is worth trying again.</summary>
    public void Changed(Exception? error)
    {
        lock (_changed)
        {
            Volatile.Write(ref _error, error);
            Monitor.PulseAll(_changed);
        }
    }

    /// <summary>Returns when a group may be written.</summary>
    /// <exception cref="HestiaException">DiskFull, IoError and the like if the memtables can't be written out; TimedOut; IndexFailed, IndexClosed.</exception>
    public void Ensure(long lastCommitTime, long deadline)
    {
        var active = live.Active;
        if (context.Options.BackgroundCompaction && live.Level0Count >= context.Options.Level0Slowdown) Slow(active.AllocatedBytes);
        if (!IsFull(active)) return;
        if (MustWait()) Wait(deadline);
        Rotate(lastCommitTime);
    }

    /// <summary>Freezes the active memtable, ends its log file and starts fresh ones. Nothing to do if it is empty.</summary>
    public void Rotate(long lastCommitTime)
    {
        var active = live.Active;
        if (active.OperationCount == 0) return;
        log.Seal(new Lsn(active.LastLsn));
        active.Freeze();
        live.Rotate(new MemTable(), lastCommitTime);
        FlushWanted?.Invoke();
    }

    private bool IsFull(MemTable active) =>
        active.Fills(context.Options.MemtableBytes)
        || log.CurrentBytes >= Math.Max(2 * context.Options.MemtableBytes, 256L << 20);

    private bool MustWait() =>
        live.MemtableCount >= context.Options.MaxMemtables
        || (context.Options.BackgroundCompaction && live.Level0Count >= 2 * context.Options.Level0Slowdown);

    private void Wait(long deadline)
    {
        var began = Stopwatch.GetTimestamp();
        var told = false;
        try
        {
            while (MustWait())
            {
                context.Health.RequireWritable();
                if (Interlocked.Exchange(ref _error, null) is { } error) throw HestiaException.FromIO(error, context.Path, "making room for writes in");
                if (WriteDeadline.HasPassed(deadline)) throw WriteDeadline.TimedOut(context, "for flush or compaction to make room");
                told = told || TellStall(began);
                // Each round asks again: what failed once (a full disk) is tried again by the next writer, and nothing else would.
                FlushWanted?.Invoke();
                CompactionWanted?.Invoke();
                if (context.Options.Scheduler.TryRunPending()) continue;
                lock (_changed)
                {
                    var rest = WriteDeadline.Rest(deadline);
                    if (_error is null && MustWait()) Monitor.Wait(_changed, rest < TimeSpan.Zero || rest > PollInterval ? PollInterval : rest);
                }
            }
        }
        finally
        {
            context.Counters.Stalled(Stopwatch.GetTimestamp() - began, stopped: true);
            if (told)
            {
                context.Events?.Raise(
                    IndexEventId.WriteStallEnded, IndexEventLevel.Information,
                    "Writers of the index {IndexName} ({IndexPath}) go on after {Seconds} s.",
                    ("Seconds", Math.Round(Stopwatch.GetElapsedTime(began).TotalSeconds, 1)));
            }
        }
    }

    /// <summary>Short stops are what back-pressure is made of; one of a second is worth a word.</summary>
    private bool TellStall(long began)
    {
        if (Stopwatch.GetElapsedTime(began) < StallWorthTelling) return false;
        context.Events?.Raise(
            IndexEventId.WriteStalled, IndexEventLevel.Warning,
            "Writers of the index {IndexName} ({IndexPath}) wait: {Memtables} memtables are not flushed, {Level0Segments} segments are in level 0.",
            ("Memtables", live.MemtableCount), ("Level0Segments", live.Level0Count));
        return true;
    }

    /// <summary>A short pause every 64 KiB, longer the nearer level 0 is to its limit: many small delays instead of one long stop.</summary>
    private void Slow(long allocated)
    {
        if (allocated < _nextSlowdownAt && allocated + (4 * SlowdownStepBytes) > _nextSlowdownAt) return;
        _nextSlowdownAt = allocated + SlowdownStepBytes;
        var over = live.Level0Count - context.Options.Level0Slowdown + 1;
        var began = Stopwatch.GetTimestamp();
        Thread.Sleep(Math.Clamp(over * 4 / Math.Max(1, context.Options.Level0Slowdown), 1, 4));
        context.Counters.Stalled(Stopwatch.GetTimestamp() - began, stopped: false);
    }
}
