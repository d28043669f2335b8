using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Hestia.Core.Caching;

namespace Hestia.Core.Segments;

/// <summary>
/// Cache-line-blocked Bloom filter over the XXH64 of the keys: the high half of the hash chooses a line of 64 bytes, the low half the bits
/// in it, so that a question costs one cache miss. At 10 bits per key about one absent key in a hundred passes.
/// </summary>
internal readonly unsafe struct BloomFilter
{
    private const uint ProbeMultiplier = 0x9E3779B9;

    private readonly byte* _lines;
    private readonly uint _lineCount;
    private readonly int _probes;

    private BloomFilter(byte* lines, uint lineCount, int probes)
    {
        _lines = lines;
        _lineCount = lineCount;
        _probes = probes;
    }

    public static long PayloadBytes(long keys, int bitsPerKey) => SegmentFormat.FilterHeadBytes + LineCount(keys, bitsPerKey) * SegmentFormat.FilterLineBytes;

    /// <summary>Fills <paramref name="payload"/> (of <see cref="PayloadBytes"/>) with the filter of these hashes.</summary>
    public static void Build(ulong* hashes, long count, int bitsPerKey, byte* payload)
    {
        var lines = (uint)LineCount(count, bitsPerKey);
        var probes = Probes(bitsPerKey);
        var head = new Span<byte>(payload, SegmentFormat.FilterHeadBytes);
        head.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(head, lines);
        head[4] = (byte)probes;
        head[5] = (byte)bitsPerKey;
        var start = payload + SegmentFormat.FilterHeadBytes;
        for (uint i = 0; i < lines; i++) new Span<byte>(start + (nint)i * SegmentFormat.FilterLineBytes, SegmentFormat.FilterLineBytes).Clear();
        for (long i = 0; i < count; i++)
        {
            var line = Line(start, lines, hashes[i]);
            var bits = (uint)hashes[i];
            for (var probe = 0; probe < probes; probe++, bits *= ProbeMultiplier) line[bits >> 26] |= (byte)(1 << (int)((bits >> 23) & 7));
        }
    }

    /// <summary>Takes a payload apart; false if it is no filter. The memory must outlive the filter.</summary>
    public static bool TryOpen(byte* payload, long length, out BloomFilter filter)
    {
        filter = default;
        if (length < SegmentFormat.FilterHeadBytes + SegmentFormat.FilterLineBytes) return false;
        var head = new ReadOnlySpan<byte>(payload, SegmentFormat.FilterHeadBytes);
        var lines = BinaryPrimitives.ReadUInt32LittleEndian(head);
        int probes = head[4], bitsPerKey = head[5];
        if (lines * (long)SegmentFormat.FilterLineBytes + SegmentFormat.FilterHeadBytes != length) return false;
        if (bitsPerKey is < 1 or > SegmentFormat.MaxFilterBitsPerKey || probes != Probes(bitsPerKey) || head[6] != 0 || head[7] != 0) return false;
        filter = new BloomFilter(payload + SegmentFormat.FilterHeadBytes, lines, probes);
        return true;
    }

    /// <summary>False: no key with this hash is in. True: it probably is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayContain(ulong hash)
    {
        var line = Line(_lines, _lineCount, hash);
        var bits = (uint)hash;
        for (var probe = _probes; probe > 0; probe--, bits *= ProbeMultiplier)
        {
            if ((line[bits >> 26] & (1 << (int)((bits >> 23) & 7))) == 0) return false;
        }

        return true;
    }

    /// <summary>Near the ln 2 times the bits that is best in theory, less what a blocked filter and the time per probe make of it.</summary>
    private static int Probes(int bitsPerKey) => Math.Clamp((bitsPerKey * 6 + 5) / 10, 1, 16);

    private static long LineCount(long keys, int bitsPerKey)
    {
        var lines = (keys * bitsPerKey + 8 * SegmentFormat.FilterLineBytes - 1) / (8 * SegmentFormat.FilterLineBytes);
        return Math.Clamp(lines, 1, SegmentFormat.MaxFilterBytes / SegmentFormat.FilterLineBytes - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Line(byte* lines, uint count, ulong hash) => lines + (nint)(((hash >> 32) * count) >> 32) * SegmentFormat.FilterLineBytes;
}

/// <summary>The hashes of a segment's keys while it is written.</summary>
internal sealed unsafe class HashList : IDisposable
{
    private readonly NativeBuffer _buffer = new(64 << 10);
    private ulong* _next;
    private ulong* _end;

    public HashList() => SetEnd(0);

    public long Count => _next - (ulong*)_buffer.Pointer;

    public ulong* Pointer => (ulong*)_buffer.Pointer;

    public void Add(ulong hash)
    {
        if (_next == _end) Grow();
        *_next++ = hash;
    }

    public void Dispose() => _buffer.Dispose();

    private void Grow()
    {
        var count = Count;
        _buffer.Grow((nint)(count + 1) * sizeof(ulong), (nint)count * sizeof(ulong));
        SetEnd(count);
    }

    private void SetEnd(long count)
    {
        _next = (ulong*)_buffer.Pointer + count;
        _end = (ulong*)_buffer.Pointer + _buffer.Capacity / sizeof(ulong);
    }
}
