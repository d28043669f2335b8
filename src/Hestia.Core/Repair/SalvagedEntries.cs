using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Repair;

/// <summary>
/// The entries that a damaged segment still gives and that can be its own: what lies outside the keys and LSNs the manifest has for it
/// came from elsewhere.
/// </summary>
internal sealed class SalvagedEntries : IDisposable
{
    private readonly ManifestSegment _manifest;

    private SalvagedEntries(ManifestSegment manifest, SegmentSalvage entries)
    {
        _manifest = manifest;
        Entries = entries;
    }

    public SegmentSalvage Entries { get; }

    public long Kept { get; private set; }

    public static SalvagedEntries Open(FileSystem files, string path, ManifestSegment manifest, ByteProgress progress,
        CancellationToken cancellation) =>
        new(manifest, SegmentSalvage.Open(files, path, progress.AddBytes, cancellation));

    public bool Next()
    {
        while (Entries.Next())
        {
            var key = Entries.Key;
            if (key.SequenceCompareTo(_manifest.LowerBound) < 0 || key.SequenceCompareTo(_manifest.UpperBound) > 0) continue;
            if (Entries.Lsn < _manifest.MinLsn.Value || Entries.Lsn > _manifest.MaxLsn.Value) continue;
            Kept++;
            return true;
        }

        return false;
    }

    /// <summary>What is lost, once <see cref="Next"/> has returned false.</summary>
    public void AddLosses(List<RepairLoss> losses)
    {
        if (Kept == _manifest.Entries) return;
        var missing = _manifest.Entries - Kept;
        var name = SegmentsCheck.RelativePath(_manifest.Id);
        var what = $"{missing:N0} of the {_manifest.Entries:N0} entries of segment {name} (level {_manifest.Level})";
        if (Kept == 0 || Entries.Lost.Count == 0)
        {
            losses.Add(Whole(_manifest, $"{what} cannot be read."));
            return;
        }

        foreach (var lost in Entries.Lost)
        {
            losses.Add(new RepairLoss(
                $"{what} cannot be read; among them those at offset {lost.Offset:N0}: {lost.Reason}.",
                lost.FirstLsn ?? _manifest.MinLsn,
                lost.LastLsn ?? _manifest.MaxLsn,
                lost.FirstKey ?? _manifest.LowerBound,
                lost.LastKey ?? _manifest.UpperBound));
        }
    }

    public static RepairLoss Whole(ManifestSegment segment, string message) =>
        new(message, segment.MinLsn, segment.MaxLsn, segment.LowerBound, segment.UpperBound);

    public void Dispose() => Entries.Dispose();
}
