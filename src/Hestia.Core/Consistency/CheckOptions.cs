using Hestia.Core.Segments;

namespace Hestia.Core.Consistency;

/// <summary>How thorough a check is.</summary>
public sealed record CheckOptions
{
    /// <summary>Also hash every segment and compare the hash with its name, and read the retired segments that old manifests still
    /// name.</summary>
    public bool Deep { get; init; }

    /// <summary>Segments that the caller has just verified itself, with what that found: they are not read once more.</summary>
    internal IReadOnlyDictionary<SegmentId, SegmentVerification>? Verified { get; init; }
}
