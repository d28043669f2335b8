using Hestia.Core.Control.Operations;

namespace Hestia.Core.Control;

/// <summary>Everything other processes may ask of the owner of an index.</summary>
internal static class ControlOperations
{
    public static readonly StatusOperation Status = new();
    public static readonly FlushOperation Flush = new();
    public static readonly CompactOperation Compact = new();
    public static readonly CheckOperation Check = new();
    public static readonly PinOperation Pin = new();
    public static readonly RenewOperation Renew = new();
    public static readonly ReleaseOperation Release = new();
    public static readonly BackupDoneOperation BackupDone = new();
    public static readonly ArchiveBeginOperation ArchiveBegin = new();
    public static readonly ArchiveLogOperation ArchiveLog = new();
    public static readonly ArchiveSaveOperation ArchiveSave = new();
    public static readonly ArchiveTimelineOperation ArchiveTimeline = new();
    public static readonly SuspendOperation Suspend = new();
    public static readonly ResumeOperation Resume = new();
    public static readonly DurabilityOperation Durability = new();

    private static readonly Dictionary<string, ControlOperation> s_byName = ByName(
        Suspend, Resume, Durability, Status, Flush, Compact, Check, Pin, Renew, Release, BackupDone, ArchiveBegin, ArchiveLog, ArchiveSave, ArchiveTimeline);

    /// <summary>The operation of that name; null for any other, and for none, as a request may say.</summary>
    public static ControlOperation? Find(string? name) => name is null ? null : s_byName.GetValueOrDefault(name);

    private static Dictionary<string, ControlOperation> ByName(params ControlOperation[] operations)
    {
        var result = new Dictionary<string, ControlOperation>(StringComparer.Ordinal);
        foreach (var operation in operations) result.Add(operation.Name, operation);
        return result;
    }
}
