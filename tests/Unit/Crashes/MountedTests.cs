using System.Runtime.Versioning;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>What mounts file systems runs alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MountedCollection
{
    public const string Name = "mounted file systems";
}

/// <summary>Real faults of file systems and devices; each skips where this machine cannot make it.</summary>
[SupportedOSPlatform("linux")]
[Collection(MountedCollection.Name)]
public sealed class MountedTests(ITestOutputHelper output)
{
    private static int PowerCuts => Math.Max(1, CrashSettings.Rounds / 10);

    [Theory]
    [InlineData("ext4", Durability.Sync)]
    [InlineData("ext4", Durability.GroupSync)]
    [InlineData("ext4", Durability.Async)]
    [InlineData("ext4", Durability.Off)]
    [InlineData("xfs", Durability.Sync)]
    [InlineData("xfs", Durability.GroupSync)]
    [InlineData("xfs", Durability.Async)]
    [InlineData("xfs", Durability.Off)]
    public void Power_loss_takes_no_more_than_the_durability_allows(string kind, Durability durability) =>
        output.WriteLine(PowerLossScenario.Run(kind, durability, PowerCuts, CrashSettings.Seed));

    [Theory]
    [InlineData("ext4", Durability.Sync)]
    [InlineData("ext4", Durability.Async)]
    [InlineData("ext4", Durability.GroupSync)]
    [InlineData("xfs", Durability.Sync)]
    public void Device_that_refuses_writes_fails_the_index_and_loses_nothing(string kind, Durability durability) =>
        output.WriteLine(FailureScenario.DeviceError(kind, durability, CrashSettings.Seed));

    [Theory]
    [InlineData("tmpfs", Durability.GroupSync)]
    [InlineData("ext4", Durability.Sync)]
    [InlineData("ext4", Durability.Off)]
    [InlineData("xfs", Durability.Async)]
    public void Full_disk_refuses_writes_and_loses_nothing(string kind, Durability durability) =>
        output.WriteLine(DiskFullScenario.Run(kind, durability, CrashSettings.Seed));
}
