namespace Hestia.Core.Segments;

/// <summary>How a segment is laid out. Equal entries and equal options give equal bytes.</summary>
internal sealed record SegmentWriterOptions
{
    /// <summary>Bytes of payload a data block aims at and does not exceed unless a single entry does.</summary>
    public int BlockBytes { get; init; } = 4 << 10;

    public int RestartInterval { get; init; } = 16;

    /// <summary>0: no filter.</summary>
    public int BloomBitsPerKey { get; init; } = 10;

    public BlockCodec Codec { get; init; } = BlockCodec.None;

    /// <summary>Stores every LSN as 0, at no cost per entry.</summary>
    public bool DropLsn { get; init; }

    public static SegmentWriterOptions From(IndexSettings settings, BlockCodec codec, bool dropLsn) => new()
    {
        BlockBytes = settings.BlockBytes,
        RestartInterval = settings.RestartInterval,
        BloomBitsPerKey = settings.BloomBitsPerKey,
        Codec = codec,
        DropLsn = dropLsn,
    };

    public void Validate()
    {
        if (BlockBytes is < SegmentFormat.MinBlockBytes or > SegmentFormat.MaxBlockBytes) Throw("block size", BlockBytes, SegmentFormat.MinBlockBytes, SegmentFormat.MaxBlockBytes);
        if (RestartInterval is < 1 or > SegmentFormat.MaxRestartInterval) Throw("restart interval", RestartInterval, 1, SegmentFormat.MaxRestartInterval);
        if (BloomBitsPerKey is < 0 or > SegmentFormat.MaxFilterBitsPerKey) Throw("number of Bloom bits per key", BloomBitsPerKey, 0, SegmentFormat.MaxFilterBitsPerKey);
        if (Codec > BlockCodec.Snappy) Throw("codec", (int)Codec, 0, (int)BlockCodec.Snappy);
    }

    private static void Throw(string what, int value, int min, int max) => throw new HestiaException(
        HestiaErrorCode.InvalidOption,
        $"The {what} is {value:N0}; {min:N0} to {max:N0} is possible.",
        action: "Correct the option.");
}
