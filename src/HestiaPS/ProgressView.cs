using System.Diagnostics;
using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS;

/// <summary>
/// The newest progress of work on another thread, shown from the pipeline thread with bytes and rate once the work takes over a second.
/// Only the newest counts, so the worker never waits and nothing queues up.
/// </summary>
internal sealed class ProgressView(string activity) : IProgress<WorkProgress>
{
    private const int ActivityId = 0x4853;
    private static readonly TimeSpan FirstShown = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);

    private readonly object _gate = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private WorkProgress _newest;
    private TimeSpan _begun;

    public void Report(WorkProgress value)
    {
        lock (_gate)
        {
            // Work of several parts counts each from zero.
            if (value.Activity != _newest.Activity || value.BytesDone < _newest.BytesDone) _begun = _watch.Elapsed;
            _newest = value;
        }
    }

    public void ShowUntilDone(Task task, Action<ProgressRecord> write)
    {
        var done = ((IAsyncResult)task).AsyncWaitHandle;
        if (done.WaitOne(FirstShown)) return;
        do write(Record());
        while (!done.WaitOne(Step));
        write(new ProgressRecord(ActivityId, activity, "Done") { RecordType = ProgressRecordType.Completed });
    }

    private ProgressRecord Record()
    {
        WorkProgress newest;
        TimeSpan begun;
        lock (_gate) (newest, begun) = (_newest, _begun);
        var rate = newest.BytesDone / Math.Max((_watch.Elapsed - begun).TotalSeconds, 0.1);
        var record = new ProgressRecord(ActivityId, activity, Status(newest, rate));
        if (!string.IsNullOrEmpty(newest.Activity)) record.CurrentOperation = newest.Activity;
        if (newest.BytesTotal > 0)
        {
            record.PercentComplete = (int)Math.Clamp(100.0 * newest.BytesDone / newest.BytesTotal, 0, 100);
            if (rate > 0) record.SecondsRemaining = (int)Math.Clamp((newest.BytesTotal - newest.BytesDone) / rate, 0, int.MaxValue);
        }
        else if (newest.ItemsTotal > 0)
        {
            record.PercentComplete = (int)Math.Clamp(100.0 * newest.ItemsDone / newest.ItemsTotal, 0, 100);
        }

        return record;
    }

    private static string Status(in WorkProgress progress, double rate)
    {
        var items = progress.ItemsTotal > 0 ? $"{progress.ItemsDone:N0} of {progress.ItemsTotal:N0}"
            : progress.ItemsDone > 0 ? $"{progress.ItemsDone:N0}" : "";
        if (progress.BytesDone == 0 && progress.BytesTotal == 0) return items.Length > 0 ? items : "Working";
        var bytes = progress.BytesTotal > 0
            ? $"{Display.Size(progress.BytesDone)} of {Display.Size(progress.BytesTotal)}"
            : Display.Size(progress.BytesDone);
        return $"{bytes}, {Display.Size((long)rate)}/s" + (items.Length > 0 ? $", {items}" : "");
    }
}
