using Hestia.Core;

namespace Hestia.Backup.Jobs;

/// <summary>Counts what several threads do and reports it at most ten times a second, one report at a time. Thread-safe.</summary>
internal sealed class ProgressMeter(IProgress<WorkProgress>? target, string activity, long bytesTotal, long itemsTotal)
{
    private const int IntervalMilliseconds = 100;

    private readonly object _reporting = new();
    private long _bytes;
    private long _items;
    private long _lastReport = -IntervalMilliseconds;

    public long Bytes => Interlocked.Read(ref _bytes);

    public void AddBytes(long count)
    {
        Interlocked.Add(ref _bytes, count);
        Report(final: false);
    }

    public void AddItem()
    {
        Interlocked.Increment(ref _items);
        Report(final: false);
    }

    /// <summary>Both at once, for work that counts in lots.</summary>
    public void Add(long bytes, long items)
    {
        Interlocked.Add(ref _items, items);
        AddBytes(bytes);
    }

    /// <summary>The last report, whatever the time.</summary>
    public void Finish() => Report(final: true);

    private void Report(bool final)
    {
        if (target is null) return;
        if (!final && Environment.TickCount64 - Interlocked.Read(ref _lastReport) < IntervalMilliseconds) return;
        if (final) Monitor.Enter(_reporting);
        else if (!Monitor.TryEnter(_reporting)) return; // another thread is just reporting
        try
        {
            if (!final && Environment.TickCount64 - _lastReport < IntervalMilliseconds) return;
            Interlocked.Exchange(ref _lastReport, Environment.TickCount64);
            target.Report(new WorkProgress(activity, Bytes, bytesTotal, Interlocked.Read(ref _items), itemsTotal));
        }
        finally
        {
            Monitor.Exit(_reporting);
        }
    }
}
