using Hestia.Core.Checksums;

namespace Hestia.Core.Compaction;

/// <summary>
/// Decides where one output segment ends and the next begins. The places depend on the keys and not on where the compaction began, so a
/// change in one place leaves the later segments, and with them what a backup has already, as they were.
/// </summary>
internal sealed class SegmentCutter(long targetBytes)
{
    private readonly long _minBytes = targetBytes / 2;
    private readonly long _maxBytes = targetBytes * 2;

    /// <summary>Whether to end the segment before this entry.</summary>
    public bool CutBefore(ReadOnlySpan<byte> key, int entryBytes, long segmentBytes)
    {
        if (segmentBytes < _minBytes) return false;
        if (segmentBytes >= _maxBytes) return true;
        // A key is a cut with a chance in proportion to its entry's size, so that on average half a target's bytes go by until one comes.
        var chance = Math.Min(1.0, (double)entryBytes / _minBytes);
        return Mix(Crc32C.Compute(key)) < (uint)(chance * uint.MaxValue);
    }

    /// <summary>A CRC of similar keys is similar in its low bits only by accident of the polynomial; a multiply spreads it.</summary>
    private static uint Mix(uint value) => (uint)((value * 0x9E3779B97F4A7C15UL) >> 32);
}
