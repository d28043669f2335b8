using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>
/// The writer is killed while it ships its log. What was reported as archived restores, to exactly the writes up to where the archive
/// leads; the next shipment goes on from there without a gap and without taking what is there for another history.
/// </summary>
internal static class ArchiveKillScenario
{
    /// <returns>One line that says what was done.</returns>
    public static string Run(Durability durability, int rounds, int seed, CancellationToken cancellationToken = default)
    {
        var root = CrashSettings.NewFolder();
        try
        {
            var history = new CrashHistory(Path.Combine(root, "index"), durability);
            history.Create();
            using var repository = BackupRepository.Create(Path.Combine(root, "repository"));
            repository.Backup(history.Path);
            repository.Archive(history.Path);
            var name = repository.List()[0].IndexId.ToString();
            var random = new Random(seed);
            var scratch = Path.Combine(root, "scratch");
            int done = 0, during = 0;
            for (; done < rounds && !cancellationToken.IsCancellationRequested; done++)
            {
                var where = $"{durability} with shipments, seed {seed}, round {done}";
                var reports = Round(history, random, repository.Location);
                if (reports.ShipmentsBegun > reports.ShipmentsFinished) during++;
                var before = history.Counters;
                history.Verify(CrashKind.Killed, reports, readOnly: random.Next(2) == 0, where);
                var result = repository.RestoreIndex(name, scratch, new RestoreOptions { ToLatest = true });
                Assert.True(result.Lsn.Value >= reports.Archived, $"{where}: LSN {reports.Archived} was archived, {result.Lsn} came back");
                BackupKillScenario.CheckRestored(scratch, result.Lsn.Value, reports, before, where);
                Directory.Delete(scratch, recursive: true);
            }

            var last = repository.Archive(history.Path);
            Assert.Empty(last.Findings);
            Assert.Equal(last.ArchivedLsn, repository.RestoreIndex(name, scratch, new RestoreOptions { ToLatest = true }).Lsn);
            var archive = Assert.Single(repository.GetArchives(deep: true));
            Assert.Empty(archive.Findings);
            return $"{durability} with shipments: {done} kills, {during} during a shipment, {archive.Pieces} pieces to LSN {archive.LastLsn}, "
                + $"{history.WritesChecked} acknowledged writes, seed {seed}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static Reports Round(CrashHistory history, Random random, string repository)
    {
        using var child = new WriterProcess(
            history.Path, history.Durability, random.Next(), [$"repository={repository}", "jobs=flush,compact,archive"]);
        child.WaitForOpen();
        Assert.True(child.WaitUntil(r => r.ShipmentsFinished > 0), $"No shipment ended. {child.Describe()}");
        Thread.Sleep(random.Next(200));
        child.Kill();
        Assert.True(child.Errors.Length == 0, child.Errors);
        Assert.True(child.Reports.JobRefusals.Count == 0, $"Nothing was in the way of any job. {child.Describe()}");
        return child.Reports;
    }
}
