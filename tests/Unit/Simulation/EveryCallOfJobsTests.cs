using System.Text;
using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Repair;

namespace Hestia.Unit.Simulation;

/// <summary>
/// One fixed run through backup, repair of an index whose process was killed and whose newest manifest was damaged, incremental backup, restore to
/// a new place and restore over an index, with the power cut at each of its calls in turn, and each of its calls failing in turn.
/// </summary>
public sealed class EveryCallOfJobsTests
{
    private const string IndexPath = "/disk/index";
    private const string RepositoryPath = "/disk/repository";
    private const string TargetPath = "/disk/target";

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.5)]
    [InlineData(1.0)]
    public void Power_cut_at_every_call_of_backup_repair_and_restore_loses_nothing(double survival)
    {
        var complete = new Run(seed: 1);
        complete.Go();
        Assert.True(complete.Finished);
        Assert.True(complete.Disk.Calls > 250, $"the run makes only {complete.Disk.Calls} calls");
        for (var at = 0; at < complete.Disk.Calls; at++)
        {
            var run = new Run(seed: at) { Disk = { CrashAt = at, Survival = survival } };
            run.Go();
            Assert.False(run.Finished);
            run.Recover($"power cut at call {at}, survival {survival}");
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{complete.Disk.Calls} calls");
    }

    [Theory]
    [InlineData(5)]
    [InlineData(28)]
    public void Failure_of_every_call_of_backup_repair_and_restore_loses_nothing(int errno)
    {
        var complete = new Run(seed: 1);
        complete.Go();
        const int OwnCalls = 2; // the test's own folder
        for (var at = OwnCalls; at < complete.Disk.Calls; at++)
        {
            var run = new Run(seed: at);
            var disk = run.Disk;
            disk.Fault = (call, path) =>
            {
                if (disk.Calls != at + 1 || call is DiskCall.Read or DiskCall.Open or DiskCall.List) return null;
                var cause = (IOException)IOErrors.FromErrno(errno, $"planted on {call} of {path}");
                return call == DiskCall.SyncDirectory ? new SyncFailedException(cause.Message, cause) : cause;
            };
            run.Go();
            disk.Survival = 0.5;
            run.Recover($"call {at} fails with errno {errno}");
        }
    }

    private sealed class Run(int seed)
    {
        private readonly List<string> _finished = []; // backups
        private readonly Dictionary<string, ulong> _lsns = [];
        private ulong _promised;
        private ulong _attempted;
        private bool _created;
        private bool _damaged;
        private bool _hasRepository;

        public SimulatedDisk Disk { get; } = new(seed);

        public bool Finished { get; private set; }

        private SimulatedFileSystem Files => new(Disk);

        private IndexOptions Options() => new()
        {
            MemtableBytes = 64 << 10,
            Level0Trigger = 2,
            Level1Bytes = 64 << 10,
            SegmentBytes = 16 << 10,
            RetiredAge = TimeSpan.FromDays(1),
            RetiredBytes = 1 << 30,
            CacheBytes = 0,
            FileSystem = Files,
            Scheduler = new SimulatedScheduler(new Random(7)),
        };

        public void Go()
        {
            try
            {
                var files = Files;
                files.CreateDirectory("/disk");
                files.SyncDirectory("/");
                var index = HestiaIndex.Create(IndexPath, new IndexSettings { BlockBytes = 1024 }, Options());
                _created = true;
                BackupRepository.Create(RepositoryPath, files).Dispose();
                _hasRepository = true;
                Write(index, 20);
                Backup(index);
                Write(index, 20);
                index.Flush();
                Write(index, 10);

                var fault = Disk.Fault;
                Disk.KillProcess(keepPlans: true);
                DamageNewestManifest();
                var report = IndexRepairer.Repair(Files, IndexPath);
                Assert.True(report.Changed);
                Assert.Empty(report.Lost);
                Assert.Same(fault, Disk.Fault);

                index = HestiaIndex.Open(IndexPath, Options());
                Assert.Equal(_attempted, index.LastLsn.Value);
                Write(index, 20);
                index.Compact();
                Backup(index);
                index.Close();
                Restore(_finished[0]);
                Restore(_finished[1]);
                Finished = true;
            }
            catch (PowerLossException)
            {
                // as planned
            }
            catch (HestiaException)
            {
                // the planned crash or failure, as it is told
            }
        }

        public void Recover(string what)
        {
            Disk.PowerOff();
            Disk.PowerOn();
            if (!_created) return; // EveryCallTests
            if (_damaged)
            {
                var report = IndexRepairer.Repair(Files, IndexPath);
                Assert.True(report.Lost.Count == 0, $"{what}: {string.Join("; ", report.Lost.Select(static l => l.Message))}");
                Assert.False(IndexRepairer.Repair(Files, IndexPath).Changed, $"{what}: repairing again changes something");
            }

            using (var index = HestiaIndex.Open(IndexPath, Options()))
            {
                var last = index.LastLsn.Value;
                Assert.True(last >= _promised, $"{what}: {_promised} was promised, {last} is there");
                Assert.True(last <= _attempted, $"{what}: {last} is there, {_attempted} was the last attempted");
                Compare(index, last, what);
            }

            var check = IndexChecker.Check(Files, IndexPath, new CheckOptions { Deep = true });
            Assert.True(check.Healthy, $"{what}: {string.Join("; ", check.Findings)}");
            if (!_hasRepository) return;
            using var repository = BackupRepository.Open(RepositoryPath, Files);
            var listed = repository.List();
            foreach (var id in _finished) Assert.True(listed.Any(b => b.BackupId == id), $"{what}: the finished backup {id} is not listed");
            foreach (var backup in listed)
            {
                var verified = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true, Parallelism = 1 });
                Assert.True(verified.Healthy, $"{what}: {string.Join("; ", verified.Findings)}");
                _lsns[backup.BackupId] = backup.Lsn.Value;
            }

            if (Files.FileExists(Path.Combine(TargetPath, "index.json"))) CompareTarget(listed.Select(static b => b.Lsn.Value), what);
            if (_finished.Count == 0) return;
            Restore(_finished[^1]);
            Assert.True(IndexChecker.Check(Files, TargetPath, new CheckOptions { Deep = true }).Healthy, what);
        }

        private void Write(HestiaIndex index, int count)
        {
            for (var i = 0; i < count; i++)
            {
                var lsn = _attempted + 1;
                var key = Encoding.UTF8.GetBytes(KeyOf(lsn));
                _attempted = lsn;
                Assert.Equal(lsn, (lsn % 7 == 0 ? index.Delete(key) : index.Put(key, ValueOf(lsn))).Value);
                _promised = lsn;
            }
        }

        private void Backup(HestiaIndex index)
        {
            using var repository = BackupRepository.Open(RepositoryPath, Files);
            var result = repository.Backup(index, new BackupOptions { Parallelism = 1 });
            _finished.Add(result.BackupId);
            _lsns[result.BackupId] = result.Lsn.Value;
        }

        private void Restore(string id)
        {
            using var repository = BackupRepository.Open(RepositoryPath, Files);
            repository.Restore(id, TargetPath, new RestoreOptions { Force = true, Parallelism = 1 });
            CompareTarget([_lsns[id]], $"restore of {id}");
        }

        /// <summary>Of the process that was killed there is an unfinished log; and the disk has lost a sector of the newest manifest.</summary>
        private void DamageNewestManifest()
        {
            var newest = Disk.Find(IndexPath + "/manifest")!.Names.Last(static name => !name.Value.IsDirectory).Value;
            newest.Write(newest.Length / 2, new byte[16]);
            newest.Sync();
            _damaged = true;
        }

        private void CompareTarget(IEnumerable<ulong> allowed, string what)
        {
            using var target = HestiaIndex.Open(TargetPath, Options() with { ReadOnly = true });
            var last = target.LastLsn.Value;
            Assert.True(allowed.Contains(last), $"{what}: the target is at {last}, as no backup was");
            Compare(target, last, what);
        }

        private static void Compare(HestiaIndex index, ulong last, string what)
        {
            var expected = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
            for (ulong lsn = 1; lsn <= last; lsn++)
            {
                if (lsn % 7 == 0) expected.Remove(KeyOf(lsn));
                else expected[KeyOf(lsn)] = ValueOf(lsn);
            }

            using var cursor = index.Scan();
            foreach (var (key, value) in expected)
            {
                Assert.True(cursor.MoveNext(), what);
                Assert.Equal(key, Encoding.UTF8.GetString(cursor.Key));
                Assert.True(cursor.Value.SequenceEqual(value), what);
            }

            Assert.False(cursor.MoveNext(), what);
        }

        private static string KeyOf(ulong lsn) => $"k{lsn * 5 % 37:D4}";

        private static byte[] ValueOf(ulong lsn) => Encoding.UTF8.GetBytes($"{lsn} {new string('x', 120)}");
    }
}
