namespace Hestia.Unit.Crashes;

/// <summary>Backup, restore, prune and copy, killed and cancelled at random moments, on both kinds of stores.</summary>
public sealed class JobFaultTests(ITestOutputHelper output)
{
    public static TheoryData<string, StoreKind> Jobs
    {
        get
        {
            var data = new TheoryData<string, StoreKind>();
            foreach (var job in CrashSettings.Jobs ?? Names)
                foreach (var store in Enum.GetValues<StoreKind>()) data.Add(job, store);
            return data;
        }
    }

    /// <summary>What <see cref="JobFaultScenario"/> can run.</summary>
    internal static string[] Names { get; } = ["backup", "restore", "prune", "copy"];

    private static int Rounds => Math.Max(1, CrashSettings.Rounds / 20);

    [Theory]
    [MemberData(nameof(Jobs))]
    public void Killed_jobs_harm_nothing_and_the_next_finishes_them(string job, StoreKind store) =>
        output.WriteLine(JobFaultScenario.Run(job, store, JobFault.Kill, Rounds, CrashSettings.Seed));

    [Theory]
    [MemberData(nameof(Jobs))]
    public void Jobs_stopped_by_Ctrl_C_harm_nothing_and_the_next_finishes_them(string job, StoreKind store) =>
        output.WriteLine(JobFaultScenario.Run(job, store, JobFault.Interrupt, Rounds, CrashSettings.Seed));
}
