namespace Hestia.Bench.Workloads;

/// <summary>Runs the workloads of one engine in this process and writes a JSON line for each row.</summary>
internal static class WorkloadRunner
{
    public static readonly string[] Names =
    [
        "fillrandom", "fillseq", "readrandom", "readmissing", "readcold", "scan", "scanreverse", "scanrange", "scanrangereverse",
        "mixed", "overwrite", "open", "opencrash", "backup", "backupflush", "syncloop", "syncpair", "lifecycle",
    ];

    /// <summary>What runs if nothing is said: load, read, scan.</summary>
    public static readonly string[] Default = ["fillrandom", "fillseq", "readrandom", "readmissing", "scan", "scanreverse"];

    public static int Run(BenchArguments arguments)
    {
        using var session = new BenchSession(arguments);
        try
        {
            foreach (var workload in arguments.Workloads) Run(session, workload);
            return 0;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            return 1;
        }
    }

    private static void Run(BenchSession session, string workload)
    {
        switch (workload)
        {
            case "fillrandom" or "fillseq": FillWorkload.Run(session, workload); break;
            case "readrandom" or "readmissing" or "readcold": ReadWorkload.Run(session, workload); break;
            case "scan" or "scanreverse" or "scanrange" or "scanrangereverse": ScanWorkload.Run(session, workload); break;
            case "mixed": MixedWorkload.Run(session); break;
            case "overwrite": OverwriteWorkload.Run(session); break;
            case "open": OpenWorkload.Clean(session); break;
            case "opencrash": OpenWorkload.Crashed(session); break;
            case "backup" or "backupflush": BackupWorkload.Run(session, workload); break;
            case "syncloop": SyncLoop.Run(session); break;
            case "syncpair": SyncLoop.RunPair(session); break;
            case "lifecycle": LifecycleWorkload.Run(session); break;
            default: throw new ArgumentOutOfRangeException(nameof(workload), workload, "No such workload.");
        }
    }
}
