using Hestia.Core;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Extensions.Logging;
using Hestia.Unit.Index;
using Hestia.Unit.Simulation;
using Microsoft.Extensions.Logging;

namespace Hestia.Unit.Diagnostics;

/// <summary>Whoever listens is told what happens, in order, and cannot harm what it listens to.</summary>
public sealed class EventTests : IndexTestBase
{
    private readonly RecordingListener _listener = new();

    [Fact]
    public void Life_of_an_index_is_told_in_order()
    {
        using (var index = HestiaIndex.Create(IndexPath, new IndexSettings { Name = "orders" }, Small with { EventListener = _listener, BackgroundCompaction = false }))
        {
            for (var i = 0; i < 4; i++)
            {
                index.Put(Key(i), Key(i));
                index.Flush();
            }

            index.Compact();
        }

        // Close has told everything when it returns.
        Assert.Equal(
            [
                IndexEventId.Opened, IndexEventId.FlushCompleted, IndexEventId.FlushCompleted, IndexEventId.FlushCompleted, IndexEventId.FlushCompleted,
                IndexEventId.CompactionCompleted, IndexEventId.Closed,
            ],
            _listener.Ids.Where((id, at) => id != IndexEventId.CompactionCompleted || _listener.Events[at - 1].Id != id));
        foreach (var told in _listener.Events)
        {
            Assert.Equal("IndexName", told.Values[0].Key);
            Assert.Equal("orders", told.Values[0].Value);
            Assert.Equal(IndexPath, told.Values[1].Value);
            Assert.DoesNotContain('{', told.Message);
            Assert.Contains("orders", told.Message, StringComparison.Ordinal);
            foreach (var (name, _) in told.Values) Assert.Contains("{" + name + "}", told.Template, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_recovery_found_is_told()
    {
        HestiaIndex.Create(IndexPath).Close();
        File.WriteAllText(Path.Combine(IndexPath, "segments", "0123456789abcdef0123456789abcdef.tmp"), "");
        HestiaIndex.Open(IndexPath, new IndexOptions { EventListener = _listener }).Close();
        var told = _listener.Await(IndexEventId.Recovered);
        Assert.Equal(IndexEventLevel.Warning, told.Level);
        Assert.Contains(told.Values, static v => v is { Key: "Code", Value: "TemporaryFilesRemoved" });
    }

    [Fact]
    public void Failed_sync_is_told_with_its_cause_and_counted()
    {
        var disk = new SimulatedDisk(1);
        var files = new SimulatedFileSystem(disk);
        files.CreateDirectory("/disk");
        var index = HestiaIndex.Create("/disk/index", options: new IndexOptions { FileSystem = files, Scheduler = new SimulatedScheduler(new Random(1)), EventListener = _listener });
        index.Put("a"u8, "1"u8);
        disk.Fault = static (call, path) => call == DiskCall.Sync ? IOErrors.FromErrno(5, $"planted on {path}") : null;
        Assert.Equal(HestiaErrorCode.IndexFailed, Assert.Throws<HestiaException>(() => index.Put("b"u8, "2"u8)).Code);
        var told = _listener.Await(IndexEventId.Failed);
        Assert.Equal(IndexEventLevel.Error, told.Level);
        Assert.NotNull(told.Exception);
        Assert.Contains("planted", told.Message, StringComparison.Ordinal);
        Assert.True(index.GetStatistics().SyncFailures >= 1);
        Assert.Equal(IndexState.Failed, index.GetStatistics().State);
        index.Dispose();
        Assert.Equal(IndexEventLevel.Error, _listener.Await(IndexEventId.Closed).Level);
    }

    [Fact]
    public void Failure_that_comes_again_and_again_is_told_once()
    {
        var disk = new SimulatedDisk(1);
        var files = new SimulatedFileSystem(disk);
        files.CreateDirectory("/disk");
        using var index = HestiaIndex.Create(
            "/disk/index", new IndexSettings { Durability = Durability.Off }, new IndexOptions { FileSystem = files, Scheduler = new SimulatedScheduler(new Random(1)), EventListener = _listener });
        index.Put("a"u8, "1"u8);
        disk.Fault = static (call, path) =>
            call == DiskCall.Create && path.Contains("segments", StringComparison.Ordinal) ? IOErrors.FromErrno(28, "planted: no space") : null;
        for (var i = 0; i < 5; i++) Assert.Equal(HestiaErrorCode.DiskFull, Assert.Throws<HestiaException>(() => index.Flush()).Code);
        _listener.Await(IndexEventId.FlushFailed);
        disk.Fault = null;
        index.Flush();
        _listener.Await(IndexEventId.FlushCompleted);
        Assert.Single(_listener.Ids, IndexEventId.FlushFailed);
        Assert.True(index.GetStatistics().FlushFailures >= 5);
    }

    [Fact]
    public void Listener_may_call_the_index_and_may_throw()
    {
        var listener = new CallingListener();
        using (var index = HestiaIndex.Create(IndexPath, options: new IndexOptions { EventListener = listener }))
        {
            listener.Index = index;
            index.Put("a"u8, "1"u8);
            index.Flush();
            Assert.True(listener.Called.Wait(TimeSpan.FromSeconds(30)));
            Assert.Equal("told"u8.ToArray(), index.Get("from the listener"u8));
        }
    }

    [Fact]
    public void Listener_that_hangs_costs_the_index_a_bounded_time_and_misses_events()
    {
        var listener = new HangingListener();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using (var index = HestiaIndex.Create(IndexPath, options: new IndexOptions { EventListener = listener }))
        {
            var events = index.Context.Events!;
            for (var i = 0; i < 5000; i++) events.Raise(IndexEventId.PinExpired, IndexEventLevel.Warning, "{IndexName} {IndexPath}");
            index.Put("a"u8, "1"u8);
        }

        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        listener.Go.Set();
        Assert.True(listener.SawDropped.Wait(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Loggers_get_number_name_level_values_and_cause()
    {
        var logger = new RecordingLogger();
        HestiaIndex.Create(IndexPath, new IndexSettings { Name = "orders" }, new IndexOptions().WithLogging(logger)).Close();
        Assert.Equal([1, 3], logger.Entries.Select(static e => e.Id.Id)); // stable: written in people's alerts
        Assert.Equal("Opened", logger.Entries[0].Id.Name);
        Assert.All(logger.Entries, static e => Assert.Equal(LogLevel.Information, e.Level));
        Assert.Contains(" orders ", logger.Entries[0].Message, StringComparison.Ordinal);
        Assert.Equal("orders", logger.Entries[0].State["IndexName"]);
        Assert.StartsWith("The index {IndexName} ({IndexPath}) was opened", (string)logger.Entries[0].State["{OriginalFormat}"]!, StringComparison.Ordinal);

        var quiet = new RecordingLogger { Least = LogLevel.Error };
        HestiaIndex.Open(IndexPath, new IndexOptions().WithLogging(quiet)).Close();
        Assert.Empty(quiet.Entries);
    }

    [Fact]
    public void Numbers_of_events_never_change() => Assert.Equal(
        "Opened 1, Recovered 2, Closed 3, Failed 4, FlushCompleted 10, FlushFailed 11, CompactionCompleted 20, CompactionFailed 21, WriteStalled 30, "
        + "WriteStallEnded 31, PinExpired 40, Suspended 50, Resumed 51, SuspensionExpired 52, DurabilityChanged 60, TimelineBegun 70, ArchiveGap 71, EventsDropped 90",
        string.Join(", ", Enum.GetValues<IndexEventId>().Select(static id => $"{id} {(int)id}")));

    private sealed class CallingListener : IIndexEventListener
    {
        public HestiaIndex? Index { get; set; }

        public ManualResetEventSlim Called { get; } = new();

        public void OnEvent(IndexEvent happened)
        {
            if (happened.Id != IndexEventId.FlushCompleted || Called.IsSet) return;
            Index!.Put("from the listener"u8, "told"u8);
            Index.Flush();
            Called.Set();
            throw new InvalidOperationException("Nobody minds.");
        }
    }

    private sealed class HangingListener : IIndexEventListener
    {
        public ManualResetEventSlim Go { get; } = new();

        public ManualResetEventSlim SawDropped { get; } = new();

        public void OnEvent(IndexEvent happened)
        {
            Go.Wait();
            if (happened.Id == IndexEventId.EventsDropped) SawDropped.Set();
        }
    }

    private sealed class RecordingLogger : ILogger
    {
        public LogLevel Least { get; init; } = LogLevel.Information;

        public List<(EventId Id, LogLevel Level, string Message, Dictionary<string, object?> State)> Entries { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= Least;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Add((eventId, logLevel, formatter(state, exception), ((IEnumerable<KeyValuePair<string, object?>>)state!).ToDictionary()));
    }
}
