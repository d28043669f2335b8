using System.Buffers.Binary;
using System.Numerics;
using Hestia.Core.Caching;

namespace Hestia.Core.Segments;

/// <summary>
/// Builds the payload of one data block: entries that share a prefix with the one before, a whole key at every restart point, then the
/// LSNs as a column of fixed width above the block's smallest, then the offsets of the restart points.
/// </summary>
internal sealed unsafe class BlockBuilder(int restartInterval) : IDisposable
{
    private const int MaxEntryOverhead = 3 * Varint.MaxBytes32;

    private readonly NativeBuffer _payload = new(64 << 10);
    private readonly NativeBuffer _lsns = new(4 << 10);
    private readonly NativeBuffer _restarts = new(1 << 10);
    private int _length;
    private ulong _minLsn = ulong.MaxValue;
    private ulong _maxLsn;

    public int EntryCount { get; private set; }

    private int RestartCount => (EntryCount + restartInterval - 1) / restartInterval;

    /// <summary>Length of the payload were it finished now.</summary>
    public int Size => EntryCount == 0 ? 0 : SizeOf(_length, EntryCount, _minLsn, _maxLsn);

    /// <summary>Length of the payload with one more entry, at most.</summary>
    public int SizeWith(int keyLength, int shared, int valueLength, ulong lsn)
    {
        var stored = EntryCount % restartInterval == 0 ? keyLength : keyLength - shared;
        return SizeOf(_length + stored + valueLength + MaxEntryOverhead, EntryCount + 1, Math.Min(_minLsn, lsn), Math.Max(_maxLsn, lsn));
    }

    /// <summary>
    /// Adds an entry behind all others. <paramref name="shared"/> is what its key has in common with the key added before (also in an
    /// earlier block; the first of a block stores its key whole). <paramref name="tag"/> is the entry's third varint.
    /// </summary>
    public void Add(ReadOnlySpan<byte> key, int shared, ulong lsn, uint tag, ReadOnlySpan<byte> value)
    {
        var base_ = _payload.Grow(_length + key.Length + value.Length + MaxEntryOverhead, _length);
        if (EntryCount % restartInterval == 0)
        {
            var index = EntryCount / restartInterval;
            ((int*)_restarts.Grow(4 * (index + 1), 4 * index))[index] = _length;
            shared = 0;
        }

        ((ulong*)_lsns.Grow(8 * (EntryCount + 1), 8 * EntryCount))[EntryCount] = lsn;
        EntryCount++;
        if (lsn < _minLsn) _minLsn = lsn;
        if (lsn > _maxLsn) _maxLsn = lsn;
        var at = base_ + _length;
        at = Varint.Write(at, (uint)shared);
        at = Varint.Write(at, (uint)(key.Length - shared));
        at = Varint.Write(at, tag);
        key[shared..].CopyTo(new Span<byte>(at, key.Length - shared));
        at += key.Length - shared;
        value.CopyTo(new Span<byte>(at, value.Length));
        _length = (int)(at + value.Length - base_);
    }

    /// <summary>The payload, valid until the next call; the builder is empty again afterwards.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        var restarts = RestartCount;
        var restartWidth = RestartWidth(_length);
        var lsnWidth = LsnWidth(_minLsn, _maxLsn);
        var size = SizeOf(_length, EntryCount, _minLsn, _maxLsn);
        var payload = new Span<byte>(_payload.Grow(size + 8, _length), size + 8);
        var at = _length;
        if (lsnWidth > 0)
        {
            var lsns = (ulong*)_lsns.Pointer;
            // Each store is 8 bytes wide and the next one covers what was too much; the last is covered by what follows.
            for (var i = 0; i < EntryCount; i++, at += lsnWidth) BinaryPrimitives.WriteUInt64LittleEndian(payload[at..], lsns[i] - _minLsn);
        }

        var offsets = (int*)_restarts.Pointer;
        for (var i = 0; i < restarts; i++, at += restartWidth)
        {
            if (restartWidth == 2) BinaryPrimitives.WriteUInt16LittleEndian(payload[at..], (ushort)offsets[i]);
            else BinaryPrimitives.WriteInt32LittleEndian(payload[at..], offsets[i]);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(payload[at..], _minLsn);
        BinaryPrimitives.WriteInt32LittleEndian(payload[(at + 8)..], EntryCount);
        BinaryPrimitives.WriteUInt16LittleEndian(payload[(at + 12)..], (ushort)restartInterval);
        payload[at + 14] = (byte)lsnWidth;
        payload[at + 15] = (byte)restartWidth;
        _length = EntryCount = 0;
        _minLsn = ulong.MaxValue;
        _maxLsn = 0;
        return payload[..size];
    }

    public void Dispose()
    {
        _payload.Dispose();
        _lsns.Dispose();
        _restarts.Dispose();
    }

    private static int LsnWidth(ulong min, ulong max) => (71 - BitOperations.LeadingZeroCount(max - min)) / 8;

    private static int RestartWidth(int entryBytes) => entryBytes <= ushort.MaxValue ? 2 : 4;

    private int SizeOf(int entryBytes, int entries, ulong minLsn, ulong maxLsn) =>
        entryBytes + entries * LsnWidth(minLsn, maxLsn) + (entries + restartInterval - 1) / restartInterval * RestartWidth(entryBytes)
        + SegmentFormat.DataTailBytes;
}
