using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hestia.Core.Segments;

/// <summary>One entry as it lies in a block.</summary>
internal unsafe struct BlockEntry
{
    public uint Shared;
    public uint Unshared;
    public uint Tag;
    public byte* Suffix;

    public readonly byte* Value => Suffix + Unshared;

    public readonly int ValueLength => Tag >= SegmentFormat.TagInline ? (int)(Tag - SegmentFormat.TagInline)
        : Tag == SegmentFormat.TagLargeValue ? SegmentFormat.LargeReferenceBytes : 0;

    public readonly OperationKind Kind => Tag == SegmentFormat.TagTombstone ? OperationKind.Delete : OperationKind.Put;
}

/// <summary>
/// The payload of a data block in memory. Its checksum was right when it was read, so what does not fit is a defect or an attack;
/// every length is checked all the same.
/// </summary>
internal readonly unsafe struct BlockView
{
    private readonly byte* _restarts;
    private readonly byte* _lsns;
    private readonly ulong _minLsn;
    private readonly int _restartWidth;
    private readonly int _lsnWidth;

    private BlockView(byte* data, byte* lsns, byte* restarts, ulong minLsn, int entries, int interval, int restartCount, int lsnWidth, int restartWidth)
    {
        Data = data;
        EntriesEnd = lsns;
        _lsns = lsns;
        _restarts = restarts;
        _minLsn = minLsn;
        EntryCount = entries;
        RestartInterval = interval;
        RestartCount = restartCount;
        _lsnWidth = lsnWidth;
        _restartWidth = restartWidth;
    }

    public byte* Data { get; }

    public byte* EntriesEnd { get; }

    public int EntryCount { get; }

    public int RestartInterval { get; }

    public int RestartCount { get; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryOpen(byte* data, int length, out BlockView view)
    {
        view = default;
        if (length < SegmentFormat.DataTailBytes) return false;
        var tail = data + length - SegmentFormat.DataTailBytes;
        var bytes = new ReadOnlySpan<byte>(tail, SegmentFormat.DataTailBytes);
        var minLsn = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var entries = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        uint interval = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
        int lsnWidth = bytes[14], restartWidth = bytes[15];
        if (entries - 1 >= (uint)length || interval - 1 >= SegmentFormat.MaxRestartInterval) return false;
        if (lsnWidth > 8 || restartWidth is not (2 or 4)) return false;
        var restarts = (entries + interval - 1) / interval;
        var columns = (long)entries * lsnWidth + (long)restarts * restartWidth;
        if (columns >= length - SegmentFormat.DataTailBytes) return false;
        var restartsAt = tail - restarts * (uint)restartWidth;
        view = new BlockView(
            data, restartsAt - entries * (uint)lsnWidth, restartsAt, minLsn, (int)entries, (int)interval, (int)restarts, lsnWidth, restartWidth);
        return true;
    }

    /// <summary>Where the entries of a restart point begin, or null if that is outside the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Restart(int index)
    {
        var at = _restarts + (nint)index * _restartWidth;
        uint offset = _restartWidth == 2
            ? BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(at, 2))
            : BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(at, 4));
        return offset < (ulong)(EntriesEnd - Data) ? Data + offset : null;
    }

    /// <summary>LSN of the entry with this ordinal in the block.</summary>
    public ulong Lsn(int ordinal)
    {
        if (_lsnWidth == 0) return _minLsn;
        // 16 bytes of tail follow the column, so that 8 may be read at any of its places.
        var wide = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_lsns + (nint)ordinal * _lsnWidth, 8));
        return _minLsn + (wide & (ulong.MaxValue >> (64 - 8 * _lsnWidth)));
    }

    /// <summary>Takes the entry at <paramref name="at"/> apart; returns where the next begins, or null if it does not fit the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Read(byte* at, out BlockEntry entry)
    {
        Unsafe.SkipInit(out entry);
        if (at >= EntriesEnd) return null;
        // The tail keeps these four bytes inside the block.
        if ((Unsafe.ReadUnaligned<uint>(at) & (BitConverter.IsLittleEndian ? 0x0080_8080u : 0x8080_8000u)) == 0)
        {
            entry.Shared = at[0];
            entry.Unshared = at[1];
            entry.Tag = at[2];
            entry.Suffix = at + 3;
        }
        else if ((at = ReadLong(at, out entry)) == null)
        {
            return null;
        }

        var next = entry.Suffix + entry.Unshared + (uint)entry.ValueLength;
        return next <= EntriesEnd ? next : null;
    }

    /// <summary>
    /// Finds the entry with exactly this key. 1: found; 0: not here; -1: the block is damaged.
    /// </summary>
    public int Find(byte* key, int keyLength, out BlockEntry entry, out int ordinal)
    {
        ordinal = 0;
        Unsafe.SkipInit(out entry);
        int low = 0, high = RestartCount - 1;
        while (low < high)
        {
            var middle = (low + high + 1) >> 1;
            var restart = Restart(middle);
            if (restart == null || Read(restart, out entry) == null || entry.Shared != 0) return -1;
            var order = KeyOrder.Compare(entry.Suffix, (int)entry.Unshared, key, keyLength);
            if (order == 0)
            {
                ordinal = middle * RestartInterval;
                return 1;
            }

            if (order < 0) low = middle;
            else high = middle - 1;
        }

        var at = Restart(low);
        var stop = Math.Min((low + 1) * RestartInterval, EntryCount);
        // The entry before is smaller than the key and has `matched` bytes in common with it. One that shares more with its predecessor
        // is smaller, too; one that shares less is larger than the key; only one that shares as much needs a look.
        var matched = 0;
        for (ordinal = low * RestartInterval; ordinal < stop; ordinal++)
        {
            if (at == null || (at = Read(at, out entry)) == null) return -1;
            var shared = (int)entry.Shared;
            if (shared > matched) continue;
            if (shared < matched) return 0;
            var unshared = (int)entry.Unshared;
            var common = Math.Min(unshared, keyLength - shared);
            var equal = KeyOrder.CommonPrefix(entry.Suffix, key + shared, common);
            if (equal == common)
            {
                if (unshared == keyLength - shared) return 1;
                if (unshared > common) return 0; // the key is a prefix of this one
            }
            else if (entry.Suffix[equal] > key[shared + equal])
            {
                return 0;
            }

            matched = shared + equal;
        }

        return 0;
    }

    private byte* ReadLong(byte* at, out BlockEntry entry)
    {
        Unsafe.SkipInit(out entry);
        if ((at = Varint.Read(at, EntriesEnd, out entry.Shared)) == null) return null;
        if ((at = Varint.Read(at, EntriesEnd, out entry.Unshared)) == null) return null;
        if ((at = Varint.Read(at, EntriesEnd, out entry.Tag)) == null) return null;
        // Larger numbers would overflow the sums of those who use them.
        if (entry.Shared > Limits.MaxKeyBytes || entry.Unshared > Limits.MaxKeyBytes || entry.Tag > Limits.LargeValueBytes + 1) return null;
        entry.Suffix = at;
        return at;
    }
}
