using System.Buffers.Binary;
using Hestia.Core.Caching;

namespace Hestia.Core.Segments;

/// <summary>What <see cref="SegmentWalker.Next"/> came to.</summary>
internal enum WalkStep
{
    End,
    Block,
    Damage,
}

/// <summary>
/// Goes through the blocks of a segment in the order of the file, by their own headers alone; index and footer are not needed. Where a
/// header is damaged, it looks for the next place that proves itself a block.
/// </summary>
internal sealed unsafe class SegmentWalker(SegmentScanner scanner, bool footerIsGood) : IDisposable
{
    private readonly NativeBuffer _decoded = new();
    private bool _headerPassed;
    private bool _propertiesSeen;

    public WalkStep Step { get; private set; }

    public long Offset { get; private set; }

    /// <summary>Where the block, or the damage, ends.</summary>
    public long End { get; private set; }

    /// <summary>Kind of the block; of a damaged one if its header is good, otherwise null.</summary>
    public BlockKind? Kind { get; private set; }

    public BlockCodec Codec { get; private set; }

    /// <summary>What is wrong, after a damage.</summary>
    public string Problem { get; private set; } = "";

    public BlockLocation Location { get; private set; }

    /// <summary>The decoded payload of a data block, until the next step; nothing for other kinds.</summary>
    public byte* Payload => _decoded.Pointer;

    /// <summary>Decoded length of a data or large-value block.</summary>
    public int PayloadLength { get; private set; }

    // A damaged footer may be none at all, as after a truncation: then blocks may reach to the very end.
    private long BlocksEnd => footerIsGood || _propertiesSeen ? scanner.Length - SegmentFormat.FooterBytes : scanner.Length;

    public WalkStep Next()
    {
        Offset = scanner.Position;
        Kind = null;
        Problem = "";
        if (!_headerPassed)
        {
            _headerPassed = true;
            if (!SegmentHeader.IsValid(scanner.Peek(SegmentFormat.HeaderBytes))) return Damage(SegmentFormat.HeaderBytes, "the file does not begin as a segment does");
            scanner.Skip(SegmentFormat.HeaderBytes);
            Offset = scanner.Position;
        }

        if (Offset >= BlocksEnd || _propertiesSeen)
        {
            if (Offset < BlocksEnd) return Damage(BlocksEnd - Offset, "there are bytes behind the last block");
            return Step = WalkStep.End;
        }

        if (!BlockFrame.TryReadHeader(scanner.Peek(SegmentFormat.BlockHeaderBytes), Offset, out var frame) || frame.TotalLength > BlocksEnd - Offset)
            return Resynchronise();
        Kind = frame.Kind;
        Codec = frame.Codec;
        _propertiesSeen = frame.Kind == BlockKind.Properties;
        var problem = frame.Kind is BlockKind.Data or BlockKind.LargeValue ? ReadDecoded(frame) : CheckOnly(frame);
        End = Offset + frame.TotalLength;
        scanner.Skip(End - scanner.Position);
        Problem = problem ?? "";
        return Step = problem is null ? WalkStep.Block : WalkStep.Damage;
    }

    public void Dispose() => _decoded.Dispose();

    private string? ReadDecoded(in BlockFrame header)
    {
        var max = header.Kind == BlockKind.Data ? SegmentFormat.MaxDataPayloadBytes : Limits.MaxValueBytes;
        if (header.PayloadLength > max) return $"a block of kind {header.Kind} is longer than there can be";
        var block = scanner.Peek((int)header.TotalLength);
        if (BlockDecoder.Check(block, Offset, header.Kind, max, out var frame, out var length) is { } problem) return problem;
        Location = new BlockLocation(Offset, frame.TotalLength, BinaryPrimitives.ReadUInt32LittleEndian(block[^SegmentFormat.BlockTrailerBytes..]));
        PayloadLength = length;
        // A large value stored as it is needs no decoding to be known good.
        if (frame.Kind == BlockKind.LargeValue && frame.Codec == BlockCodec.None) return null;
        return BlockDecoder.TryDecode(block, frame, new Span<byte>(_decoded.Reserve(length), length)) ? null : "a compressed block cannot be decoded";
    }

    private string? CheckOnly(in BlockFrame frame)
    {
        scanner.Skip(SegmentFormat.BlockHeaderBytes);
        var crc = scanner.SkipChecksum(frame.Seed, frame.PayloadLength);
        Location = new BlockLocation(Offset, frame.TotalLength, crc);
        PayloadLength = 0;
        return crc == BinaryPrimitives.ReadUInt32LittleEndian(scanner.Peek(SegmentFormat.BlockTrailerBytes)) ? null : "the checksum of a block is wrong";
    }

    private WalkStep Damage(long length, string problem)
    {
        scanner.Skip(length);
        End = scanner.Position;
        Problem = problem;
        return Step = WalkStep.Damage;
    }

    /// <summary>A header proves itself by magic, sizes and a checksum over its own place: four billion to one against chance.</summary>
    private WalkStep Resynchronise()
    {
        Span<byte> magic = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(magic, SegmentFormat.BlockMagic);
        scanner.Skip(1);
        while (scanner.Position < BlocksEnd)
        {
            var window = scanner.PeekWindow();
            if (window.Length < magic.Length) window = scanner.Peek(magic.Length);
            var at = window.IndexOf(magic);
            if (at < 0)
            {
                // The last byte may be the first of the magic.
                scanner.Skip(Math.Max(1, window.Length - 1));
                continue;
            }

            scanner.Skip(at);
            if (scanner.Position >= BlocksEnd) break;
            if (BlockFrame.TryReadHeader(scanner.Peek(SegmentFormat.BlockHeaderBytes), scanner.Position, out var frame)
                && frame.TotalLength <= BlocksEnd - scanner.Position) break;
            scanner.Skip(1);
        }

        // Past the blocks there is only the footer, which is looked at on its own.
        End = Math.Min(scanner.Position, Math.Max(BlocksEnd, Offset + 1));
        Problem = "no block begins where the one before ends";
        return Step = WalkStep.Damage;
    }
}
