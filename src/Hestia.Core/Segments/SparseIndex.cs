using System.Buffers.Binary;
using Hestia.Core.Caching;

namespace Hestia.Core.Segments;

/// <summary>
/// Where the data blocks lie. Each has a separator: the shortest key above every key of the block before and at or below its own first
/// (empty for the first block). Held in native memory with the common prefix of all separators stripped and their next 8 bytes side by
/// side, so that a search touches few cache lines and compares whole keys only among equals.
/// </summary>
internal sealed unsafe class SparseIndex : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly byte* _common;
    private readonly int _commonLength;
    private readonly ulong* _prefixes;
    private readonly long* _offsets;
    private readonly int* _lengths;
    private readonly int* _keyEnds;
    private readonly byte* _keys;

    private SparseIndex(NativeBuffer memory, int count, int commonLength)
    {
        _memory = memory;
        Count = count;
        _prefixes = (ulong*)memory.Pointer;
        _offsets = (long*)(_prefixes + count);
        _lengths = (int*)(_offsets + count);
        _keyEnds = _lengths + count;
        _common = (byte*)(_keyEnds + count);
        _commonLength = commonLength;
        _keys = _common + commonLength;
    }

    /// <summary>Data blocks.</summary>
    public int Count { get; }

    public long Bytes => _memory.Capacity;

    public long Offset(int block) => _offsets[block];

    public int Length(int block) => _lengths[block];

    /// <summary>The separator in front of a block.</summary>
    public byte[] Separator(int block)
    {
        if (block == 0) return [];
        var suffix = Suffix(block);
        var key = new byte[_commonLength + suffix.Length];
        new ReadOnlySpan<byte>(_common, _commonLength).CopyTo(key);
        suffix.CopyTo(key.AsSpan(_commonLength));
        return key;
    }

    /// <summary>
    /// Takes the payload of an index block apart; null if it is none or its blocks do not lie between header and
    /// <paramref name="dataEnd"/>,
    /// in order. Takes memory in proportion to the payload.
    /// </summary>
    public static SparseIndex? TryOpen(ReadOnlySpan<byte> payload, long dataEnd)
    {
        if (payload.Length < 8) return null;
        var count = BinaryPrimitives.ReadUInt32LittleEndian(payload);
        var commonLength = BinaryPrimitives.ReadUInt32LittleEndian(payload[4..]);
        // A block takes three bytes here at the least, and its frame in the file.
        if (count == 0 || count > payload.Length / 3 || count > dataEnd / SegmentFormat.BlockOverhead) return null;
        if (commonLength > Limits.MaxKeyBytes || commonLength > payload.Length - 8) return null;
        var memory = new NativeBuffer((nint)count * (8 + 8 + 4 + 4) + payload.Length);
        var index = new SparseIndex(memory, (int)count, (int)commonLength);
        if (index.Fill(payload[8..], dataEnd)) return index;
        memory.Dispose();
        return null;
    }

    /// <summary>The only block that can hold the key, or the first at or after it: the last one whose separator is not above it.</summary>
    public int Find(ReadOnlySpan<byte> key)
    {
        if (Count == 1) return 0;
        fixed (byte* target = key)
        {
            if (_commonLength > 0)
            {
                var common = KeyOrder.Compare(target, Math.Min(key.Length, _commonLength), _common, _commonLength);
                if (common != 0) return common < 0 ? 0 : Count - 1;
            }

            var rest = target + _commonLength;
            var length = key.Length - _commonLength;
            var prefix = KeyOrder.Prefix(rest, length);
            // First separator whose prefix is at or above the key's; no branch depends on the data.
            var from = _prefixes + 1;
            var n = Count - 1;
            while (n > 1)
            {
                var half = n >> 1;
                from += from[half - 1] < prefix ? half : 0;
                n -= half;
            }

            var block = (int)(from - _prefixes) + (*from < prefix ? 1 : 0);
            if (block == Count || _prefixes[block] != prefix) return block - 1;
            return FindAmongEqual(block, prefix, rest, length);
        }
    }

    public void Dispose() => _memory.Dispose();

    private int FindAmongEqual(int first, ulong prefix, byte* rest, int length)
    {
        // Equal prefixes may go on for long (keys that differ late): gallop to their end, then search.
        var high = first;
        for (var step = 1; high < Count && _prefixes[high] == prefix; step *= 2) high = step > Count - high ? Count : high + step;
        var low = first;
        while (low < high)
        {
            var middle = (low + high) >> 1;
            bool above;
            if (_prefixes[middle] != prefix)
            {
                above = true;
            }
            else
            {
                var suffix = Suffix(middle);
                fixed (byte* separator = suffix) above = KeyOrder.Compare(separator, suffix.Length, rest, length) > 0;
            }

            if (above) high = middle;
            else low = middle + 1;
        }

        return low - 1;
    }

    private ReadOnlySpan<byte> Suffix(int block)
    {
        var start = block == 0 ? 0 : _keyEnds[block - 1];
        return new ReadOnlySpan<byte>(_keys + start, _keyEnds[block] - start);
    }

    private bool Fill(ReadOnlySpan<byte> source, long dataEnd)
    {
        source[.._commonLength].CopyTo(new Span<byte>(_common, _commonLength));
        fixed (byte* start = source)
        {
            var at = start + _commonLength;
            var end = start + source.Length;
            long next = SegmentFormat.HeaderBytes;
            var used = 0;
            for (var i = 0; i < Count; i++)
            {
                if ((at = Varint.Read(at, end, out ulong gap)) == null) return false;
                if ((at = Varint.Read(at, end, out uint length)) == null) return false;
                if ((at = Varint.Read(at, end, out uint suffixLength)) == null) return false;
                if (gap > (ulong)(dataEnd - next) || length > int.MaxValue || length < SegmentFormat.BlockOverhead) return false;
                var offset = next + (long)gap;
                if (length > dataEnd - offset || suffixLength > end - at || suffixLength + _commonLength > Limits.MaxKeyBytes) return false;
                if (i == 0 && suffixLength != 0) return false;
                Buffer.MemoryCopy(at, _keys + used, suffixLength, suffixLength);
                _prefixes[i] = KeyOrder.Prefix(at, (int)suffixLength);
                _offsets[i] = offset;
                _lengths[i] = (int)length;
                used += (int)suffixLength;
                _keyEnds[i] = used;
                at += suffixLength;
                next = offset + length;
                if (i >= 2 && Suffix(i - 1).SequenceCompareTo(Suffix(i)) >= 0) return false;
            }

            return at == end && next == dataEnd;
        }
    }
}

