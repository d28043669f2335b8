using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Unit.Diagnostics;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.Index;

/// <summary>The durability of an index can be changed, open or closed, and nothing acknowledged is less safe for it.</summary>
public sealed class DurabilityChangeTests : IndexTestBase
{
    public static TheoryData<Durability, Durability> Pairs
    {
        get
        {
            var data = new TheoryData<Durability, Durability>();
            foreach (var from in Enum.GetValues<Durability>())
                foreach (var to in Enum.GetValues<Durability>()) data.Add(from, to);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Every_durability_changes_into_every_other_while_open(Durability from, Durability to)
    {
        var listener = new RecordingListener();
        using (var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = from }, Small with { EventListener = listener }))
        {
            for (var i = 0; i < 100; i++) index.Put(Key(i), Key(i));
            Assert.Equal(new DurabilityChange(from, to, from == to ? null : new Lsn(100)), index.SetDurability(to));
            Assert.Equal(to, index.Durability);
            Assert.Equal(to, index.Settings.Durability);
            Assert.Equal(new Lsn(from == to ? 0u : 100u), index.Checkpoint);
            for (var i = 100; i < 200; i++) index.Put(Key(i), Key(i));
            Assert.True(index.Check().Healthy);

            // What a killed process leaves: all of it where there is a log, the flushed part where there is none.
            var copy = CopyAsIs(index, "killed");
            var check = IndexChecker.Check(copy);
            Assert.True(check.Healthy, string.Join("; ", check.Findings));
            using var opened = HestiaIndex.Open(copy);
            Assert.Equal(to, opened.Durability);
            Assert.Equal(new Lsn(to != Durability.Off ? 200u : from == Durability.Off ? 0u : 100u), opened.LastLsn);
            for (var i = 0; i < (int)opened.LastLsn.Value; i++) Assert.Equal(Key(i), opened.Get(Key(i)));
        }

        Assert.Equal(from == to ? 0 : 1, listener.Ids.Count(static id => id == IndexEventId.DurabilityChanged));
        using (var index = HestiaIndex.Open(IndexPath))
        {
            Assert.Equal(to, index.Durability);
            Assert.Equal(new Lsn(200), index.LastLsn);
            Assert.Empty(index.Recovery.Notices);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Every_durability_changes_into_every_other_while_closed(Durability from, Durability to)
    {
        var crashed = Path.Combine(Root, "killed");
        using (var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = from }))
        {
            index.Put("flushed"u8, "1"u8);
            index.Flush();
            index.Put("in the log"u8, "1"u8);
            CopyAsIs(index, "killed");
        }

        foreach (var path in (string[])[IndexPath, crashed])
        {
            Assert.Equal(new DurabilityChange(from, to, null), HestiaIndex.SetDurability(path, to));
            Assert.True(IndexChecker.Check(path).Healthy);
            using var index = HestiaIndex.Open(path);
            Assert.Equal(to, index.Durability);
            Assert.Equal(path == crashed && from == Durability.Off ? null : "1"u8.ToArray(), index.Get("in the log"u8));
            index.Put("later"u8, "1"u8);
        }
    }

    [Fact]
    public void Writers_go_on_and_nothing_acknowledged_is_lost_when_it_changes_under_them()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small);
        var acknowledged = new int[4];
        using var stop = new CancellationTokenSource();
        var writers = new Thread[acknowledged.Length];
        for (var t = 0; t < writers.Length; t++)
        {
            var own = t;
            writers[t] = new Thread(() =>
            {
                for (; !stop.IsCancellationRequested; acknowledged[own]++) index.Put(Bytes($"{own}/{acknowledged[own]:D6}"), new byte[50]);
            });
            writers[t].Start();
        }

        foreach (var durability in (Durability[])[Durability.GroupSync, Durability.Off, Durability.Async, Durability.Sync])
        {
            Thread.Sleep(50);
            index.SetDurability(durability);
        }

        Thread.Sleep(50);
        stop.Cancel();
        foreach (var writer in writers) writer.Join();
        using var opened = HestiaIndex.Open(CopyAsIs(index, "killed"));
        Assert.Equal(Durability.Sync, opened.Durability);
        for (var t = 0; t < acknowledged.Length; t++)
            for (var i = 0; i < acknowledged[t]; i++) Assert.NotNull(opened.Get(Bytes($"{t}/{i:D6}")));
    }

    [Fact]
    public void Refused_change_changes_nothing()
    {
        var disk = new SimulatedDisk(7);
        var files = new SimulatedFileSystem(disk);
        files.CreateDirectory("/disk");
        using (var index = HestiaIndex.Create("/disk/index", new IndexSettings { Durability = Durability.Off },
            new IndexOptions { FileSystem = files, Scheduler = new SimulatedScheduler(new Random(1)) }))
        {
            index.Put("a"u8, "1"u8);
            disk.Fault = static (call, path) => call == DiskCall.Create && path.Contains("index.json", StringComparison.Ordinal)
                ? IOErrors.FromErrno(28, "planted: no space") : null;
            Assert.Equal(HestiaErrorCode.DiskFull, Assert.Throws<HestiaException>(() => index.SetDurability(Durability.Sync)).Code);
            Assert.Equal(Durability.Off, index.Durability);
            disk.Fault = null;
            index.Put("b"u8, "2"u8);
            index.Flush();
            Assert.Equal(Durability.Off, new IndexOptionsProbe(files).Stored);
            index.SetDurability(Durability.Sync);
            index.Put("c"u8, "3"u8);
            Assert.Equal(HestiaErrorCode.InvalidOption, Assert.Throws<HestiaException>(() => index.SetDurability((Durability)9)).Code);
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => HestiaIndex.SetDurability(files, "/disk/index", Durability.Off)).Code);
        }

        using var opened = HestiaIndex.Open("/disk/index", new IndexOptions { FileSystem = files, Scheduler = new SimulatedScheduler(new Random(1)) });
        Assert.Equal(Durability.Sync, opened.Durability);
        Assert.Equal("3"u8.ToArray(), opened.Get("c"u8));
    }

    [Fact]
    public void What_a_session_asked_for_makes_way()
    {
        HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Sync }).Close();
        using (var index = HestiaIndex.Open(IndexPath, new IndexOptions { Durability = Durability.Off }))
        {
            Assert.Equal(new DurabilityChange(Durability.Off, Durability.Sync, Lsn.None), index.SetDurability(Durability.Sync));
            Assert.Equal(Durability.Sync, index.Durability);
            index.SetDurability(Durability.Async);
        }

        using var opened = HestiaIndex.Open(IndexPath);
        Assert.Equal(Durability.Async, opened.Durability);
    }

    [Fact]
    public void Index_that_is_no_index_is_named()
    {
        Assert.Equal(HestiaErrorCode.PathNotFound, Assert.Throws<HestiaException>(() => HestiaIndex.SetDurability(IndexPath, Durability.Sync)).Code);
        Assert.Equal(HestiaErrorCode.NotAnIndex, Assert.Throws<HestiaException>(() => HestiaIndex.SetDurability(Root, Durability.Sync)).Code);
    }

    private sealed class IndexOptionsProbe(FileSystem files)
    {
        public Durability Stored => Hestia.Core.Manifest.IndexSettingsFile.Read(files, "/disk/index").Settings.Durability;
    }
}
