using Hestia.Core;
using Hestia.Core.Repair;

namespace Hestia.HestiaStore.Repair;

/// <summary>What a repair is going to do: steps in an order in which each leaves the directory no worse, should it be the last.</summary>
internal sealed class StoreRepairPlan
{
    /// <summary>One step.</summary>
    /// <param name="Action">What it is, for people.</param>
    /// <param name="Execute">Does it; adds what goes to quarantine.</param>
    internal sealed record Step(RepairAction Action, Action<StoreRepairContext> Execute);

    public List<Step> Steps { get; } = [];

    public List<RepairLoss> Losses { get; } = [];

    /// <summary>Files and folders that go to quarantine, relative.</summary>
    public List<string> ToQuarantine { get; } = [];

    public void Add(string code, string message, string? file, Action<StoreRepairContext> execute) => Steps.Add(new Step(new RepairAction(code,
        message, file), execute));

    public void Quarantine(string code, string relative, string message)
    {
        ToQuarantine.Add(relative);
        Add(code, message, relative, context => context.Quarantine(relative));
    }

    public void Lose(string message, byte[]? firstKey = null, byte[]? lastKey = null, Lsn? firstLsn = null, Lsn? lastLsn = null) =>
        Losses.Add(new RepairLoss(message, firstLsn, lastLsn, firstKey, lastKey));
}

/// <summary>What steps of a repair work with.</summary>
internal sealed class StoreRepairContext(Core.IO.FileSystem files, string directory, Core.Recovery.Quarantine quarantine, CancellationToken cancellation)
{
    public Core.IO.FileSystem Files { get; } = files;

    public string Directory { get; } = directory;

    public Core.Recovery.Quarantine Store { get; } = quarantine;

    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>Where things are now, relative.</summary>
    public List<string> Quarantined { get; } = [];

    /// <summary>Moves a file or folder, under a name that tells its segment.</summary>
    public void Quarantine(string relative)
    {
        var path = Path.Combine(Directory, relative);
        if (!Files.FileExists(path) && !Files.DirectoryExists(path)) return;
        Quarantined.Add(Path.GetRelativePath(Directory, Store.Move(path, NameOf(relative))));
    }

    /// <summary>Copies a file that is going to be replaced in one step; nothing where there is none.</summary>
    public void KeepCopy(string relative)
    {
        var path = Path.Combine(Directory, relative);
        if (Files.FileExists(path)) Kept(Store.Copy(path, Cancellation, NameOf(relative)));
    }

    public void Kept(string path) => Quarantined.Add(Path.GetRelativePath(Directory, path));

    private static string NameOf(string relative) => relative.Replace('/', '-').Replace('\\', '-');
}
