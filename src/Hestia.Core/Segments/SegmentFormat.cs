namespace Hestia.Core.Segments;

/// <summary>What a block of a segment holds. The numbers are on disk.</summary>
internal enum BlockKind : byte
{
    Data = 1,
    LargeValue = 2,
    Filter = 3,
    Index = 4,
    Properties = 5,
}

/// <summary>Every constant of the segment file; docs/format-segment.md says what they mean.</summary>
internal static class SegmentFormat
{
    public const uint Version = 1;

    // File header: magic (8), version (4), CRC-32C of the 12 bytes before.
    public const ulong HeaderMagic = 0x0A1A_4745_5353_4548; // "HESSEG", 0x1A, line feed
    public const int HeaderBytes = 16;

    // Footer: offset and length of filter, index, properties (6 x 8), their CRCs (3 x 4), version (4), file length (8), magic (8), CRC (4).
    public const ulong FooterMagic = 0x4F4F_4647_4553_5348; // "HSSEGFOO"
    public const int FooterBytes = 84;

    // Block header: magic (2), kind (1), codec (1), payload length (4), CRC-32C of these 8 bytes and the block's offset (4).
    // Block trailer: CRC-32C that goes on from the header's over the payload (4).
    public const ushort BlockMagic = 0xB5E5;
    public const int BlockHeaderBytes = 12;
    public const int BlockTrailerBytes = 4;
    public const int BlockOverhead = BlockHeaderBytes + BlockTrailerBytes;

    // Data block, after its entries: LSN column, restart offsets, then smallest LSN (8), entries (4), restart interval (2), width of an
    // LSN (1), width of a restart offset (1).
    public const int DataTailBytes = 16;
    public const int MinBlockBytes = 1 << 10;
    public const int MaxBlockBytes = 1 << 20;
    public const int MaxRestartInterval = 256;

    /// <summary>
    /// No data block decodes to more: the largest target, or one entry with the longest key and the longest inline value.
    /// </summary>
    public const int MaxDataPayloadBytes = MaxBlockBytes + (Limits.MaxKeyBytes + Limits.LargeValueBytes + 64);

    // The third varint of an entry: what the value is, or its length plus TagInline.
    public const uint TagTombstone = 0;
    public const uint TagLargeValue = 1;
    public const uint TagInline = 2;

    // Reference to a large value: block offset (8), length of the block (4), length of the value (4), CRC of the block (4).
    public const int LargeReferenceBytes = 20;

    // Filter: lines (4), probes (1), bits per key (1), zero (2), then the lines.
    public const int FilterHeadBytes = 8;
    public const int FilterLineBytes = 64;
    public const int MaxFilterBytes = 1 << 30;
    public const int MaxFilterBitsPerKey = 32;

    /// <summary>
    /// The sparse index of one segment; it holds at least a hundred thousand blocks even with the longest separators that occur.
    /// </summary>
    public const int MaxIndexBytes = 1 << 30;

    /// <summary>From here on a segment is ended as soon as it can be: long keys that compress well make its index larger than its data.</summary>
    public const int IndexCutBytes = 64 << 20;

    // Properties: fixed part, then smallest and largest key.
    public const int PropertiesFixedBytes = 96;
    public const int MaxPropertiesBytes = BlockOverhead + PropertiesFixedBytes + 2 * Limits.MaxKeyBytes;

    /// <summary>A compressed block is kept only if it is at least an eighth smaller: decoding has its price on every read.</summary>
    public static bool IsWorthCompressing(int rawLength, int compressedLength) => compressedLength < rawLength - rawLength / 8;
}
