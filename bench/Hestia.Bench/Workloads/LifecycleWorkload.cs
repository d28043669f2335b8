using Hestia.Backup;
using Hestia.Bench.Engines;

namespace Hestia.Bench.Workloads;

/// <summary>lifecycle: an index's whole life; what must stay under a memory limit however large the index is.</summary>
internal static class LifecycleWorkload
{
    public static void Run(BenchSession session)
    {
        var durability = session.Arguments.Durabilities[0];
        session.CreateEmpty(random: true, session.Settings(durability));
        FillWorkload.Fill(session, "lifecycle load", durability, session.Arguments.Writers[0]);
        if (session.Filled != session.Arguments.Entries)
            throw new InvalidOperationException("The time was up before the index was loaded; give --seconds 0.");
        session.Emit("lifecycle scan", null, 1, ScanWorkload.Whole(session, session.Engine, reverse: false));
        if (session.Engine is not HestiaEngine hestia) return;

        var restoredPath = Path.Combine(session.Folder, "restored");
        using var repository = BackupRepository.Create(Path.Combine(session.Folder, "repository"));
        BackupResult? backup = null;
        Move("lifecycle backup", () => (backup = repository.Backup(hestia.Index)).BytesSent);
        session.Close();
        Move("lifecycle restore", () => repository.Restore(backup!.BackupId, restoredPath).Bytes);
        session.Open(session.Settings(durability) with { Path = restoredPath });
        session.Emit("lifecycle rescan", null, 1, ScanWorkload.Whole(session, session.Engine, reverse: false));
        session.IsPristine = false;
        session.Close();

        void Move(string workload, Func<long> work)
        {
            var bytes = 0L;
            var measured = session.Measure(1, (_, run) =>
            {
                bytes = work();
                run.Count(session.Filled);
            });
            session.Emit(workload, null, 1, measured, new Dictionary<string, double> { ["bytesPerSecond"] = bytes / measured.Seconds });
        }
    }
}
