using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.Suspending;
using Hestia.Unit.Diagnostics;
using Hestia.Unit.Index;

namespace Hestia.Unit.Suspending;

/// <summary>While an index is suspended nothing in its directory changes, writers wait and reads go on; and it always ends.</summary>
public sealed class SuspensionTests : IndexTestBase
{
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(5);

    private readonly RecordingListener _listener = new();

    [Theory]
    [InlineData(Durability.Sync)]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Async)]
    [InlineData(Durability.Off)]
    public void Copy_taken_meanwhile_is_of_one_moment(Durability durability)
    {
        // Files retire at once, so that deletions would show as well.
        var options = Small with { RetiredAge = TimeSpan.Zero, RetiredBytes = 0 };
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = durability }, options);
        using var stop = new CancellationTokenSource();
        var written = new int[3];
        var writers = new Thread[written.Length];
        for (var t = 0; t < writers.Length; t++)
        {
            var own = t;
            writers[t] = new Thread(() =>
            {
                for (; !stop.IsCancellationRequested; written[own]++) index.Put(Bytes($"{own}/{written[own]:D8}"), new byte[200]);
            });
            writers[t].Start();
        }

        var compacting = new Thread(() =>
        {
            while (!stop.IsCancellationRequested) index.Compact();
        });
        compacting.Start();
        try
        {
            for (var round = 0; round < 6; round++)
            {
                Thread.Sleep(round * 30);
                var info = index.Suspend(s_long);
                Assert.Equal(info.Lsn, index.LastLsn);
                var before = Listing();
                var copy = Path.Combine(Root, $"copy-{round}");
                CopyDirectory(IndexPath, copy);
                Thread.Sleep(100);
                Assert.NotNull(index.Get(Bytes("0/00000000")));
                Assert.True(index.Check().Healthy);
                Assert.Equal(new FlushResult(0, 0, info.Lsn, TimeSpan.Zero), index.Flush());
                Assert.Equal(info.Lsn, index.LastLsn);
                var after = Listing();
                Assert.Equal(before, after);
                var result = index.Resume();
                Assert.Equal((info.Lsn, info.Began, SuspensionEnd.Resumed), (result.Lsn, result.Began, result.End));

                var check = IndexChecker.Check(copy, new CheckOptions { Deep = true });
                Assert.True(check.Healthy, string.Join("; ", check.Findings));
                using var opened = HestiaIndex.Open(copy);
                Assert.Empty(opened.Recovery.Notices);
                Assert.Equal(info.Lsn, opened.LastLsn);
                Assert.Equal(info.Lsn, opened.Checkpoint);
                var at = index.LastLsn;
                Assert.True(SpinWait.SpinUntil(() => index.LastLsn > at, TimeSpan.FromSeconds(30)), "The writers do not go on.");
            }
        }
        finally
        {
            stop.Cancel();
            foreach (var writer in writers) writer.Join();
            compacting.Join();
        }

        for (var t = 0; t < written.Length; t++)
            Assert.Equal(written[t], CountPrefix(index, t));
    }

    [Fact]
    public void Time_limit_ends_it_and_says_so()
    {
        using var index = HestiaIndex.Create(IndexPath, options: new IndexOptions { EventListener = _listener });
        index.Put("a"u8, "1"u8);
        var info = index.Suspend(TimeSpan.FromMilliseconds(300));
        Assert.Equal(info, index.Suspension);
        Assert.Equal(info.Until, index.GetStatistics().SuspendedUntil);
        var clock = Stopwatch.StartNew();
        index.Put("b"u8, "2"u8); // waits for its end
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(30));
        Assert.Null(index.Suspension);
        var told = _listener.Await(IndexEventId.SuspensionExpired);
        Assert.Equal(IndexEventLevel.Warning, told.Level);
        var result = index.Resume();
        Assert.True(result.Expired);
        Assert.Equal(info.Lsn, result.Lsn);
        Assert.InRange(result.Duration, TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(30));
        Assert.Equal(HestiaErrorCode.IndexNotSuspended, Assert.Throws<HestiaException>(() => index.Resume()).Code);
        Assert.Equal([IndexEventId.Suspended, IndexEventId.SuspensionExpired], _listener.Ids.Where(static id => id.ToString().StartsWith("Suspen", StringComparison.Ordinal)));
    }

    [Fact]
    public void Writers_that_have_no_more_time_are_refused_in_order_and_nothing_of_them_is_there()
    {
        using var index = HestiaIndex.Create(IndexPath, options: new IndexOptions { WriteTimeout = TimeSpan.FromMilliseconds(400) });
        index.Put("a"u8, "1"u8);
        index.Suspend(s_long);
        var clock = Stopwatch.StartNew();
        var refused = 0;
        var writers = new Thread[4];
        for (var t = 0; t < writers.Length; t++)
        {
            var own = t;
            writers[t] = new Thread(() =>
            {
                Thread.Sleep(own * 50);
                var e = Assert.Throws<HestiaException>(() => index.Put(Bytes($"late {own}"), "x"u8));
                if (e.Code == HestiaErrorCode.TimedOut && e.Message.Contains("suspension", StringComparison.Ordinal)) Interlocked.Increment(ref refused);
            });
            writers[t].Start();
        }

        foreach (var writer in writers) Assert.True(writer.Join(TimeSpan.FromSeconds(30)));
        Assert.Equal(4, refused);
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(350), TimeSpan.FromSeconds(20));
        index.Resume();
        Assert.Equal(new Lsn(2), index.Put("b"u8, "2"u8));
        for (var t = 0; t < writers.Length; t++) Assert.Null(index.Get(Bytes($"late {t}")));
    }

    [Fact]
    public void Writer_is_refused_when_flush_makes_no_room_in_its_time()
    {
        var disk = new Hestia.Unit.Simulation.SimulatedDisk(1);
        var files = new Hestia.Unit.Simulation.SimulatedFileSystem(disk);
        files.CreateDirectory("/disk");
        var options = new IndexOptions
        {
            FileSystem = files, MemtableBytes = 64 << 10, MaxMemtables = 2, WriteTimeout = TimeSpan.FromMilliseconds(300), EventListener = _listener,
        };
        using var index = HestiaIndex.Create("/disk/index", new IndexSettings { Durability = Durability.Off }, options);
        using var hold = new ManualResetEventSlim(false);
        disk.Observer = (call, path) =>
        {
            if (call == Hestia.Unit.Simulation.DiskCall.Create && path.Contains("segments", StringComparison.Ordinal)) hold.Wait();
        };
        var e = Assert.Throws<HestiaException>(() =>
        {
            for (var i = 0; i < 50; i++) index.Put(Key(i), new byte[30_000]);
        });
        Assert.Equal(HestiaErrorCode.TimedOut, e.Code);
        hold.Set();
        index.Flush();
        index.Put("later"u8, "1"u8);
    }

    [Fact]
    public void Closing_ends_it_refuses_the_writers_and_touches_nothing_a_copy_needs()
    {
        var options = Small with { RetiredAge = TimeSpan.Zero, RetiredBytes = 0, EventListener = _listener };
        var index = HestiaIndex.Create(IndexPath, options: options);
        for (var i = 0; i < 3000; i++) index.Put(Key(i), new byte[100]);
        var info = index.Suspend(s_long);
        var before = Listing();
        HestiaException? refused = null;
        var writer = new Thread(() => refused = Assert.Throws<HestiaException>(() => index.Put("late"u8, "1"u8)));
        writer.Start();
        Thread.Sleep(100);
        index.Close();
        Assert.True(writer.Join(TimeSpan.FromSeconds(30)));
        Assert.Equal(HestiaErrorCode.IndexClosed, refused!.Code);
        Assert.Equal(before, Listing());
        Assert.Contains(_listener.Events, static e => e.Id == IndexEventId.Resumed && e.Values.Any(static v => v is { Key: "How", Value: SuspensionEnd.Closed }));
        Assert.Equal(HestiaErrorCode.IndexClosed, Assert.Throws<HestiaException>(() => index.Resume()).Code);
        using var opened = HestiaIndex.Open(IndexPath);
        Assert.Equal(info.Lsn, opened.LastLsn);
        Assert.Empty(opened.Recovery.Notices);
    }

    [Fact]
    public void Resume_that_names_its_suspension_leaves_another_alone()
    {
        using var index = HestiaIndex.Create(IndexPath);
        var first = index.Suspend(TimeSpan.FromMilliseconds(200));
        index.Put("a"u8, "1"u8); // waits for its end
        var second = index.Suspend(s_long);
        var late = index.Resume(first.Began);
        Assert.True(late.Expired);
        Assert.Equal((first.Lsn, first.Began), (late.Lsn, late.Began));
        Assert.Equal(second, index.Suspension);
        var e = Assert.Throws<HestiaException>(() => index.Resume(first.Began));
        Assert.Equal(HestiaErrorCode.IndexNotSuspended, e.Code);
        Assert.Contains($"{second.Until:u}", e.Message, StringComparison.Ordinal);
        Assert.Equal(second, index.Suspension);
        var ended = Hestia.Core.Control.RemoteIndex.Find(IndexPath)!.Resume(second.Began);
        Assert.Equal((second.Lsn, second.Began, SuspensionEnd.Resumed), (ended.Lsn, ended.Began, ended.End));
        Assert.Equal(HestiaErrorCode.IndexNotSuspended, Assert.Throws<HestiaException>(() => index.Resume()).Code);
    }

    [Theory]
    [InlineData("durability")]
    [InlineData("timeline")]
    [InlineData("archive")]
    public void What_waits_for_its_end_holds_up_no_writer_beyond_its_time_and_can_be_cancelled(string what)
    {
        using var index = HestiaIndex.Create(IndexPath, options: new IndexOptions { WriteTimeout = TimeSpan.FromMilliseconds(500) });
        index.Put("a"u8, "1"u8);
        var (durability, timeline) = (index.Durability, index.Timeline);
        index.Suspend(TimeSpan.FromSeconds(30));
        using var cancel = new CancellationTokenSource();
        void Change(CancellationToken token)
        {
            if (what == "durability") index.SetDurability(Durability.Off, token);
            else if (what == "timeline") index.BeginTimeline(detached: false, token);
            else index.Archive.Save(Hestia.Core.Archiving.ArchiveKeeper.NewState(index.Id, index.Path), token);
        }

        var clock = Stopwatch.StartNew();
        Exception? ended = null;
        var changing = new Thread(() => ended = Record.Exception(() => Change(cancel.Token)));
        changing.Start();
        Thread.Sleep(200);
        Assert.Equal(HestiaErrorCode.TimedOut, Assert.Throws<HestiaException>(() => index.Put("b"u8, "2"u8)).Code);
        cancel.Cancel();
        Assert.True(changing.Join(TimeSpan.FromSeconds(40)));
        Assert.IsAssignableFrom<OperationCanceledException>(ended);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(15), $"It took {clock.Elapsed}.");
        Assert.Equal((durability, timeline), (index.Durability, index.Timeline));
        Assert.Null(index.Archive.State);
        Assert.NotNull(index.Suspension);

        changing = new Thread(() => ended = Record.Exception(() => Change(CancellationToken.None)));
        changing.Start();
        Thread.Sleep(100);
        index.Resume();
        Assert.True(changing.Join(TimeSpan.FromSeconds(30)));
        Assert.Null(ended);
        if (what == "durability") Assert.Equal(Durability.Off, index.Durability);
        else if (what == "timeline") Assert.NotEqual(timeline, index.Timeline);
        else Assert.NotNull(index.Archive.State);
        index.Put("b"u8, "2"u8);
    }

    [Fact]
    public void Second_suspension_is_refused_and_says_until_when()
    {
        using var index = HestiaIndex.Create(IndexPath);
        var info = index.Suspend(s_long);
        var e = Assert.Throws<HestiaException>(() => index.Suspend(s_long));
        Assert.Equal(HestiaErrorCode.IndexSuspended, e.Code);
        Assert.Contains($"{info.Until:u}", e.Message, StringComparison.Ordinal);
        Assert.Equal(info, index.Suspension);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(25 * 3600)]
    public void Times_that_make_no_sense_are_refused(int seconds)
    {
        using var index = HestiaIndex.Create(IndexPath);
        Assert.Equal(HestiaErrorCode.InvalidOption, Assert.Throws<HestiaException>(() => index.Suspend(TimeSpan.FromSeconds(seconds))).Code);
        Assert.Null(index.Suspension);
        index.Put("a"u8, "1"u8);
    }

    [Fact]
    public void Read_only_session_cannot_be_suspended()
    {
        HestiaIndex.Create(IndexPath).Close();
        using var index = HestiaIndex.Open(IndexPath, new IndexOptions { ReadOnly = true });
        Assert.Equal(HestiaErrorCode.IndexReadOnly, Assert.Throws<HestiaException>(() => index.Suspend(s_long)).Code);
        Assert.Equal(HestiaErrorCode.IndexNotSuspended, Assert.Throws<HestiaException>(() => index.Resume()).Code);
    }

    [Fact]
    public void Disk_that_is_full_suspends_nothing()
    {
        var disk = new Hestia.Unit.Simulation.SimulatedDisk(1);
        var files = new Hestia.Unit.Simulation.SimulatedFileSystem(disk);
        files.CreateDirectory("/disk");
        using var index = HestiaIndex.Create(
            "/disk/index", options: new IndexOptions { FileSystem = files, Scheduler = new Hestia.Unit.Simulation.SimulatedScheduler(new Random(1)) });
        index.Put("a"u8, "1"u8);
        disk.Fault = static (call, path) => call == Hestia.Unit.Simulation.DiskCall.Create && path.Contains("segments", StringComparison.Ordinal)
            ? Hestia.Core.IO.IOErrors.FromErrno(28, "planted: no space") : null;
        Assert.Equal(HestiaErrorCode.DiskFull, Assert.Throws<HestiaException>(() => index.Suspend(s_long)).Code);
        Assert.Null(index.Suspension);
        index.Put("b"u8, "2"u8);
        disk.Fault = null;
        Assert.Equal(new Lsn(2), index.Suspend(s_long).Lsn);
    }

    /// <summary>Names, lengths, times and bytes of everything, the lock's body included.</summary>
    private List<string> Listing()
    {
        var result = new List<string>();
        foreach (var file in Directory.EnumerateFiles(IndexPath, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (Path.GetFileName(file) == Hestia.Core.IO.FileNames.ControlSocket) continue; // no file
            var info = new FileInfo(file);
            using var stream = Hestia.Core.IO.FileSystem.Physical.Open(file, Hestia.Core.IO.FileOpenMode.ReadSequential);
            var bytes = new byte[stream.Length];
            stream.Read(0, bytes);
            result.Add($"{file} {info.Length} {info.LastWriteTimeUtc:O} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes))}");
        }

        return result;
    }

    private static int CountPrefix(HestiaIndex index, int thread)
    {
        var count = 0;
        using var cursor = index.Scan();
        while (cursor.MoveNext())
            if (cursor.Key[0] == '0' + thread) count++;
        return count;
    }
}
