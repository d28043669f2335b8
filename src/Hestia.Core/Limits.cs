namespace Hestia.Core;

/// <summary>What an index takes and what it refuses, in one place. Larger is refused by name and nothing is written.</summary>
public static class Limits
{
    /// <summary>Shortest key, in bytes.</summary>
    public const int MinKeyBytes = 1;

    /// <summary>Longest key, in bytes.</summary>
    public const int MaxKeyBytes = 65_535;

    /// <summary>Longest value, in bytes (64 MiB).</summary>
    public const int MaxValueBytes = 64 << 20;

    /// <summary>Largest encoded <see cref="WriteBatch"/>, in bytes (128 MiB).</summary>
    public const int MaxBatchBytes = 128 << 20;

    /// <summary>Values from this size up get a block of their own and bypass the block cache, in bytes (32 KiB).</summary>
    public const int LargeValueBytes = 32 << 10;

    /// <summary>Segments one index may hold; past it flushes are refused until compaction has merged some.</summary>
    public const int MaxSegments = 16_384;

    /// <summary>Longest index name, in characters.</summary>
    public const int MaxNameLength = 128;
}
