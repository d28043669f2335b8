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
/// As <c>job KIND name=value...</c> it does one job on a repository: see <see cref="RepositoryJob"/>.
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
            return new Session(new WriterArguments(arguments), reporter).Run();
        }
        catch (HestiaException e)
        {
            reporter.Line($"! {e.Code} {e.Message}");
            return 3;
        }
    }

    private static int Repair(string path, Reporter reporter)
    {
        reporter.Line("m");
        var report = IndexRepairer.Repair(path, new RepairOptions { AllowLoss = true });
        reporter.Line($"d {report.Actions.Count} {report.Lost.Count}");
        return 0;
    }
}
