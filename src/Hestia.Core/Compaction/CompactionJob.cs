using Hestia.Core.Manifest;
using Hestia.Core.Reading;
using Hestia.Core.Segments;

namespace Hestia.Core.Compaction;

/// <summary>One unit of compaction: segments of a level and what they overlap in the next one, to be merged into the latter.</summary>
/// <param name="Upper">Segments of <paramref name="Level"/>; in level 0 newest first.</param>
/// <param name="Lower">Segments of <paramref name="OutputLevel"/> that overlap them, by key.</param>
/// <param name="Level">Level the data comes from.</param>
/// <param name="OutputLevel">Level the data goes to.</param>
/// <param name="IsBottom">Nothing deeper overlaps: tombstones and LSNs can be dropped.</param>
internal sealed record CompactionJob(LiveSegment[] Upper, LiveSegment[] Lower, int Level, int OutputLevel, bool IsBottom)
{
    public long InputBytes
    {
        get
        {
            long bytes = 0;
            foreach (var segment in Upper) bytes += segment.Manifest.Size;
            foreach (var segment in Lower) bytes += segment.Manifest.Size;
            return bytes;
        }
    }

    /// <summary>The bounds of all inputs of the upper level.</summary>
    public static (byte[] Lower, byte[] Upper) Bounds(IEnumerable<LiveSegment> segments)
    {
        byte[]? lower = null, upper = null;
        foreach (var segment in segments)
        {
            var manifest = segment.Manifest;
            if (lower is null || manifest.LowerBound.AsSpan().SequenceCompareTo(lower) < 0) lower = manifest.LowerBound;
            if (upper is null || manifest.UpperBound.AsSpan().SequenceCompareTo(upper) > 0) upper = manifest.UpperBound;
        }

        return (lower!, upper!);
    }
}
