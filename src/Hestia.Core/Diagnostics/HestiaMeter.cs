using System.Diagnostics.Metrics;
using Hestia.Core.Compaction;

namespace Hestia.Core.Diagnostics;

/// <summary>
/// The metrics of all indexes that this process has open, on one <see cref="Meter"/> of the name <see cref="Name"/>. Names, units and attributes
/// are in docs/metrics.md and follow OpenTelemetry's conventions. Nearly all instruments are observed: an index counts what it counts anyway, and
/// a number is read when a listener asks for it. The durations are recorded only while somebody listens to them.
/// </summary>
public static class HestiaMeter
{
    /// <summary>Name of the meter, for example for <c>AddMeter</c> of OpenTelemetry.</summary>
    public const string Name = "Hestia.Core";

    /// <summary>Attribute: the index's id.</summary>
    public const string IndexIdAttribute = "hestia.index.id";

    /// <summary>Attribute: the index's name.</summary>
    public const string IndexNameAttribute = "hestia.index.name";

    /// <summary>Attribute: the index's directory; a restored copy has the same id and name as its original.</summary>
    public const string IndexPathAttribute = "hestia.index.path";

    private static readonly Meter s_meter = new(Name, typeof(HestiaMeter).Assembly.GetName().Version?.ToString(3));
    private static readonly object s_gate = new();
    private static readonly List<WeakReference<HestiaIndex>> s_open = [];

    static HestiaMeter()
    {
        Counter("writes", "{batch}", "Batches acknowledged.", static i => i.Context.Counters.Batches);
        Counter("write.operations", "{operation}", "Operations in them.", static i => i.Context.Counters.Operations);
        Counter("write.io", "By", "Bytes of them, as encoded.", static i => i.Context.Counters.Bytes);
        Counter("reads", "{read}", "Point reads.", static i => i.Context.Counters.Reads.Sum);
        Counter("scans", "{scan}", "Snapshots and cursors opened.", static i => i.Context.Counters.Snapshots.Sum);
        s_meter.CreateObservableCounter("hestia.index.cache.lookups", CacheLookups, "{lookup}", "Blocks looked for in the cache.");
        UpDown("cache.usage", "By", "Bytes in the cache.", static i => i.Context.Cache.UsedBytes);
        Counter("wal.syncs", "{sync}", "Syncs of the log.", static i => i.LogSyncs);
        Counter("wal.io", "By", "Bytes written into the log.", static i => i.LogBytesWritten);
        UpDown("wal.usage", "By", "Bytes of log files kept.", static i => i.LogBytesKept);
        Counter("sync.failures", "{failure}", "Failed syncs of any file; the first fails the index.", static i => i.Context.Counters.SyncFailures);
        Counter("write.stalls", "{stall}", "Times writers were stopped until flush or compaction had made room.", static i => i.Context.Counters.Stalls);
        s_meter.CreateObservableCounter(
            "hestia.index.write.stall.time", static () => Each(static i => i.Context.Counters.StallTime.TotalSeconds), "s", "Time writers were stopped or slowed.");
        Counter("flushes", "{flush}", "Memtables written out.", static i => i.Context.Counters.Flushes);
        Counter("flush.failures", "{failure}", "Flushes that failed; each is tried again.", static i => i.Context.Counters.FlushFailures);
        Counter("flush.io", "By", "Bytes of segments written by flushes.", static i => i.FlushBytes);
        Counter("compactions", "{compaction}", "Compaction jobs done.", static i => i.Context.Counters.Compactions);
        Counter("compaction.failures", "{failure}", "Compaction jobs that failed.", static i => i.Context.Counters.CompactionFailures);
        Counter("compaction.io", "By", "Bytes of segments written by compaction.", static i => i.CompactionBytes);
        UpDown("compaction.debt", "By", "Bytes that compaction should still move.", static i => i.CompactionDebt);
        UpDown("memtable.usage", "By", "Bytes of memtables.", static i => i.MemtableBytes);
        s_meter.CreateObservableUpDownCounter("hestia.index.segments", static () => Levels(static level => level.Segments), "{segment}", "Live segments.");
        s_meter.CreateObservableUpDownCounter("hestia.index.segment.usage", static () => Levels(static level => level.Bytes), "By", "Bytes of live segments.");
        UpDown("retired.usage", "By", "Bytes of retired files not yet deleted.", static i => i.RetiredBytes);
        UpDown("snapshots", "{snapshot}", "Snapshots and cursors open.", static i => i.OpenSnapshots);
        UpDown("pins", "{pin}", "Pins held.", static i => i.HeldPins);
        UpDown("archive.queue", "By", "Bytes of closed log files that wait for their shipment.", static i => i.ArchiveQueueBytes);
        s_meter.CreateObservableGauge("hestia.index.lsn", Lsns, "{lsn}", "Last, durable and checkpoint LSN.");
        s_meter.CreateObservableUpDownCounter("hestia.index.state", States, "{index}", "1 for the state the index is in, 0 for the others.");
    }