/// <summary>Collects the sparse index while a segment is written.</summary>
internal sealed unsafe class SparseIndexBuilder : IDisposable
{
    private readonly NativeBuffer _separators = new(4 << 10);
    private readonly NativeBuffer _blocks = new(4 << 10);
    private readonly NativeBuffer _payload = new();
    private int _separatorBytes;
    private int _count;

    /// <summary>Bytes the index would take now.</summary>
    public long Bytes => _separatorBytes + (long)_count * 8;

    /// <summary>Adds the next data block. All separators but the first are not empty and strictly ascending.</summary>
    public void Add(ReadOnlySpan<byte> separator, long offset, long length)
    {
        if (Bytes + separator.Length > SegmentFormat.MaxIndexBytes / 2)
        {
            throw new HestiaException(
                HestiaErrorCode.SegmentLimit,
                $"The keys that stand between the blocks of a segment take more than {SegmentFormat.MaxIndexBytes / 2:N0} bytes, which is all its index can hold.",
                action: "Open the index with a smaller MemtableBytes, so that fewer long keys come into one segment.");
        }

        separator.CopyTo(new Span<byte>(_separators.Grow(_separatorBytes + separator.Length, _separatorBytes) + _separatorBytes,
            separator.Length));
        _separatorBytes += separator.Length;
        var blocks = (Block*)_blocks.Grow((_count + 1) * sizeof(Block), _count * sizeof(Block));
        blocks[_count++] = new Block { Offset = offset, Length = length, SeparatorEnd = _separatorBytes };
    }

    /// <summary>The payload of the index block, valid until the builder is disposed.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        var separators = _separators.Pointer;
        var blocks = (Block*)_blocks.Pointer;
        var common = 0;
        if (_count > 1)
        {
            // They ascend, so what the first and the last have in common all have; block 0 has none.
            var first = new ReadOnlySpan<byte>(separators, blocks[1].SeparatorEnd);
            var last =
                new ReadOnlySpan<byte>(separators + blocks[_count - 2].SeparatorEnd, _separatorBytes - blocks[_count - 2].SeparatorEnd);
            if (_count == 2) last = first;
            common = first.CommonPrefixLength(last);
        }

        var capacity = 8 + common + _separatorBytes + _count * (Varint.MaxBytes64 + 2 * Varint.MaxBytes32);
        var start = _payload.Reserve(capacity);
        BinaryPrimitives.WriteInt32LittleEndian(new Span<byte>(start, 4), _count);
        BinaryPrimitives.WriteInt32LittleEndian(new Span<byte>(start + 4, 4), common);
        var at = start + 8;
        if (_count > 1) Buffer.MemoryCopy(separators, at, common, common);
        at += common;
        long next = SegmentFormat.HeaderBytes;
        for (var i = 0; i < _count; i++)
        {
            var from = i == 0 ? 0 : blocks[i - 1].SeparatorEnd + common;
            var length = blocks[i].SeparatorEnd - from;
            at = Varint.Write(at, (ulong)(blocks[i].Offset - next));
            at = Varint.Write(at, (uint)blocks[i].Length);
            at = Varint.Write(at, (uint)length);
            Buffer.MemoryCopy(separators + from, at, length, length);
            at += length;
            next = blocks[i].Offset + blocks[i].Length;
        }

        return new ReadOnlySpan<byte>(start, (int)(at - start));
    }

    public void Dispose()
    {
        _separators.Dispose();
        _blocks.Dispose();
        _payload.Dispose();
    }

    private struct Block
    {
        public long Offset;
        public long Length;
        public int SeparatorEnd;
    }
}
