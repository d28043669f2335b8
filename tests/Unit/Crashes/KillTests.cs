using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>A process that dies takes nothing with it that it had promised.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(Durability.Sync)]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Async)]
    [InlineData(Durability.Off)]
    public void Killed_writer_loses_nothing_it_had_reported(Durability durability) =>
        output.WriteLine(KillScenario.Run(durability, CrashSettings.Rounds, CrashSettings.Seed));
}
