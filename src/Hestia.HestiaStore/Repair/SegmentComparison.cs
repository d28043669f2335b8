using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Repair;

/// <summary>How the live entries of some segment are found in others.</summary>
/// <param name="Equal">With the same value.</param>
/// <param name="Differing">With another value.</param>
/// <param name="Missing">Not at all, or as deleted.</param>
internal readonly record struct SegmentComparison(long Equal, long Differing, long Missing)
{
    public bool AllThere => Missing == 0;

    public bool AllEqual => Missing == 0 && Differing == 0;

    /// <summary>Walks both in the order of their keys.</summary>
    public static SegmentComparison Of(StoreType keyType, EntrySource one, EntrySource others, CancellationToken cancellation)
    {
        long equal = 0, differing = 0, missing = 0, seen = 0;
        var more = others.MoveNext();
        while (one.MoveNext())
        {
            if (seen++ % 4096 == 0) cancellation.ThrowIfCancellationRequested();
            if (one.IsTombstone) continue;
            while (more && keyType.Compare(others.Key, one.Key) < 0) more = others.MoveNext();
            if (!more || others.IsTombstone || keyType.Compare(others.Key, one.Key) != 0) missing++;
            else if (others.Value.SequenceEqual(one.Value)) equal++;
            else differing++;
        }

        return new SegmentComparison(equal, differing, missing);
    }
}
