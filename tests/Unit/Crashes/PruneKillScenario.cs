using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.CrashWriter;

namespace Hestia.Unit.Crashes;

/// <summary>
/// A process writes, compacts, backs up, removes and prunes, this one prunes the same repository beside it, and the other is killed at a
/// random moment. Every backup that can be seen verifies byte by byte and restores; the next prune leaves nothing that nobody names.
/// </summary>
internal static class PruneKillScenario
{
    /// <returns>One line that says what was done.</returns>
    public static string Run(int rounds, int seed)
    {
        var root = CrashSettings.NewFolder();
        try
        {
            var history = new CrashHistory(Path.Combine(root, "index"), Durability.Off);
            history.Create();
            using var repository = BackupRepository.Create(Path.Combine(root, "repository"));
            var random = new Random(seed);
            int duringBackup = 0, duringPrune = 0, verified = 0, prunes = 0, unnamed = 0;
            var removed = 0L;
            for (var done = 0; done < rounds; done++)
            {
                var where = $"backups and prunes, seed {seed}, round {done}";
                var reports = Round(history, random, repository, ref prunes, ref removed, where);
                if (reports.BackupsBegun > reports.Backups.Count) duringBackup++;
                if (reports.PrunesBegun > reports.PrunesFinished) duringPrune++;
                history.Verify(CrashKind.Killed, reports, readOnly: false, where);
                verified += VerifyAll(repository, reports, root, where);

                removed += repository.Prune(new PruneOptions { WaitTime = TimeSpan.FromSeconds(30) }).ObjectsRemoved;
                var check = repository.Check();
                Assert.True(check.Healthy && check.Findings.Count == 0, $"{where}: {string.Join("\n", check.Findings)}");
                Assert.Equal(0, check.Orphans);
                unnamed = CheckLocks(repository, where);
            }

            Assert.True(removed > 0, "Nothing was ever pruned.");
            return $"{rounds} kills, {duringBackup} during a backup, {duringPrune} during a prune, {prunes} prunes beside it, "
                + $"{removed} objects removed here, {verified} backups verified, {unnamed} markers without a name left, seed {seed}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>
    /// No marker is left. What may be left is a file a marker was being written to when the process died, before it had its name: it marks
    /// nothing, as whoever wrote it never came to look at the repository, and goes a day later.
    /// </summary>
    /// <returns>How many such files there are.</returns>
    private static int CheckLocks(BackupRepository repository, string where)
    {
        var files = Directory.GetFiles(Path.Combine(repository.Location, "locks"));
        var markers = files.Where(static f => !f.EndsWith(FileNames.TemporarySuffix, StringComparison.Ordinal)).Select(Path.GetFileName);
        Assert.True(!markers.Any(), $"{where}: left in locks/: {string.Join(", ", markers)}");
        return files.Length;
    }

    private static Reports Round(
        CrashHistory history, Random random, BackupRepository repository, ref int prunes, ref long removed, string where)
    {
        using var stop = new CancellationTokenSource();
        var finished = 0;
        var objects = 0L;
        Exception? failure = null;
        var pruner = new Thread(() =>
        {
            try
            {
                while (true)
                {
                    objects += repository.Prune(null, null, stop.Token).ObjectsRemoved;
                    finished++;
                }
            }
            catch (OperationCanceledException)
            {
                // the round is over
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        Reports reports;
        using (var child = new WriterProcess(
            history.Path, history.Durability, random.Next(), [$"repository={repository.Location}", "jobs=flush,compact,read,backup,prune"]))
        {
            child.WaitForOpen();
            pruner.Start();
            Assert.True(child.WaitUntil(r => r.PrunesFinished > 0 && r.Backups.Count > 0), $"{where}: nothing was done. {child.Describe()}");
            Thread.Sleep(random.Next(0, 300));
            Assert.False(child.HasExited, $"The child ended by itself. {child.Describe()}");
            child.Kill();
            Assert.True(child.Reports.JobRefusals.Count == 0, $"Nothing was in the way of any job. {child.Describe()}");
            reports = child.Reports;
        }

        stop.Cancel();
        pruner.Join();
        Assert.True(failure is null, $"{where}: {failure}");
        prunes += finished;
        removed += objects;
        return reports;
    }

    private static int VerifyAll(BackupRepository repository, Reports reports, string root, string where)
    {
        var listing = repository.ListAll();
        Assert.True(listing.Findings.Count == 0, $"{where}: {string.Join("\n", listing.Findings)}");
        Assert.True(
            listing.Backups.Any(b => b.BackupId == reports.Backups[^1].Id), $"{where}: the newest backup that was reported is not there");
        foreach (var backup in listing.Backups)
        {
            var verification = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.True(verification.Healthy, $"{where}: {backup.BackupId}: {string.Join("\n", verification.Findings)}");
        }

        var scratch = Path.Combine(root, "scratch");
        repository.Restore(listing.Backups[^1].BackupId, scratch);
        var check = IndexChecker.Check(scratch, new CheckOptions { Deep = true });
        Assert.True(check.Healthy, $"{where}: {string.Join("\n", check.Findings)}");
        using (var index = HestiaIndex.Open(scratch, new IndexOptions { ReadOnly = true, CacheBytes = 1 << 20 }))
        {
            var (_, _, wrong) = Contents.Read(index, WriterProcess.Threads);
            Assert.True(wrong is null, $"{where}: {wrong}");
        }

        Directory.Delete(scratch, recursive: true);
        return listing.Backups.Count;
    }
}
