using System.Buffers.Binary;

namespace Hestia.Core.Segments;

/// <summary>What a segment says of itself: nothing about time, level, number or index, so that equal entries give equal bytes.</summary>
internal sealed record SegmentProperties
{
    public required long Entries { get; init; }

    public required long Tombstones { get; init; }

    public required ulong MinLsn { get; init; }

    public required ulong MaxLsn { get; init; }

    /// <summary>Bytes of all keys, before prefix compression.</summary>
    public required long KeyBytes { get; init; }

    /// <summary>Bytes of all values, large ones included.</summary>
    public required long ValueBytes { get; init; }

    public required long DataBlocks { get; init; }

    /// <summary>Bytes of the data blocks as stored.</summary>
    public required long DataBlockBytes { get; init; }

    public required long LargeValues { get; init; }

    /// <summary>Bytes of the large-value blocks as stored.</summary>
    public required long LargeValueBytes { get; init; }

    /// <summary>Bytes of payload a data block aimed at.</summary>
    public required int BlockBytes { get; init; }

    public required int RestartInterval { get; init; }

    public required int BloomBitsPerKey { get; init; }

    public required BlockCodec Codec { get; init; }

    public required byte[] MinKey { get; init; }

    public required byte[] MaxKey { get; init; }

    public byte[] Encode()
    {
        var bytes = new byte[SegmentFormat.PropertiesFixedBytes + MinKey.Length + MaxKey.Length];
        var at = bytes.AsSpan();
        BinaryPrimitives.WriteInt64LittleEndian(at, Entries);
        BinaryPrimitives.WriteInt64LittleEndian(at[8..], Tombstones);
        BinaryPrimitives.WriteUInt64LittleEndian(at[16..], MinLsn);
        BinaryPrimitives.WriteUInt64LittleEndian(at[24..], MaxLsn);
        BinaryPrimitives.WriteInt64LittleEndian(at[32..], KeyBytes);
        BinaryPrimitives.WriteInt64LittleEndian(at[40..], ValueBytes);
        BinaryPrimitives.WriteInt64LittleEndian(at[48..], DataBlocks);
        BinaryPrimitives.WriteInt64LittleEndian(at[56..], DataBlockBytes);
        BinaryPrimitives.WriteInt64LittleEndian(at[64..], LargeValues);
        BinaryPrimitives.WriteInt64LittleEndian(at[72..], LargeValueBytes);
        BinaryPrimitives.WriteInt32LittleEndian(at[80..], BlockBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(at[84..], (ushort)RestartInterval);
        at[86] = (byte)BloomBitsPerKey;
        at[87] = (byte)Codec;
        BinaryPrimitives.WriteInt32LittleEndian(at[88..], MinKey.Length);
        BinaryPrimitives.WriteInt32LittleEndian(at[92..], MaxKey.Length);
        MinKey.CopyTo(at[SegmentFormat.PropertiesFixedBytes..]);
        MaxKey.CopyTo(at[(SegmentFormat.PropertiesFixedBytes + MinKey.Length)..]);
        return bytes;
    }

    /// <summary>Null if these bytes are no properties, or contradict themselves.</summary>
    public static SegmentProperties? TryDecode(ReadOnlySpan<byte> at)
    {
        if (at.Length < SegmentFormat.PropertiesFixedBytes) return null;
        var minKeyLength = BinaryPrimitives.ReadUInt32LittleEndian(at[88..]);
        var maxKeyLength = BinaryPrimitives.ReadUInt32LittleEndian(at[92..]);
        if (minKeyLength - 1 >= Limits.MaxKeyBytes || maxKeyLength - 1 >= Limits.MaxKeyBytes) return null;
        if (at.Length != SegmentFormat.PropertiesFixedBytes + minKeyLength + maxKeyLength || at[87] > (byte)BlockCodec.Snappy) return null;
        var keys = at[SegmentFormat.PropertiesFixedBytes..];
        var properties = new SegmentProperties
        {
            Entries = BinaryPrimitives.ReadInt64LittleEndian(at),
            Tombstones = BinaryPrimitives.ReadInt64LittleEndian(at[8..]),
            MinLsn = BinaryPrimitives.ReadUInt64LittleEndian(at[16..]),
            MaxLsn = BinaryPrimitives.ReadUInt64LittleEndian(at[24..]),
            KeyBytes = BinaryPrimitives.ReadInt64LittleEndian(at[32..]),
            ValueBytes = BinaryPrimitives.ReadInt64LittleEndian(at[40..]),
            DataBlocks = BinaryPrimitives.ReadInt64LittleEndian(at[48..]),
            DataBlockBytes = BinaryPrimitives.ReadInt64LittleEndian(at[56..]),
            LargeValues = BinaryPrimitives.ReadInt64LittleEndian(at[64..]),
            LargeValueBytes = BinaryPrimitives.ReadInt64LittleEndian(at[72..]),
            BlockBytes = BinaryPrimitives.ReadInt32LittleEndian(at[80..]),
            RestartInterval = BinaryPrimitives.ReadUInt16LittleEndian(at[84..]),
            BloomBitsPerKey = at[86],
            Codec = (BlockCodec)at[87],
            MinKey = keys[..(int)minKeyLength].ToArray(),
            MaxKey = keys[(int)minKeyLength..].ToArray(),
        };
        if (properties.Entries <= 0 || (ulong)properties.Tombstones > (ulong)properties.Entries || properties.MinLsn > properties.MaxLsn) return null;
        return properties.MinKey.AsSpan().SequenceCompareTo(properties.MaxKey) > 0 ? null : properties;
    }
}
