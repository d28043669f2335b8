using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Repair;

namespace Hestia.CrashWriter;

/// <summary>
/// The child of the crash tests: writes to an index from several threads and reports each acknowledged write, until it is killed, its
/// standard input says stop or ends, or the index refuses to go on. Lines it reports:
/// <code>
/// p PID                      started
/// o LSN COUNTERS             opened: what each thread had written
/// w THREAD NUMBER LSN TICKS  acknowledged
/// x THREAD NUMBER CODE TEXT  refused
/// s THREAD NUMBER TICKS      a reader saw it
/// f TICKS COUNTERS           a flush has finished that began when so much had been acknowledged
/// k                          a compaction has finished
/// B, b ID LSN                a backup began, has finished
/// R ID, r ID LSN             a restore began, has finished
/// j JOB CODE TEXT            a job was refused
/// v COUNTERS                 all there is after a failure, compared and found whole
/// q CODE TEXT                closed: ok, or what Close threw
/// ! TEXT                     this process found something wrong itself
/// </code>
/// As <c>repair PATH</c> it repairs the index there instead: <c>m</c> when it begins, <c>d ACTIONS LOSSES</c> when it is done.
/// As <c>copy SOURCE DESTINATION</c> it copies all backups of a repository, <c>m</c> and <c>d SEGMENTS BYTES</c> likewise; the
/// passphrase of both is in the environment.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        var reporter = new Reporter();
        try
        {
            reporter.Line($"p {Environment.ProcessId}");
            if (arguments is ["repair", var path]) return Repair(path, reporter);
            if (arguments is ["copy", var source, var destination]) return Copy(source, destination, reporter);
            return new Session(new WriterArguments(arguments), reporter).Run();
        }
        catch (HestiaException e)
        {
            reporter.Line($"! {e.Code} {e.Message}");
            return 3;
        }
    }

    private static int Copy(string source, string destination, Reporter reporter)
    {
        using var key = RepositoryKey.FromPassphrase(Environment.GetEnvironmentVariable("HESTIA_TEST_PASSPHRASE"));
        using var from = BackupRepository.Open(source, null, key);
        using var to = BackupRepository.Open(destination, null, key);
        reporter.Line("m");
        var segments = 0;
        var bytes = 0L;
        foreach (var backup in from.List())
        {
            var result = from.Copy(backup.BackupId, to);
            segments += result.SegmentsSent;
            bytes += result.BytesSent;
        }

        reporter.Line($"d {segments} {bytes}");
        return 0;
    }

    private static int Repair(string path, Reporter reporter)
    {
        reporter.Line("m");
        var report = IndexRepairer.Repair(path, new RepairOptions { AllowLoss = true });
        reporter.Line($"d {report.Actions.Count} {report.Lost.Count}");
        return 0;
    }
}
