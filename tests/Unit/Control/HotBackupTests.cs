using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Control;
using Hestia.Unit.Backup;
using Hestia.Unit.Crashes;

namespace Hestia.Unit.Control;

/// <summary>
/// Backups of an index that another process writes to, flushes and compacts without a pause, with next to no grace period for retired files: only the
/// pin keeps them.
/// </summary>
public sealed class HotBackupTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string IndexPath => _folder["index"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Backups_while_the_owner_writes_and_compacts_are_exact_at_their_lsn()
    {
        using var repository = BackupRepository.Create(_folder["repository"]);
        var history = NewHistory();
        using var child = Start(history);
        var results = new List<BackupResult>();
        for (var i = 0; i < 4; i++)
        {
            // Slow enough for several compactions to pass over it, and two at once.
            var options = new BackupOptions { MaxBytesPerSecond = 512 << 10 };
            var both = new BackupResult?[2];
            Parallel.For(0, 2, n => both[n] = repository.Backup(IndexPath, options));
            results.AddRange(both!);
        }

        var writes = child.Reports.WriteCount;
        Assert.True(child.WaitUntil(r => r.WriteCount > writes), "The writers had stopped.");
        Assert.Equal(0, RemoteIndex.Find(IndexPath)!.GetStatus().Statistics.Pins);
        child.Kill();
        foreach (var result in results)
        {
            Assert.Equal(IndexVia.Endpoint, result.Via);
            CheckExact(repository, result.BackupId, child.Reports);
        }

        output.WriteLine($"{results.Count} backups, {child.Reports.WriteCount} writes, {child.Reports.Compactions} compactions beside them");
    }

    [Fact]
    public void A_killed_owner_leaves_a_backup_that_is_exact_or_none()
    {
        using var repository = BackupRepository.Create(_folder["repository"]);
        var history = NewHistory();
        var random = new Random(CrashSettings.Seed);
        int whole = 0, none = 0;
        for (var round = 0; round < 6; round++)
        {
            using var child = Start(history);
            var before = history.Counters;
            var known = repository.List().Count;
            BackupResult? result = null;
            HestiaException? failure = null;
            var remote = RemoteIndex.Find(IndexPath)!;
            var backup = new Thread(() =>
            {
                try
                {
                    result = repository.Backup(remote, new BackupOptions { MaxBytesPerSecond = 256 << 10 });
                }
                catch (HestiaException e)
                {
                    failure = e;
                }
            });
            backup.Start();
            Thread.Sleep(random.Next(10, 600));
            child.Kill();
            backup.Join();
            // Whoever opens the index next may delete what the owner had kept for the backup.
            history.Verify(CrashKind.Killed, child.Reports, readOnly: false, $"round {round}, seed {CrashSettings.Seed}");
            if (result is not null)
            {
                whole++;
                CheckExact(repository, result.BackupId, child.Reports, before);
            }
            else
            {
                none++;
                Assert.Contains(failure!.Code, (HestiaErrorCode[])[HestiaErrorCode.OwnerLost, HestiaErrorCode.PinExpired, HestiaErrorCode.IndexClosed]);
                Assert.Equal(known, repository.List().Count);
            }
        }

        output.WriteLine($"{whole} backups were complete, {none} failed with their owner");
    }

    [Fact]
    public void A_killed_shell_leaves_no_backup_and_its_pin_does_not_stay()
    {
        BackupRepository.Create(_folder["repository"]).Dispose();
        using var index = Fill(4000);
        using (var shell = new ChildProcess(["backup", IndexPath, _folder["repository"], "20000"]))
        {
            shell.WaitFor("m");
            Assert.True(SpinWait.SpinUntil(() => index.GetStatistics().Pins == 1, TimeSpan.FromSeconds(20)));
            shell.Kill();
        }

        Assert.Equal(1, index.GetStatistics().Pins); // until it is not renewed in time: see ControlEndpointTests
        using var repository = BackupRepository.Open(_folder["repository"]);
        Assert.Empty(repository.List());
        var result = repository.Backup(IndexPath);
        Assert.Equal(index.LastLsn, result.Lsn);
        Assert.Equal(1, index.GetStatistics().Pins);
    }

    [Fact]
    public void The_log_is_shipped_through_the_owner()
    {
        using var repository = BackupRepository.Create(_folder["repository"]);
        using var index = Fill(100);
        repository.Backup(IndexPath);
        for (var round = 1; round <= 3; round++)
        {
            for (var i = 0; i < 50; i++) index.Put(BitConverter.GetBytes(1000 + i), [1, 2, 3]);
            var result = repository.Archive(IndexPath);
            Assert.Equal((IndexVia.Endpoint, index.LastLsn), (result.Via, result.ArchivedLsn));
            Assert.Empty(result.Findings);
        }

        Assert.Equal(0L, repository.Archive(IndexPath).BytesSent);
        Assert.Equal<Lsn?>(index.LastLsn, index.GetStatistics().ArchivedLsn);
        // The next one in this process goes on where that one was, and takes its turn.
        index.Put([9], [9]);
        Assert.Equal(IndexVia.Session, repository.Archive(index).Via);
        var restored = repository.RestoreIndex(index.Id.ToString(), _folder["restored"], new RestoreOptions { ToLatest = true });
        Assert.Equal(index.LastLsn, restored.Lsn);
        Assert.Equal(100UL, index.GetStatus().LastBackup!.Lsn.Value);
        Assert.Equal(0L, repository.Archive(IndexPath, new ArchiveOptions { QueueMaxBytes = 0 }).BytesSent);
        Assert.Null(index.GetStatistics().ArchivedLsn);
    }

    [Fact]
    public void The_log_of_a_writing_owner_is_shipped_without_a_gap()
    {
        using var repository = BackupRepository.Create(_folder["repository"]);
        var history = NewHistory();
        using var child = Start(history);
        repository.Archive(IndexPath); // from here on the owner keeps its log; before, what a flush had taken could be gone before the first shipment
        var backup = repository.Backup(IndexPath);
        var archived = Lsn.None;
        for (var i = 0; i < 5; i++)
        {
            var result = repository.Archive(IndexPath);
            Assert.Equal(IndexVia.Endpoint, result.Via);
            Assert.Empty(result.Findings);
            Assert.True(result.ArchivedLsn >= archived);
            archived = result.ArchivedLsn;
        }

        Assert.True(archived > backup.Lsn);
        child.Kill();
        var id = repository.List()[0].IndexId.ToString();
        var restored = repository.RestoreIndex(id, _folder["restored"], new RestoreOptions { ToLatest = true });
        Assert.Equal(archived, restored.Lsn);
        BackupKillScenario.CheckRestored(_folder["restored"], archived.Value, child.Reports, history.Counters, "shipped");
    }

    private HestiaIndex Fill(int entries)
    {
        var index = HestiaIndex.Create(IndexPath);
        using var batch = new WriteBatch();
        for (var i = 0; i < entries; i++) batch.Put(BitConverter.GetBytes(i), Guid.NewGuid().ToByteArray());
        index.Write(batch);
        return index;
    }

    private CrashHistory NewHistory()
    {
        var history = new CrashHistory(IndexPath, Durability.GroupSync);
        history.Create();
        return history;
    }

    private static WriterProcess Start(CrashHistory history)
    {
        var child = new WriterProcess(history.Path, history.Durability, CrashSettings.Seed, ["jobs=flush,compact"]);
        child.WaitForOpen();
        Assert.True(child.WaitUntil(r => r.Compactions > 1 && r.WriteCount > 200), child.Describe());
        return child;
    }

    private void CheckExact(BackupRepository repository, string id, Reports reports, ulong[]? before = null)
    {
        var scratch = _folder["scratch"];
        var restored = repository.Restore(id, scratch);
        BackupKillScenario.CheckRestored(scratch, restored.Lsn.Value, reports, before ?? new ulong[WriterProcess.Threads], id);
        Directory.Delete(scratch, recursive: true);
    }
}
