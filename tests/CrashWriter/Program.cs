using System.Globalization;
using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Control;
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
/// F, K                       a flush, a compaction began
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
/// As <c>job KIND name=value...</c> it does one job on a repository: see <see cref="RepositoryJob"/>. As <c>ask PATH</c> it asks the owner of
/// an index for its status: <c>d LSN</c>. As <c>backup PATH REPOSITORY BYTES</c> it backs up an index, so many bytes a second: <c>m</c> when it
/// begins, <c>d ID LSN</c> when it is done. As <c>latency PATH</c> it measures its own writes: see <see cref="LatencyMeter"/>.
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
            if (arguments is ["job", var job, .. var options]) return RepositoryJob.Run(job, new WriterArguments(options), reporter);
            if (arguments is ["ask", var asked]) return Ask(asked, reporter);
            if (arguments is ["backup", var index, var repository, var pace]) return BackUp(index, repository, pace, reporter);
            if (arguments is ["latency", var measured]) return LatencyMeter.Run(measured, reporter);
            return new Session(new WriterArguments(arguments), reporter).Run();
        }
        catch (HestiaException e)
        {
            reporter.Line($"! {e.Code} {e.Message}");
            return 3;
        }
    }

    private static int Ask(string path, Reporter reporter)
    {
        var index = RemoteIndex.Find(path);
        reporter.Line(index is null ? "d none" : $"d {index.GetStatus().Statistics.LastLsn}");
        return 0;
    }

    private static int BackUp(string path, string location, string pace, Reporter reporter)
    {
        using var repository = BackupRepository.Open(location);
        reporter.Line("m");
        var options = new BackupOptions { MaxBytesPerSecond = long.Parse(pace, CultureInfo.InvariantCulture) };
        var result = repository.Backup(path, options);
        reporter.Line($"d {result.BackupId} {result.Lsn.Value}");
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