    /// <summary>How long syncs of the log took, in seconds.</summary>
    internal static Histogram<double> SyncDuration { get; } = s_meter.CreateHistogram<double>("hestia.index.wal.sync.duration", "s", "Duration of a sync of the log.");

    /// <summary>How long commits took, in seconds: of a group, from its turn on.</summary>
    internal static Histogram<double> CommitDuration { get; } = s_meter.CreateHistogram<double>("hestia.index.commit.duration", "s", "Duration of a commit.");

    /// <summary>How long flushes took, in seconds.</summary>
    internal static Histogram<double> FlushDuration { get; } = s_meter.CreateHistogram<double>("hestia.index.flush.duration", "s", "Duration of a flush.");

    /// <summary>How long compaction jobs took, in seconds.</summary>
    internal static Histogram<double> CompactionDuration { get; } =
        s_meter.CreateHistogram<double>("hestia.index.compaction.duration", "s", "Duration of a compaction job.");

    /// <summary>From here on the index is observed, until <see cref="Remove"/> or until nobody has it any more.</summary>
    internal static void Add(HestiaIndex index)
    {
        lock (s_gate)
        {
            s_open.RemoveAll(static reference => !reference.TryGetTarget(out _));
            s_open.Add(new WeakReference<HestiaIndex>(index));
        }
    }

    internal static void Remove(HestiaIndex index)
    {
        lock (s_gate) s_open.RemoveAll(reference => !reference.TryGetTarget(out var open) || ReferenceEquals(open, index));
    }

    internal static void Record(Histogram<double> duration, IndexContext context, TimeSpan time)
    {
        if (duration.Enabled) duration.Record(time.TotalSeconds, context.MetricAttributes);
    }

    private static void Counter(string name, string unit, string description, Func<HestiaIndex, long> read) =>
        s_meter.CreateObservableCounter("hestia.index." + name, () => Each(read), unit, description);

    private static void UpDown(string name, string unit, string description, Func<HestiaIndex, long> read) =>
        s_meter.CreateObservableUpDownCounter("hestia.index." + name, () => Each(read), unit, description);

    private static List<Measurement<T>> Each<T>(Func<HestiaIndex, T> read)
        where T : struct
    {
        var result = new List<Measurement<T>>();
        ForEach(index => result.Add(new Measurement<T>(read(index), index.Context.MetricAttributes)));
        return result;
    }

    private static List<Measurement<long>> CacheLookups()
    {
        var result = new List<Measurement<long>>();
        ForEach(index =>
        {
            result.Add(With(index, index.Context.Cache.Hits, "hestia.cache.result", "hit"));
            result.Add(With(index, index.Context.Cache.Misses, "hestia.cache.result", "miss"));
        });
        return result;
    }

    private static List<Measurement<long>> Lsns()
    {
        var result = new List<Measurement<long>>();
        ForEach(index =>
        {
            result.Add(With(index, (long)index.LastLsn.Value, "hestia.lsn.kind", "last"));
            result.Add(With(index, (long)index.DurableLsn.Value, "hestia.lsn.kind", "durable"));
            result.Add(With(index, (long)index.Checkpoint.Value, "hestia.lsn.kind", "checkpoint"));
        });
        return result;
    }

    private static List<Measurement<long>> States()
    {
        var result = new List<Measurement<long>>();
        ForEach(index =>
        {
            var state = index.State;
            var suspended = index.Suspension is not null;
            result.Add(With(index, state == IndexState.Ready && !suspended ? 1 : 0, "hestia.index.state", "ready"));
            result.Add(With(index, state == IndexState.Ready && suspended ? 1 : 0, "hestia.index.state", "suspended"));
            result.Add(With(index, state == IndexState.Failed ? 1 : 0, "hestia.index.state", "failed"));
        });
        return result;
    }

    private static List<Measurement<long>> Levels(Func<LevelStatistics, long> read)
    {
        var result = new List<Measurement<long>>();
        ForEach(index =>
        {
            foreach (var level in index.LevelsNow()) result.Add(With(index, read(level), "hestia.level", level.Level));
        });
        return result;
    }

    private static Measurement<long> With(HestiaIndex index, long value, string key, object attribute) =>
        new(value, [.. index.Context.MetricAttributes, new KeyValuePair<string, object?>(key, attribute)]);

    private static void ForEach(Action<HestiaIndex> read)
    {
        var open = new List<HestiaIndex>();
        lock (s_gate)
        {
            foreach (var reference in s_open)
                if (reference.TryGetTarget(out var index)) open.Add(index);
        }

        foreach (var index in open)
        {
            try
            {
                read(index);
            }
            catch (Exception e) when (e is HestiaException or ObjectDisposedException)
            {
                // closed a moment ago
            }
        }
    }
}
