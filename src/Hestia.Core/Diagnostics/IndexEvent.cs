using System.Globalization;
using System.Text;

namespace Hestia.Core.Diagnostics;

/// <summary>What happened. The numbers are stable: they are the event ids of logs, so none is changed or reused.</summary>
public enum IndexEventId
{
    /// <summary>An index was opened.</summary>
    Opened = 1,

    /// <summary>Opening found something out of the ordinary and dealt with it.</summary>
    Recovered = 2,

    /// <summary>An index was closed.</summary>
    Closed = 3,

    /// <summary>A sync failed or the log is unusable: the index takes no more writes.</summary>
    Failed = 4,

    /// <summary>A memtable was written out.</summary>
    FlushCompleted = 10,

    /// <summary>A flush failed and will be tried again.</summary>
    FlushFailed = 11,

    /// <summary>A compaction job was done.</summary>
    CompactionCompleted = 20,

    /// <summary>A compaction job failed and will be tried again.</summary>
    CompactionFailed = 21,

    /// <summary>Writers have been stopped for a second, until flush or compaction has made room.</summary>
    WriteStalled = 30,

    /// <summary>Writers that had been stopped for more than a second go on.</summary>
    WriteStallEnded = 31,

    /// <summary>A pin was not released in its time and let its files go.</summary>
    PinExpired = 40,

    /// <summary>The index was suspended: nothing in its directory changes.</summary>
    Suspended = 50,

    /// <summary>A suspension was ended by who asked for it, or by closing the index.</summary>
    Resumed = 51,

    /// <summary>A suspension was ended by its time limit.</summary>
    SuspensionExpired = 52,

    /// <summary>The durability was changed.</summary>
    DurabilityChanged = 60,

    /// <summary>The index was found to be a copy, or behind its archive, and began a timeline of its own.</summary>
    TimelineBegun = 70,

    /// <summary>Log was given up that the archive had not got.</summary>
    ArchiveGap = 71,

    /// <summary>The listener was slower than the events; some were left out.</summary>
    EventsDropped = 90,
}

/// <summary>How important an event is.</summary>
public enum IndexEventLevel
{
    /// <summary>The course of things, for who looks for a cause.</summary>
    Debug,

    /// <summary>Worth a line in a log.</summary>
    Information,

    /// <summary>Somebody should look at it.</summary>
    Warning,

    /// <summary>Something is wrong now.</summary>
    Error,
}

/// <summary>Something that happened to an open index. Immutable.</summary>
public sealed class IndexEvent
{
    internal IndexEvent(
        IndexEventId id, IndexEventLevel level, DateTimeOffset time, Exception? exception, string template, KeyValuePair<string, object?>[] values) =>
        (Id, Level, Time, Exception, Template, Values) = (id, level, time, exception, template, values);

    /// <summary>What happened.</summary>
    public IndexEventId Id { get; }

    /// <summary>How important it is.</summary>
    public IndexEventLevel Level { get; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset Time { get; }

    /// <summary>The cause of a failure, or null.</summary>
    public Exception? Exception { get; }

    /// <summary>The message with the names of <see cref="Values"/> in braces, in their order; the same for all events of an id.</summary>
    public string Template { get; }

    /// <summary>Names and values in the message. The first two are always IndexName and IndexPath.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>> Values { get; }

    /// <summary>The message for people.</summary>
    public string Message
    {
        get
        {
            var text = new StringBuilder(Template);
            foreach (var (name, value) in Values) text.Replace("{" + name + "}", Convert.ToString(value, CultureInfo.InvariantCulture));
            return text.ToString();
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Time:u} {Level} {Id}: {Message}";
}

/// <summary>
/// Is told what happens to an index: <see cref="IndexOptions.EventListener"/>. Events come one at a time and in order, from a thread of the pool, so
/// a listener may call the index; what it throws is ignored. One that is slower than the events misses some, and is told how many.
/// </summary>
public interface IIndexEventListener
{
    /// <summary>Something happened.</summary>
    void OnEvent(IndexEvent happened);
}
