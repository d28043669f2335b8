using System.Diagnostics;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;

namespace Hestia.Core.Writing;

/// <summary>
/// Back-pressure: before a group is written there must be room in the active memtable, and flush and compaction must not lag too far.
/// Writers are slowed first and made to wait then; they are refused only when flushing itself fails (a full disk), with that cause.
/// Called by the commit leader, so a wait holds up every writer, which is the point.
/// </summary>
internal sealed class WriteRoom(IndexContext context, LiveSet live, LogKeeper log)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private const long SlowdownStepBytes = 64 << 10;

    private readonly object _changed = new();
    private long _stallTicks;
    private long _nextSlowdownAt;
    private Exception? _flushError;

    /// <summary>Asks for a flush of the frozen memtables.</summary>
    public Action? FlushWanted { get; set; }

    public TimeSpan StallTime => TimeSpan.FromSeconds((double)Interlocked.Read(ref _stallTicks) / Stopwatch.Frequency);

    /// <summary>Flush and compaction say that something moved.</summary>
    public void Changed(Exception? flushError)
    {
        lock (_changed)
        {
            _flushError = flushError;
            Monitor.PulseAll(_changed);
        }
    }

    /// <summary>Wakes a waiting leader without saying anything new.</summary>
    public void Wake()
    {
        lock (_changed) Monitor.PulseAll(_changed);
    }

    /// <summary>Returns when a group may be written.</summary>
    /// <exception cref="HestiaException">DiskFull, IoError and the like if the memtables can't be written out; IndexFailed, IndexClosed.</exception>
    public void Ensure(long lastCommitTime)
    {
        var active = live.Active;
        if (context.Options.BackgroundCompaction && live.Level0Count >= context.Options.Level0Slowdown) Slow(active.AllocatedBytes);
        if (!IsFull(active)) return;
        if (MustWait()) Wait();
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

    /// <summary>Memory counts, but memory comes in chunks: a table with little in it yet is not full.</summary>
    private bool IsFull(MemTable active) =>
        (active.AllocatedBytes >= context.Options.MemtableBytes && active.DataBytes >= context.Options.MemtableBytes / 4)
        || log.CurrentBytes >= Math.Max(2 * context.Options.MemtableBytes, 256L << 20);

    private bool MustWait() =>
        live.MemtableCount >= context.Options.MaxMemtables
        || (context.Options.BackgroundCompaction && live.Level0Count >= 2 * context.Options.Level0Slowdown);

    private void Wait()
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            lock (_changed)
            {
                while (MustWait())
                {
                    context.Health.RequireWritable();
                    if (_flushError is { } error)
                    {
                        _flushError = null; // the next writer tries again
                        FlushWanted?.Invoke();
                        throw HestiaException.FromIO(error, context.Path, "flushing memtables of");
                    }

                    Monitor.Wait(_changed, PollInterval);
                }
            }
        }
        finally
        {
            Interlocked.Add(ref _stallTicks, Stopwatch.GetTimestamp() - began);
        }
    }

    /// <summary>A short pause every 64 KiB, longer the nearer level 0 is to its limit: many small delays instead of one long stop.</summary>
    private void Slow(long allocated)
    {
        if (allocated < _nextSlowdownAt && allocated + (4 * SlowdownStepBytes) > _nextSlowdownAt) return;
        _nextSlowdownAt = allocated + SlowdownStepBytes;
        var over = live.Level0Count - context.Options.Level0Slowdown + 1;
        var began = Stopwatch.GetTimestamp();
        Thread.Sleep(Math.Clamp(over * 4 / Math.Max(1, context.Options.Level0Slowdown), 1, 4));
        Interlocked.Add(ref _stallTicks, Stopwatch.GetTimestamp() - began);
    }
}
