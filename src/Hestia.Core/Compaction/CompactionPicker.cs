using Hestia.Core.Manifest;
using Hestia.Core.Reading;
using Hestia.Core.Segments;

namespace Hestia.Core.Compaction;

/// <summary>
/// Decides what to merge next. A level that is fuller than its target is due, the fullest first; level 0 counts segments. Within a level the
/// segment that overlaps least of the next one goes first: least rewritten, so least for the next backup to send.
/// <para>
/// The deepest level in use may grow to its ceiling; those above it aim at a tenth of the one below, so that what they hold twice, and the
/// LSNs that only the deepest level drops, stay a small part of the whole at every size.
/// </para>
/// </summary>
internal static class CompactionPicker
{
    private const int LevelFactor = 10;

    /// <summary>A level above the deepest is not asked to be smaller than this part of its ceiling: each merge into it would move too little.</summary>
    private const int FloorDivisor = 4;

    /// <summary>Bytes a level may grow to while it is the deepest; level 0 has none.</summary>
    public static long CeilingBytes(IndexOptions options, int level)
    {
        var target = options.Level1Bytes;
        for (var i = 1; i < level; i++)
        {
            if (target > long.MaxValue / LevelFactor) return long.MaxValue;
            target *= LevelFactor;
        }

        return level >= ManifestFormat.Levels - 1 ? long.MaxValue : target;
    }

    /// <summary>Bytes a level aims at now.</summary>
    public static long TargetBytes(IndexView view, IndexOptions options, int level)
    {
        var ceiling = CeilingBytes(options, level);
        var deepest = Math.Max(1, Array.FindLastIndex(view.Levels, static segments => segments.Length > 0));
        if (level >= deepest) return ceiling;
        var share = BytesOf(view.Levels[deepest]);
        for (var i = level; i < deepest; i++) share /= LevelFactor;
        return Math.Clamp(share, ceiling / FloorDivisor, ceiling);
    }

    public static CompactionJob? Pick(IndexView view, IndexOptions options)
    {
        var best = -1;
        var bestScore = 1.0;
        for (var level = 0; level < ManifestFormat.Levels - 1; level++)
        {
            var segments = view.Levels[level];
            if (segments.Length == 0) continue;
            var score = level == 0 ? (double)segments.Length / options.Level0Trigger : (double)BytesOf(segments) / TargetBytes(view, options, level);
            if (score < bestScore) continue;
            bestScore = score;
            best = level;
        }

        if (best < 0) return null;
        return best == 0 ? OfLevel0(view) : LeastOverlap(view, best, BytesOf(view.Levels[best]) - TargetBytes(view, options, best));
    }

    /// <summary>Bytes above their levels' targets.</summary>
    public static long Debt(IndexView view, IndexOptions options)
    {
        long debt = view.Levels[0].Length >= options.Level0Trigger ? BytesOf(view.Levels[0]) : 0;
        for (var level = 1; level < ManifestFormat.Levels - 1; level++) debt += Math.Max(0, BytesOf(view.Levels[level]) - TargetBytes(view, options, level));
        return debt;
    }

    public static long BytesOf(LiveSegment[] segments)
    {
        long bytes = 0;
        foreach (var segment in segments) bytes += segment.Manifest.Size;
        return bytes;
    }

    /// <summary>All of level 0 with what it overlaps in level 1. Taking all of it keeps newer above older without further rules.</summary>
    public static CompactionJob OfLevel0(IndexView view) => Build(view, view.Levels[0], 0);

    public static CompactionJob Build(IndexView view, LiveSegment[] upper, int level)
    {
        var (low, high) = CompactionJob.Bounds(upper);
        var next = view.Levels[level + 1];
        var (first, end) = IndexView.Overlapping(next, low, high);
        var lower = next[first..end];
        if (lower.Length > 0)
        {
            var (lowerLow, lowerHigh) = CompactionJob.Bounds(lower);
            if (lowerLow.AsSpan().SequenceCompareTo(low) < 0) low = lowerLow;
            if (lowerHigh.AsSpan().SequenceCompareTo(high) > 0) high = lowerHigh;
        }

        return new CompactionJob(upper, lower, level, level + 1, IsBottom(view, level + 1, low, high));
    }

    public static bool IsBottom(IndexView view, int outputLevel, ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        for (var deeper = outputLevel + 1; deeper < ManifestFormat.Levels; deeper++)
        {
            var (first, end) = IndexView.Overlapping(view.Levels[deeper], low, high);
            if (first < end) return false;
        }

        return true;
    }

    private static CompactionJob LeastOverlap(IndexView view, int level, long excess)
    {
        LiveSegment? best = null;
        var bestRatio = double.MaxValue;
        var free = new List<LiveSegment>();
        long freeBytes = 0;
        foreach (var segment in view.Levels[level])
        {
            var next = view.Levels[level + 1];
            var (first, end) = IndexView.Overlapping(next, segment.Manifest.LowerBound, segment.Manifest.UpperBound);
            if (first == end && freeBytes < excess)
            {
                // What overlaps nothing moves by name alone: as much of it as is too much goes down with one manifest.
                free.Add(segment);
                freeBytes += segment.Manifest.Size;
            }

            long overlap = 0;
            for (var i = first; i < end; i++) overlap += next[i].Manifest.Size;
            var ratio = (double)overlap / Math.Max(1, segment.Manifest.Size);
            if (ratio >= bestRatio) continue;
            bestRatio = ratio;
            best = segment;
        }

        return free.Count > 1 && Build(view, [.. free], level) is { Lower.Length: 0 } moves ? moves : Build(view, [best!], level);
    }
}
