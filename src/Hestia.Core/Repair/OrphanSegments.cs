using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Repair;

/// <summary>A segment file that the manifest of a repair does not name.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Name">Relative to the index.</param>
/// <param name="Id">By its name.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Written">When the file was written; the only thing that ranks segments without LSNs.</param>
/// <param name="Properties">What it says of itself; null if that is lost.</param>
/// <param name="IsWhole">Whether nothing is wrong with it.</param>
internal sealed record OrphanSegment(string Path, string Name, SegmentId Id, long Length, DateTime Written, SegmentProperties? Properties,
    bool IsWhole);

/// <summary>The segment files that the manifest of a repair does not name, and which of them have to stand in for what is gone.</summary>
internal static class OrphanSegments
{
    /// <summary>Reads every segment file whole that is not among the named ones; newest file first.</summary>
    public static List<OrphanSegment> Find(FileSystem files, string indexPath, ManifestDocument named, CancellationToken cancellation)
    {
        var live = new HashSet<SegmentId>();
        foreach (var segment in named.Segments) live.Add(segment.Id);
        var found = new List<OrphanSegment>();
        var directory = Path.Combine(indexPath, FileNames.Segments);
        if (!files.DirectoryExists(directory)) return found;
        foreach (var entry in files.List(directory))
        {
            if (!StrayFiles.TryParseSegmentName(entry, out var id) || live.Contains(id)) continue;
            var path = Path.Combine(directory, entry.Name);
            var name = SegmentsCheck.RelativePath(id);
            // Not by its name: under a swapped name it is a segment all the same, and its own numbers rank it.
            var verified = SegmentVerifier.Verify(files, path, name, id: null, entry.Length, deep: false, null, cancellation);
            found.Add(new OrphanSegment(path, name, id, entry.Length, entry.LastWriteTimeUtc, verified.Properties,
                verified.Findings.Count == 0));
        }

        found.Sort(static (a, b) => a.Written != b.Written ? b.Written.CompareTo(a.Written) : a.Id.CompareTo(b.Id));
        return found;
    }

    /// <summary>
    /// Of segments without any LSN, those of which none shares keys with one written later. An older one that overlaps a newer one was most
    /// likely merged into it; which of two values is the newer nothing else would say.
    /// </summary>
    public static List<OrphanSegment> WithoutOverlap(List<OrphanSegment> newestFirst)
    {
        var chosen = new List<OrphanSegment>();
        foreach (var orphan in newestFirst)
        {
            var p = orphan.Properties!;
            if (!chosen.Exists(c => c.Properties!.MinKey.AsSpan().SequenceCompareTo(p.MaxKey) <= 0
                && c.Properties.MaxKey.AsSpan().SequenceCompareTo(p.MinKey) >= 0))
                chosen.Add(orphan);
        }

        return chosen;
    }
}
