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

    [Theory]
    [InlineData(Durability.Sync)]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Async)]
    [InlineData(Durability.Off)]
    public void Killed_during_backup_and_restore_both_are_whole_or_not_there(Durability durability) =>
        output.WriteLine(BackupKillScenario.Run(durability, CrashSettings.Rounds, CrashSettings.Seed));

    [Fact]
    public void Killed_during_backup_and_prune_while_another_process_prunes_every_backup_restores() =>
        output.WriteLine(PruneKillScenario.Run(CrashSettings.Rounds, CrashSettings.Seed));

    [Theory]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Sync)]
    public void Killed_during_shipments_the_archive_has_all_it_was_reported_to_have(Durability durability) =>
        output.WriteLine(ArchiveKillScenario.Run(durability, Math.Max(1, CrashSettings.Rounds / 2), CrashSettings.Seed));
}
