using System.Diagnostics;
using Hestia.Core.Diagnostics;

namespace Hestia.Unit.Diagnostics;

/// <summary>Keeps all it is told, in order.</summary>
internal sealed class RecordingListener : IIndexEventListener
{
    private readonly object _gate = new();
    private readonly List<IndexEvent> _events = [];

    public IReadOnlyList<IndexEvent> Events
    {
        get
        {
            lock (_gate) return [.. _events];
        }
    }

    public IEnumerable<IndexEventId> Ids => Events.Select(static e => e.Id);

    public void OnEvent(IndexEvent happened)
    {
        lock (_gate)
        {
            _events.Add(happened);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for the first event of an id.</summary>
    public IndexEvent Await(IndexEventId id)
    {
        var began = Stopwatch.StartNew();
        lock (_gate)
        {
            while (true)
            {
                if (_events.Find(e => e.Id == id) is { } found) return found;
                Assert.True(began.Elapsed < TimeSpan.FromSeconds(30), $"{id} did not come; there were {string.Join(", ", _events)}");
                Monitor.Wait(_gate, TimeSpan.FromSeconds(1));
            }
        }
    }
}
