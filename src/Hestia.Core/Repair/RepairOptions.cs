namespace Hestia.Core.Repair;

/// <summary>How far a repair may go.</summary>
public sealed record RepairOptions
{
    /// <summary>Go on although something is lost. Without it, a repair that would lose anything stops before it changes anything.</summary>
    public bool AllowLoss { get; init; }

    /// <summary>Only say what would be done; nothing is changed, whatever would be lost.</summary>
    public bool PlanOnly { get; init; }
}
