using System.Text;
using Hestia.Core;
using Hestia.Core.Consistency;

namespace Hestia.Unit.Simulation;

/// <summary>
/// One fixed run that goes through flush, compaction, log rotation, manifest changes, deletion of retired files, close and recovery, with the
/// power cut at each of its calls in turn, and each of its calls failing in turn.
/// </summary>
public sealed class EveryCallTests
{
    private const string Path = "/disk/index";
    private const int Rounds = 12;
    private const int WritesPerRound = 25;

    [Theory]
    [InlineData(Durability.Sync, 0.0)]
    [InlineData(Durability.Sync, 0.5)]
    [InlineData(Durability.Sync, 1.0)]
    [InlineData(Durability.Async, 0.5)]
    [InlineData(Durability.Off, 0.5)]
    public void Power_cut_at_every_call_leaves_an_index_that_opens_with_everything_promised(Durability durability, double survival)
    {
        var complete = new Run(durability, seed: 1);
        complete.Go();
        Assert.True(complete.Finished);
        Assert.True(complete.Disk.Calls > 150, $"the run makes only {complete.Disk.Calls} calls");
        for (var at = 0; at < complete.Disk.Calls; at++)
        {
            var run = new Run(durability, seed: at) { Disk = { CrashAt = at, Survival = survival } };
            run.Go();
            Assert.False(run.Finished);
            run.Recover($"power cut at call {at}, survival {survival}");
        }
    }

    [Theory]
    [InlineData(Durability.Sync, 5)]
    [InlineData(Durability.Sync, 28)]
    [InlineData(Durability.Async, 5)]
    public void Failure_of_every_call_loses_nothing_promised(Durability durability, int errno)
    {
        var complete = new Run(durability, seed: 1);
        complete.Go();
        const int OwnCalls = 2; // the test's own folder
        for (var at = OwnCalls; at < complete.Disk.Calls; at++)
        {
            var run = new Run(durability, seed: at);
            var disk = run.Disk;
            disk.Fault = (call, path) =>
            {
                if (disk.Calls != at + 1 || call is DiskCall.Read or DiskCall.Open or DiskCall.List) return null;
                var cause = (IOException)Hestia.Core.IO.IOErrors.FromErrno(errno, $"planted on {call} of {path}");
                return call == DiskCall.SyncDirectory ? new Hestia.Core.IO.SyncFailedException(cause.Message, cause) : cause;
            };
            run.Go();
            disk.Survival = 0.5;
            run.Recover($"call {at} fails with errno {errno}");
        }
    }

    private sealed class Run(Durability durability, int seed)
    {
        private ulong _promised;
        private ulong _attempted;
        private bool _created;

        public SimulatedDisk Disk { get; } = new(seed);

        public bool Finished { get; private set; }

        private IndexOptions Options() => new()
        {
            MemtableBytes = 64 << 10,
            Level0Trigger = 2,
            Level1Bytes = 16 << 10,
            SegmentBytes = 4 << 10,
            RetiredBytes = 64 << 10,
            CacheBytes = 0,
            FileSystem = new SimulatedFileSystem(Disk),
            Scheduler = new SimulatedScheduler(new Random(7)),
        };

        public void Go()
        {
            HestiaIndex? index = null;
            try
            {
                var files = new SimulatedFileSystem(Disk);
                files.CreateDirectory("/disk");
                files.SyncDirectory("/");
                index = HestiaIndex.Create(Path, new IndexSettings { Durability = durability, BlockBytes = 1024 }, Options());
                _created = true;
                for (var round = 0; round < Rounds; round++)
                {
                    for (var i = 0; i < WritesPerRound; i++) Write(index);
                    if (round % 3 == 0) Promise(index.Flush().Checkpoint);
                    if (round == 5) index.Compact();
                    if (round % 4 != 3) continue;
                    var last = index.LastLsn;
                    index.Close();
                    Promise(last);
                    index = HestiaIndex.Open(Path, Options());
                }

                index.Close();
                Finished = true;
            }
            catch (PowerLossException)
            {
                // as planned
            }
            catch (HestiaException)
            {
                // the planned crash or failure, as the engine tells it
            }
        }

        public void Recover(string what)
        {
            Disk.PowerOff();
            Disk.PowerOn();
            if (!_created)
            {
                // Whatever is there of it, creating it again completes it or says that it is there.
                var files = new SimulatedFileSystem(Disk);
                if (!files.DirectoryExists("/disk")) return;
                if (!files.FileExists(System.IO.Path.Combine(Path, "index.json"))) HestiaIndex.Create(Path, new IndexSettings(), Options()).Dispose();
            }

            using var index = HestiaIndex.Open(Path, Options());
            var last = index.LastLsn.Value;
            Assert.True(last >= _promised, $"{what}: {_promised} was promised, {last} is there");
            Assert.True(last <= _attempted, $"{what}: {last} is there, {_attempted} was the last attempted");
            Assert.True(last % 2 == 0, $"{what}: half a batch is there");
            var expected = new SortedDictionary<string, string>(StringComparer.Ordinal);
            for (ulong lsn = 2; lsn <= last; lsn += 2)
            {
                expected[KeyOf(lsn)] = $"{lsn}";
                if (lsn % 10 == 0) expected.Remove(OtherKeyOf(lsn));
                else expected[OtherKeyOf(lsn)] = $"{lsn}";
            }

            using (var cursor = index.Scan())
            {
                foreach (var (key, value) in expected)
                {
                    Assert.True(cursor.MoveNext(), what);
                    Assert.Equal(key, Encoding.UTF8.GetString(cursor.Key));
                    Assert.StartsWith(value + " ", Encoding.UTF8.GetString(cursor.Value), StringComparison.Ordinal);
                }

                Assert.False(cursor.MoveNext(), what);
            }

            index.Close();
            var report = IndexChecker.Check(new SimulatedFileSystem(Disk), Path, new CheckOptions { Deep = true });
            Assert.True(report.Healthy, $"{what}: {string.Join("; ", report.Findings)}");
        }

        private static string KeyOf(ulong lsn) => $"a{lsn % 74:D4}";

        private static string OtherKeyOf(ulong lsn) => $"b{lsn % 46:D4}";

        private void Write(HestiaIndex index)
        {
            using var batch = new WriteBatch();
            var lsn = _attempted + 2;
            var value = Encoding.UTF8.GetBytes($"{lsn} {new string('x', 300)}");
            batch.Put(Encoding.UTF8.GetBytes(KeyOf(lsn)), value);
            if (lsn % 10 == 0) batch.Delete(Encoding.UTF8.GetBytes(OtherKeyOf(lsn)));
            else batch.Put(Encoding.UTF8.GetBytes(OtherKeyOf(lsn)), value);
            _attempted = lsn;
            Assert.Equal(lsn, index.Write(batch).Value);
            if (durability is Durability.Sync or Durability.GroupSync) Promise(new Lsn(lsn));
        }

        private void Promise(Lsn lsn) => _promised = Math.Max(_promised, lsn.Value);
    }
}
