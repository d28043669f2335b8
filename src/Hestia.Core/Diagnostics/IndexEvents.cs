using System.Diagnostics;

namespace Hestia.Core.Diagnostics;

/// <summary>
/// Brings events to the listener: in order, one at a time, on a thread of the pool and never on the one that raised them, which may be leading
/// a group or holding a lock. The queue is bounded; the oldest make way. Thread-safe.
/// </summary>
internal sealed class IndexEvents(IIndexEventListener listener, TimeProvider clock, string name, string path)
{
    private const int MaxQueued = 1024;
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    /// <summary>A failure that comes again and again (a full disk) is told so often.</summary>
    private static readonly TimeSpan RepeatAfter = TimeSpan.FromSeconds(30);

    private readonly Queue<IndexEvent> _queue = new();
    private readonly Dictionary<IndexEventId, (string Kind, long At)> _failures = [];
    private bool _queued; // with the pool
    private Thread? _delivering;
    private int _dropped;

    /// <summary>Tells the listener, soon.</summary>
    /// <param name="id">What happened.</param>
    /// <param name="level">How important it is.</param>
    /// <param name="template">Message, with {Name} for each of the values.</param>
    /// <param name="values">Names and values, in the order of the message.</param>
    public void Raise(IndexEventId id, IndexEventLevel level, string template, params ReadOnlySpan<(string Name, object? Value)> values) =>
        Raise(id, level, null, template, values);

    /// <summary>As the other, with the exception that is the cause.</summary>
    public void Raise(IndexEventId id, IndexEventLevel level, Exception? exception, string template, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        var all = new KeyValuePair<string, object?>[values.Length + 2];
        all[0] = new("IndexName", name);
        all[1] = new("IndexPath", path);
        for (var i = 0; i < values.Length; i++) all[i + 2] = new(values[i].Name, values[i].Value);
        Enqueue(new IndexEvent(id, level, clock.GetUtcNow(), exception, template, all));
    }

    /// <summary>A failure, unless the same was told a moment ago.</summary>
    public void RaiseFailure(IndexEventId id, Exception cause, string template)
    {
        // Messages name temporary files, which are others each time.
        var kind = cause is HestiaException hestia ? hestia.Code.ToString() : $"{cause.GetType().Name} {cause.HResult}";
        lock (_queue)
        {
            if (_failures.TryGetValue(id, out var last) && last.Kind == kind && Stopwatch.GetElapsedTime(last.At) < RepeatAfter) return;
            _failures[id] = (kind, Stopwatch.GetTimestamp());
        }

        Raise(id, IndexEventLevel.Warning, cause, template, ("Reason", cause.Message));
    }

    /// <summary>Delivers what waits, here if need be. Gives a listener that hangs two seconds.</summary>
    public void Drain()
    {
        lock (_queue)
        {
            var until = Stopwatch.GetTimestamp() + (long)(DrainTime.TotalSeconds * Stopwatch.Frequency);
            while (_delivering is { } other)
            {
                var rest = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), until);
                if (other == Thread.CurrentThread || rest <= TimeSpan.Zero) return; // the listener itself closes the index, or hangs
                Monitor.Wait(_queue, rest);
            }

            if (_queue.Count == 0) return;
            _delivering = Thread.CurrentThread;
        }

        DeliverAll();
    }

    private void Enqueue(IndexEvent happened)
    {
        lock (_queue)
        {
            if (_queue.Count == MaxQueued)
            {
                _queue.Dequeue();
                _dropped++;
            }

            _queue.Enqueue(happened);
            if (_queued || _delivering is not null) return;
            _queued = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static events => events.Deliver(), this, preferLocal: false);
    }

    private void Deliver()
    {
        lock (_queue)
        {
            _queued = false;
            if (_delivering is not null) return;
            _delivering = Thread.CurrentThread;
        }

        DeliverAll();
    }

    private void DeliverAll()
    {
        while (true)
        {
            IndexEvent? next;
            int dropped;
            lock (_queue)
            {
                if (!_queue.TryDequeue(out next))
                {
                    _delivering = null;
                    Monitor.PulseAll(_queue);
                    return;
                }

                dropped = _dropped;
                _dropped = 0;
            }

            if (dropped > 0) Tell(Dropped(dropped));
            Tell(next);
        }
    }

    private IndexEvent Dropped(int count) => new(
        IndexEventId.EventsDropped, IndexEventLevel.Warning, clock.GetUtcNow(), null,
        "{Count} events of the index {IndexName} ({IndexPath}) were left out: the listener is too slow.",
        [new("IndexName", name), new("IndexPath", path), new("Count", count)]);

    private void Tell(IndexEvent happened)
    {
        try
        {
            listener.OnEvent(happened);
        }
        catch (Exception)
        {
            // Who listens must not be able to break what it listens to.
        }
    }
}
