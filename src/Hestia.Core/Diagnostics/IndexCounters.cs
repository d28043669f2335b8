using System.Diagnostics;

namespace Hestia.Core.Diagnostics;

/// <summary>
/// What an open index counts of itself since it was opened. Plain numbers where the work is done; statistics and metrics read them. What only
/// the commit leader or one background thread writes needs no interlocked addition.
/// </summary>
internal sealed class IndexCounters
{
    private long _batches;
    private long _operations;
    private long _bytes;
    private long _flushes;
    private long _flushFailures;
    private long _compactions;
    private long _compactionFailures;
    private long _syncFailures;
    private long _stalls;
    private long _stallTicks;
    private long _timed;
    private long _timedTicks;

    /// <summary>Point reads, those of snapshots not included.</summary>
    public StripedCounter Reads { get; } = new();

    /// <summary>Snapshots taken, those of scans included.</summary>
    public StripedCounter Snapshots { get; } = new();

    public long Batches => Volatile.Read(ref _batches);

    public long Operations => Volatile.Read(ref _operations);

    /// <summary>Bytes of acknowledged operations as they are encoded: keys, values, a few bytes each.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public long Flushes => Volatile.Read(ref _flushes);

    public long FlushFailures => Volatile.Read(ref _flushFailures);

    public long Compactions => Volatile.Read(ref _compactions);

    public long CompactionFailures => Volatile.Read(ref _compactionFailures);

    public long SyncFailures => Volatile.Read(ref _syncFailures);

    public long Stalls => Volatile.Read(ref _stalls);

    public TimeSpan StallTime => TimeSpan.FromSeconds((double)Volatile.Read(ref _stallTicks) / Stopwatch.Frequency);

    /// <summary>Commits of which the time was taken.</summary>
    public long CommitsTimed => Volatile.Read(ref _timed);

    /// <summary>What those took together.</summary>
    public TimeSpan CommitTime => new(Volatile.Read(ref _timedTicks));

    /// <summary>A commit took so long. The commit leader's.</summary>
    public void Timed(long ticks)
    {
        Volatile.Write(ref _timed, _timed + 1);
        Volatile.Write(ref _timedTicks, _timedTicks + ticks);
    }

    /// <summary>A group was acknowledged. The commit leader's.</summary>
    public void Written(int batches, long operations, long bytes)
    {
        Volatile.Write(ref _batches, _batches + batches);
        Volatile.Write(ref _operations, _operations + operations);
        Volatile.Write(ref _bytes, _bytes + bytes);
    }

    /// <summary>Writers waited. The commit leader's; <paramref name="stopped"/> if they were stopped and not only slowed.</summary>
    public void Stalled(long ticks, bool stopped)
    {
        if (stopped) Volatile.Write(ref _stalls, _stalls + 1);
        Volatile.Write(ref _stallTicks, _stallTicks + ticks);
    }

    public void Flushed() => Interlocked.Increment(ref _flushes);

    public void FlushFailed() => Interlocked.Increment(ref _flushFailures);

    public void Compacted() => Interlocked.Increment(ref _compactions);

    public void CompactionFailed() => Interlocked.Increment(ref _compactionFailures);

    public void SyncFailed() => Interlocked.Increment(ref _syncFailures);
}
