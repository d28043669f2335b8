using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.CrashWriter;

namespace Hestia.Unit.Crashes;

/// <summary>
/// The writer is killed while backups and restores run beside it. A backup whose end was reported is there; every backup that can be seen
/// verifies and restores to exactly the writes up to its LSN; the restore's target is as it was before or complete.
/// </summary>
internal static class BackupKillScenario
{
    /// <returns>One line that says what was done.</returns>
    public static string Run(Durability durability, int rounds, int seed, CancellationToken cancellationToken = default)
    {
        var root = CrashSettings.NewFolder();
        try
        {
            var target = Path.Combine(root, "target");
            var history = new CrashHistory(Path.Combine(root, "index"), durability);
            history.Create();
            using var repository = BackupRepository.Create(Path.Combine(root, "repository"));
            var random = new Random(seed);
            var verified = new HashSet<string>();
            string? restored = null;
            var phases = new KillPhases(KillPhase.Backup, KillPhase.Restore, KillPhase.Flush, KillPhase.Compaction);
            int done = 0, halfSwapped = 0;
            for (; !cancellationToken.IsCancellationRequested; done++)
            {
                if (done >= rounds && (phases.IsComplete || done >= rounds + KillPhases.MoreRounds)) break;
                var where = $"{durability} with backups, seed {seed}, round {done}";
                var reports = Round(history, random, phases, repository.Location, target);
                phases.Count(reports);
                var before = history.Counters;
                history.Verify(CrashKind.Killed, reports, readOnly: random.Next(2) == 0, where);
                VerifyBackups(repository, reports, before, verified, Path.Combine(root, "scratch"), where);
                restored = VerifyTarget(repository, reports, target, restored, ref halfSwapped, where);
            }

            if (!cancellationToken.IsCancellationRequested) phases.AssertComplete($"{durability} with backups, seed {seed}, {done} rounds");
            return $"{durability} with backups: {done} kills ({phases}, {halfSwapped} between the two renames of a restore), {verified.Count} backups verified, "
                + $"{history.WritesChecked} acknowledged writes, seed {seed}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>
    /// Kills the process before one of the two renames that put a restored index in the place of another: 1 takes the old one away, 2 puts
    /// the new one there.
    /// </summary>
    /// <returns>One line that says what was done.</returns>
    public static string RunAtRename(int rename, int seed)
    {
        SystemTools.RequireTracing();
        var root = CrashSettings.NewFolder();
        try
        {
            var where = $"killed at rename {rename} of a restore, seed {seed}";
            var target = Path.Combine(root, "target");
            var history = new CrashHistory(Path.Combine(root, "index"), Durability.GroupSync);
            history.Create();
            using var repository = BackupRepository.Create(Path.Combine(root, "repository"));
            string[] arguments = [$"repository={repository.Location}", $"target={target}", "jobs=backup,restore"];
            var halfSwapped = 0;
            string? restored;
            using (var child = new WriterProcess(history.Path, history.Durability, seed, arguments))
            {
                Assert.True(child.WaitUntil(r => r.RestoresFinished.Count > 0), $"{where}: no restore ended. {child.Describe()}");
                child.Stop();
                child.AwaitEnd(TimeSpan.FromSeconds(60));
                history.Verify(CrashKind.Closed, child.Reports, readOnly: false, where);
                restored = VerifyTarget(repository, child.Reports, target, null, ref halfSwapped, where);
            }

            // Only calls whose first path is the target are counted, so the first is the one that takes the old index away: the process
            // dies as it begins, or in the pause behind it.
            string[] tracer =
            [
                SystemTools.Find("strace")!, "-f", "-qq", "-o", Path.Combine(root, "trace"), "-P", target, "-e", "trace=rename",
                "-e", $"inject=rename:{(rename == 1 ? "signal=KILL" : "delay_exit=30s")}:when=1",
            ];
            using (var child = new WriterProcess(history.Path, history.Durability, seed, arguments, tracer))
            {
                if (rename == 2)
                {
                    Assert.True(child.WaitUntil(_ => !Directory.Exists(target)), $"{where}: the target stays. {child.Describe()}");
                    child.Kill();
                }

                child.AwaitEnd(TimeSpan.FromSeconds(60));
                Assert.True(child.Reports.Closed is null && child.Reports.RestoresBegun.Count == 1, $"{where}: {child.Describe()}");
                Assert.Equal(rename == 1, Directory.Exists(target));
                history.Verify(CrashKind.Killed, child.Reports, readOnly: false, where);
                VerifyTarget(repository, child.Reports, target, restored, ref halfSwapped, where);
            }

            Assert.Equal(rename == 1 ? 0 : 1, halfSwapped);
            return $"{where}: {(rename == 1 ? "the target was as before" : "the next restore put the target right")}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static Reports Round(CrashHistory history, Random random, KillPhases phases, string repository, string target)
    {
        using var child = new WriterProcess(
            history.Path, history.Durability, random.Next(),
            [$"repository={repository}", $"target={target}", "jobs=flush,compact,read,backup,restore"]);
        child.WaitForOpen();
        // Not before a restore has begun, so that every round has one to hit.
        Assert.True(child.WaitUntil(r => r.RestoresBegun.Count > 0), $"No restore began. {child.Describe()}");
        phases.AwaitMoment(child, random, 400);
        Assert.False(child.HasExited, $"The child ended by itself. {child.Describe()}");
        child.Kill();
        Assert.True(child.Errors.Length == 0, child.Errors);
        Assert.True(child.Reports.JobRefusals.Count == 0, $"Nothing was in the way of any job. {child.Describe()}");
        return child.Reports;
    }

    private static void VerifyBackups(
        BackupRepository repository, Reports reports, ulong[] before, HashSet<string> verified, string scratch, string where)
    {
        var listing = repository.ListAll();
        Assert.True(listing.Findings.Count == 0, $"{where}: {string.Join("\n", listing.Findings)}");
        var ids = listing.Backups.Select(b => b.BackupId).ToHashSet();
        foreach (var (id, _) in reports.Backups)
            Assert.True(ids.Contains(id), $"{where}: the backup {id} had been reported and is not there");
        BackupInfo? newest = null;
        foreach (var backup in listing.Backups)
        {
            if (!verified.Add(backup.BackupId)) continue;
            newest = backup;
            var verification = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.True(verification.Healthy, $"{where}: {backup.BackupId}: {string.Join("\n", verification.Findings)}");
        }

        // The last one is the one whose objects were still on their way.
        if (newest is null) return;
        repository.Restore(newest.BackupId, scratch);
        CheckRestored(scratch, newest.Lsn.Value, reports, before, $"{where}: {newest.BackupId}");
        Directory.Delete(scratch, recursive: true);
    }

    internal static void CheckRestored(string path, ulong lsn, Reports reports, ulong[] before, string where)
    {
        var check = IndexChecker.Check(path, new CheckOptions { Deep = true });
        Assert.True(check.Healthy, $"{where}: {string.Join("\n", check.Findings)}");
        using var index = HestiaIndex.Open(path, new IndexOptions { ReadOnly = true, CacheBytes = 1 << 20 });
        var (found, _, wrong) = Contents.Read(index, WriterProcess.Threads);
        Assert.True(wrong is null, $"{where}: {wrong}");
        Assert.Equal(lsn, index.LastLsn.Value);
        for (var thread = 0; thread < found.Length; thread++)
        {
            Assert.True(
                found[thread] >= before[thread],
                $"{where}: thread {thread} is at {found[thread]}, at {before[thread]} before the backup began");
        }

        foreach (var write in reports.Writes)
        {
            Assert.True(
                (write.Lsn <= lsn) == (write.Number <= found[write.Thread]),
                $"{where}: it ends at LSN {lsn}; batch {write.Number} of thread {write.Thread} ended at {write.Lsn}, "
                + $"the thread is at {found[write.Thread]}");
        }
    }

    /// <summary>Returns the backup that the target holds now.</summary>
    private static string? VerifyTarget(
        BackupRepository repository, Reports reports, string target, string? before, ref int halfSwapped, string where)
    {
        var allowed = new List<string>();
        var settled = reports.RestoresFinished.Count > 0 ? reports.RestoresFinished[^1] : before;
        if (settled is not null) allowed.Add(settled);
        if (reports.RestoresBegun.Count > reports.RestoresFinished.Count) allowed.Add(reports.RestoresBegun[^1]);
        if (!Directory.Exists(target) || !File.Exists(Path.Combine(target, "index.json")))
        {
            if (settled is null) return null; // nothing was there and nothing is
            // Between the two renames of the swap there is no target for an instant; the next restore puts it right first.
            halfSwapped++;
            var aside = Directory.GetDirectories(Path.GetDirectoryName(target)!, "target.*").Count(IndexDescription.IsIndex);
            Assert.True(aside == 2, $"{where}: neither the target is there nor both the old and the new one beside it");
            var next = Assert.Single(allowed.Distinct().Take(1));
            repository.Restore(next, target, new RestoreOptions { Force = true });
            return VerifyHeld(repository, target, [next], where);
        }

        return VerifyHeld(repository, target, allowed, where);
    }

    private static string VerifyHeld(BackupRepository repository, string target, List<string> allowed, string where)
    {
        var check = IndexChecker.Check(target, new CheckOptions { Deep = true });
        Assert.True(check.Healthy, $"{where}: the restore's target: {string.Join("\n", check.Findings)}");
        using var index = HestiaIndex.Open(target, new IndexOptions { ReadOnly = true, CacheBytes = 1 << 20 });
        var (_, _, wrong) = Contents.Read(index, WriterProcess.Threads);
        Assert.True(wrong is null, $"{where}: the restore's target: {wrong}");
        var holds = allowed.Find(id => repository.Get(id).Lsn == index.LastLsn);
        Assert.True(holds is not null, $"{where}: the target ends at LSN {index.LastLsn}, which none of {string.Join(", ", allowed)} does");
        return holds;
    }
}
