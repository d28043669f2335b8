namespace Hestia.Unit.Crashes;

/// <summary>Plain copies of a directory at work. HESTIA_CRASH_SEED repeats a run, as far as its threads let it.</summary>
public sealed class RawCopyTests(ITestOutputHelper output)
{
    private const int SoakRounds = 200;
    private static readonly TimeSpan s_testTime = TimeSpan.FromSeconds(40);

    [Fact]
    public void Copy_of_a_directory_at_work_holds_what_was_flushed_before_it() =>
        output.WriteLine(RawCopyScenario.Run(int.MaxValue, CrashSettings.Seed, s_testTime, output.WriteLine));

    [Fact]
    [Trait("Category", "Soak")]
    public void Two_hundred_copies_of_directories_at_work() =>
        output.WriteLine(RawCopyScenario.Run(SoakRounds, CrashSettings.Seed, TimeSpan.FromHours(2), output.WriteLine));
}
