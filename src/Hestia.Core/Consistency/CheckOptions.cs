namespace Hestia.Core.Consistency;

/// <summary>How thorough a check is.</summary>
public sealed record CheckOptions
{
    /// <summary>Also hash every segment and compare the hash with its name, and read the retired segments that old manifests still
    /// name.</summary>
    public bool Deep { get; init; }
}
