using System.Runtime.Versioning;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>Single system calls that fail, or that a process dies at; each skips where calls cannot be traced.</summary>
[SupportedOSPlatform("linux")]
public sealed class SyncFailureTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("fdatasync", "EIO", 3, Durability.Sync)]
    [InlineData("fdatasync", "EIO", 11, Durability.GroupSync)]
    [InlineData("fdatasync", "ENOSPC", 6, Durability.GroupSync)]
    [InlineData("fdatasync", "EIO", 2, Durability.Async)]
    public void Failed_sync_of_the_log_is_final(string call, string error, int when, Durability durability) =>
        output.WriteLine(FailureScenario.SystemCallError(call, error, when, durability, CrashSettings.Seed, mustFail: true));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Killed_at_either_rename_of_a_restore_the_index_is_whole(int rename) =>
        output.WriteLine(BackupKillScenario.RunAtRename(rename, CrashSettings.Seed));

    [Theory]
    [InlineData("pwrite64", "ENOSPC", 9, Durability.Sync)]
    [InlineData("pwrite64", "EIO", 14, Durability.GroupSync)]
    [InlineData("fsync", "EIO", 3, Durability.GroupSync)]
    [InlineData("fsync", "EIO", 8, Durability.Off)]
    public void Failed_call_loses_nothing(string call, string error, int when, Durability durability) =>
        output.WriteLine(FailureScenario.SystemCallError(call, error, when, durability, CrashSettings.Seed, mustFail: false));
}
