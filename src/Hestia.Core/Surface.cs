#pragma warning disable CA1822, IDE0060, CA1801, CA1065, CA2201, CS9113, IDE0290, CS1591
#pragma warning disable IDE0161
namespace Hestia.Core.Repair
{
    public sealed record RepairOptions
    {
        /// <summary>Go on although entries are lost (RepairWouldLoseData otherwise).</summary>
        public bool AllowLoss { get; init; }
        /// <summary>Only say what would be done.</summary>
        public bool PlanOnly { get; init; }
    }
    /// <summary>One thing repair did or would do.</summary>
    public sealed record RepairAction(string Code, string Message, string? File);
    /// <summary>What was lost: an LSN range or key range (nulls where unknown).</summary>
    public sealed record RepairLoss(string Message, Lsn? FirstLsn, Lsn? LastLsn, byte[]? FirstKey, byte[]? LastKey);
    public sealed record RepairReport
    {
        public required string Path { get; init; }
        public required string Name { get; init; }
        /// <summary>False if the index was healthy and nothing was (or would be) done.</summary>
        public required bool Changed { get; init; }
        public required IReadOnlyList<Finding> Findings { get; init; }
        public required IReadOnlyList<RepairAction> Actions { get; init; }
        public required IReadOnlyList<string> Quarantined { get; init; }
        public required IReadOnlyList<RepairLoss> Lost { get; init; }
        public required long EntriesKept { get; init; }
        public required Lsn LastLsn { get; init; }
        public required TimeSpan Duration { get; init; }
    }
    /// <summary>Salvages everything readable; moves the rest to quarantine/, deletes nothing.</summary>
    public static class IndexRepairer
    {
        public static RepairReport Repair(string path, RepairOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    }
}
