using System.Diagnostics;
using Hestia.Backup.Pruning;

namespace Hestia.Unit.Backup.Pruning;

/// <summary>Whether the process that wrote a marker is still there, also where its number was given to another one.</summary>
public sealed class MarkerOwnerTests
{
    [Fact]
    public void A_process_that_is_there_has_not_ended() => Assert.False(MarkerOwner.Current(TimeProvider.System).HasEnded());

    [Fact]
    public void A_process_that_began_after_the_marker_was_written_is_another_one()
    {
        using var process = Process.GetCurrentProcess();
        var begun = new DateTimeOffset(process.StartTime);
        var owner = MarkerOwner.Current(TimeProvider.System);
        if (owner.Scope.Length == 0) Assert.Skip("This machine does not tell where a process id means something.");
        Assert.True((owner with { Process = owner.Process with { Since = begun.AddHours(-1) } }).HasEnded());
        Assert.False((owner with { Process = owner.Process with { Since = begun.AddSeconds(-10) } }).HasEnded(), "clocks are allowed a minute");
        Assert.False((owner with { Scope = "elsewhere", Process = owner.Process with { Since = begun.AddHours(-1) } }).HasEnded());
    }
}
