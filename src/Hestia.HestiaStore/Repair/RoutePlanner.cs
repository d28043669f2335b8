using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Reading;

namespace Hestia.HestiaStore.Repair;

/// <summary>
/// Works out index.map from what segments hold. Segments never overlap, but for what a split leaves: its parent, which the two children replace, or children
/// that never came into use. Which is which shows in their entries.
/// </summary>
internal sealed class RoutePlanner(FileSystem files, string directory, StoreManifest manifest, StoreCheck check, StoreRepairPlan plan,
    CancellationToken cancellation)
{
    /// <summary>The routes there should be, or null where the present ones are right.</summary>
    public List<Route>? Plan()
    {
        var chosen = new List<StoreSegment>();
        var dropped = 0;
        foreach (var segment in check.Mapped)
        {
            if (segment.Present is not null)
            {
                chosen.Add(segment);
                continue;
            }

            dropped++;
            plan.Add(StoreRepairActions.DropRoute, "Its folder is gone; its keys become those of the next segment.", segment.Folder, static _ => { });
            var (above, upTo) = BoundsOf(segment.Id);
            plan.Lose($"Segment {segment.Id} is gone with all it held.", above, upTo);
        }

        var holding = check.Orphans.Where(o => o.Range(manifest.KeyType) is not null).OrderByDescending(static o => o.Id).ToList();
        if (check.Map is null) ChooseWithoutMap(chosen, holding);
        else foreach (var orphan in holding) PlaceOrphan(chosen, orphan);

        var routes = RoutesOf(chosen);
        if (check.Map is null ? routes.Count == 0 : dropped == 0 && Same(routes, check.Map.Routes)) return null;
        return routes;
    }

    /// <summary>The map is there: what it names counts.</summary>
    private void PlaceOrphan(List<StoreSegment> chosen, StoreSegment orphan)
    {
        var overlapping = Overlapping(chosen, orphan);
        if (overlapping.Count == 0)
        {
            chosen.Add(orphan);
            plan.Add(StoreRepairActions.MapSegment, $"Its {orphan.Entries:N0} entries overlap no other segment: it is named in index.map again.",
                orphan.Folder, static _ => { });
            return;
        }

        var comparison = Compare(orphan, overlapping);
        var isParent = overlapping.TrueForAll(o => o.Id > orphan.Id);
        var others = string.Join(", ", overlapping.Select(static o => o.Id));
        if (comparison.AllEqual || (isParent && comparison.AllThere))
        {
            plan.Quarantine(StoreRepairActions.QuarantineSegment, orphan.Folder,
                isParent ? $"Segments {others} hold all its keys: it is what a split replaced." : $"Segments {others} hold all its entries: it is "
                    + $"what a split prepared and did not use.");
            return;
        }

        var range = orphan.Range(manifest.KeyType)!.Value;
        plan.Quarantine(StoreRepairActions.QuarantineSegment, orphan.Folder, $"It overlaps segments {others}, which index.map names.");
        plan.Lose(
            $"Segment {orphan.Id} has {comparison.Missing:N0} entries that segments {others} do not have and {comparison.Differing:N0} with other "
                + $"values; it stays in quarantine.",
            range.First, range.Last);
    }

    /// <summary>The map is gone: the youngest segments are looked at first, since children of a split are younger than their parent.</summary>
    private void ChooseWithoutMap(List<StoreSegment> chosen, List<StoreSegment> youngestFirst)
    {
        foreach (var segment in youngestFirst)
        {
            var overlapping = Overlapping(chosen, segment);
            if (overlapping.Count == 0)
            {
                chosen.Add(segment);
                continue;
            }

            var others = string.Join(", ", overlapping.Select(static o => o.Id));
            if (Compare(segment, overlapping).AllThere)
            {
                plan.Quarantine(StoreRepairActions.QuarantineSegment, segment.Folder, $"Segments {others} hold all its keys: it is what a split replaced.");
                continue;
            }

            if (!overlapping.TrueForAll(o => Compare(o, [segment]).AllEqual))
            {
                throw new HestiaException(
                    HestiaErrorCode.NotRepairable,
                    $"index.map is lost, and segments {segment.Id} and {others} overlap and hold different entries: nothing says which of them count.",
                    directory,
                    "Restore a backup; or move the segments that do not count away, then repair again.");
            }

            foreach (var child in overlapping)
            {
                chosen.Remove(child);
                plan.Quarantine(StoreRepairActions.QuarantineSegment, child.Folder,
                    $"Segment {segment.Id} holds all its entries: it is what a split prepared and did not use.");
            }

            chosen.Add(segment);
        }
    }

    private List<StoreSegment> Overlapping(List<StoreSegment> chosen, StoreSegment segment)
    {
        var (first, last) = segment.Range(manifest.KeyType)!.Value;
        return chosen.FindAll(other => other.Range(manifest.KeyType) is { } range
            && manifest.KeyType.Compare(range.First, last) <= 0 && manifest.KeyType.Compare(range.Last, first) >= 0);
    }

    private SegmentComparison Compare(StoreSegment one, List<StoreSegment> others)
    {
        using var source = SegmentRewrite.Salvage(files, directory, manifest, one, cancellation);
        using var merged = new MergedSource(manifest.KeyType, [.. others.Select(o => SegmentRewrite.Salvage(files, directory, manifest, o, cancellation))]);
        return SegmentComparison.Of(manifest.KeyType, source, merged, cancellation);
    }

    /// <summary>One route a segment in the order of their keys; a route there is stays where it fits.</summary>
    private List<Route> RoutesOf(List<StoreSegment> chosen)
    {
        var type = manifest.KeyType;
        var present = check.Map?.Routes.ToDictionary(static r => r.Segment, static r => r.LastKey) ?? [];
        var placed = new List<(StoreSegment Segment, byte[] First, byte[] Last)>();
        foreach (var segment in chosen)
        {
            if (segment.Range(type) is { } range) placed.Add((segment, range.First, range.Last));
            else if (present.TryGetValue(segment.Id, out var key)) placed.Add((segment, key, key)); // empty: it keeps its place
        }

        placed.Sort((a, b) => type.Compare(a.First, b.First));
        var routes = new List<Route>();
        for (var i = 0; i < placed.Count; i++)
        {
            var (segment, first, last) = placed[i];
            if (i > 0 && type.Compare(placed[i - 1].Last, first) >= 0)
            {
                throw new HestiaException(
                    HestiaErrorCode.NotRepairable,
                    $"Segments {placed[i - 1].Segment.Id} and {segment.Id}, which index.map names, hold keys of the same range.",
                    directory,
                    "Restore a backup.");
            }

            var isKept = present.TryGetValue(segment.Id, out var key) && (i == placed.Count - 1 || type.Compare(key, last) >= 0)
                && (i == 0 || type.Compare(key, routes[^1].LastKey) > 0) && (i + 1 == placed.Count || type.Compare(key, placed[i + 1].First) < 0);
            routes.Add(new Route(isKept ? key! : last, segment.Id));
        }

        return routes;
    }

    private (byte[]? Above, byte[]? UpTo) BoundsOf(int id)
    {
        byte[]? above = null;
        foreach (var route in check.Map!.Routes)
        {
            if (route.Segment == id) return (above, route.LastKey);
            above = route.LastKey;
        }

        return (null, null);
    }

    private static bool Same(List<Route> routes, IReadOnlyList<Route> present) => routes.Count == present.Count
        && routes.Zip(present).All(static pair =>
            pair.First.Segment == pair.Second.Segment && pair.First.LastKey.AsSpan().SequenceEqual(pair.Second.LastKey));
}
