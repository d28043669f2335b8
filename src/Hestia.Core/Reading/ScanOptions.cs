namespace Hestia.Core.Reading;

/// <summary>Which entries a scan shows, and in what order. The default shows everything, ascending. Conditions are combined.</summary>
public readonly record struct ScanOptions
{
    /// <summary>Only keys that start with these bytes.</summary>
    public ReadOnlyMemory<byte>? Prefix { get; init; }

    /// <summary>Smallest key shown.</summary>
    public ReadOnlyMemory<byte>? From { get; init; }

    /// <summary>Keys before this one are shown; with <see cref="ToInclusive"/> this one too.</summary>
    public ReadOnlyMemory<byte>? To { get; init; }

    /// <summary>Whether <see cref="To"/> itself is shown. Default false.</summary>
    public bool ToInclusive { get; init; }

    /// <summary>From the largest key to the smallest.</summary>
    public bool Reverse { get; init; }

    /// <summary>At most so many entries; 0 (the default) for all.</summary>
    public long Limit { get; init; }

    /// <summary>Whether blocks read by this scan are kept in the block cache. Default false: a scan does not push out what point reads need.</summary>
    public bool FillCache { get; init; }
}
