using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Consistency;

/// <summary>A live segment after its check.</summary>
/// <param name="Manifest">What the manifest says of it.</param>
/// <param name="IsWhole">Whether nothing is wrong with it.</param>
/// <param name="IsMissing">Whether there is no such file.</param>
/// <param name="Properties">What it says of itself, if that can be read.</param>
internal sealed record CheckedSegment(ManifestSegment Manifest, bool IsWhole, bool IsMissing, SegmentProperties? Properties);

/// <summary>Checks the segments of one manifest: each by itself, against the manifest, and their order within the levels.</summary>
internal sealed class SegmentsCheck(FileSystem files, string indexPath, bool deep, List<Finding> findings, ByteProgress progress,
    CancellationToken cancellation)
{
    /// <summary>Segments that were verified a moment ago, with what was found.</summary>
    public IReadOnlyDictionary<SegmentId, SegmentVerification>? Verified { get; init; }

    public static string RelativePath(SegmentId id) => Path.Combine(FileNames.Segments, id + FileNames.SegmentExtension);

    public List<CheckedSegment> Run(ManifestDocument manifest, string manifestFile)
    {
        progress.Begin("Checking segments", manifest.SegmentBytes, manifest.Segments.Count);
        if (manifest.NextLsn <= manifest.Checkpoint)
            Contradiction(manifestFile, $"The manifest's next LSN {manifest.NextLsn} is not above its checkpoint {manifest.Checkpoint}.");
        var seen = new HashSet<SegmentId>();
        var result = new List<CheckedSegment>(manifest.Segments.Count);
        foreach (var segment in manifest.Segments)
        {
            if (!seen.Add(segment.Id)) Contradiction(manifestFile, $"The manifest names segment {segment.Id} twice.");
            if (segment.MaxLsn > manifest.Checkpoint)
                Contradiction(manifestFile,
                    $"The manifest's checkpoint is {manifest.Checkpoint}, but segment {segment.Id} holds LSN up to {segment.MaxLsn}.");
            result.Add(Check(segment));
            progress.AddItem();
        }

        CheckLevels(result);
        return result;
    }

    /// <summary>Reads one segment whole. Findings go to the list with what is at stake.</summary>
    public CheckedSegment Check(ManifestSegment segment)
    {
        var path = Path.Combine(indexPath, RelativePath(segment.Id));
        var name = RelativePath(segment.Id);
        if (!files.FileExists(path))
        {
            findings.Add(new Finding(
                FindingSeverity.Error,
                CheckFindings.SegmentMissing,
                $"The live segment is missing: level {segment.Level}, {segment.Entries:N0} entries.",
                name,
                FirstLsn: segment.MinLsn,
                LastLsn: segment.MaxLsn,
                FirstKey: segment.LowerBound,
                LastKey: segment.UpperBound));
            return new CheckedSegment(segment, false, true, null);
        }

        if (Verified?.TryGetValue(segment.Id, out var verification) == true) progress.AddBytes(segment.Size);
        else verification = SegmentVerifier.Verify(files, path, name, segment.Id, segment.Size, deep, progress.AddBytes, cancellation);
        foreach (var found in verification.Findings) findings.Add(WithStake(found, segment));
        var whole = verification.Findings.Count == 0;
        if (whole && verification.Properties is { } properties && Difference(segment, properties) is { } difference)
        {
            whole = false;
            findings.Add(new Finding(
                FindingSeverity.Error,
                CheckFindings.ManifestContradiction,
                $"The segment is whole, but is not the one the manifest means: {difference}.",
                name,
                FirstLsn: segment.MinLsn,
                LastLsn: segment.MaxLsn,
                FirstKey: segment.LowerBound,
                LastKey: segment.UpperBound));
        }

        return new CheckedSegment(segment, whole, false, verification.Properties);
    }

    /// <summary>What names neither keys nor LSNs puts the whole segment at stake, and the manifest knows what that holds.</summary>
    private static Finding WithStake(Finding found, ManifestSegment segment) =>
        found.FirstKey is not null || found.FirstLsn is not null ? found : found with
        {
            FirstLsn = segment.MinLsn,
            LastLsn = segment.MaxLsn,
            FirstKey = segment.LowerBound,
            LastKey = segment.UpperBound,
        };

    /// <summary>What the segment says of itself and the manifest says otherwise, or null.</summary>
    public static string? Difference(ManifestSegment segment, SegmentProperties properties)
    {
        if (segment.Entries != properties.Entries || segment.Tombstones != properties.Tombstones)
            return $"it has {properties.Entries:N0} entries and {properties.Tombstones:N0} tombstones, not {segment.Entries:N0} and "
                + $"{segment.Tombstones:N0}";
        if (segment.MinLsn.Value != properties.MinLsn || segment.MaxLsn.Value != properties.MaxLsn)
            return $"it has LSN {properties.MinLsn} to {properties.MaxLsn}, not {segment.MinLsn} to {segment.MaxLsn}";
        if (segment.Codec != properties.Codec) return $"its codec is {properties.Codec}, not {segment.Codec}";
        return ManifestFormat.ShortenDown(properties.MinKey).AsSpan().SequenceEqual(segment.LowerBound)
            && ManifestFormat.ShortenUp(properties.MaxKey).AsSpan().SequenceEqual(segment.UpperBound)
            ? null
            : "its smallest and largest key are others";
    }

    private void CheckLevels(List<CheckedSegment> segments)
    {
        var levels = new List<CheckedSegment>[ManifestFormat.Levels];
        for (var i = 0; i < levels.Length; i++) levels[i] = [];
        foreach (var segment in segments) levels[segment.Manifest.Level].Add(segment);
        CheckLevel0(levels[0]);
        for (var level = 1; level < levels.Length; level++)
        {
            for (var i = 1; i < levels[level].Count; i++)
            {
                var (before, after) = (levels[level][i - 1], levels[level][i]);
                // Bounds are shortened outward and may touch; the segments' own keys must not.
                if (HighKey(before).AsSpan().SequenceCompareTo(LowKey(after)) < 0) continue;
                if ((before.Properties is null || after.Properties is null)
                    && before.Manifest.UpperBound.AsSpan().SequenceEqual(after.Manifest.LowerBound)) continue;
                Order(after, $"In level {level} the segment overlaps, or stands before, {before.Manifest.Id} in front of it.");
            }
        }
    }

    /// <summary>A newer segment of level 0 that shares keys with an older one has only newer writes.</summary>
    private void CheckLevel0(List<CheckedSegment> level)
    {
        for (var i = 0; i < level.Count; i++)
        {
            var newer = level[i].Manifest;
            if (newer.MinLsn == Lsn.None) continue;
            for (var j = i + 1; j < level.Count; j++)
            {
                var older = level[j].Manifest;
                if (newer.MinLsn > older.MaxLsn || !newer.Overlaps(older.LowerBound, older.UpperBound)) continue;
                Order(level[i], $"In level 0 the segment (LSN {newer.MinLsn} to {newer.MaxLsn}) stands before {older.Id} (up to LSN "
                    + $"{older.MaxLsn}), which is not older.");
            }
        }
    }

    private static byte[] LowKey(CheckedSegment segment) => segment.Properties?.MinKey ?? segment.Manifest.LowerBound;

    private static byte[] HighKey(CheckedSegment segment) => segment.Properties?.MaxKey ?? segment.Manifest.UpperBound;

    private void Order(CheckedSegment segment, string message) => findings.Add(new Finding(
        FindingSeverity.Error,
        CheckFindings.LevelOrder,
        message + " A read could show an older value.",
        RelativePath(segment.Manifest.Id),
        FirstKey: segment.Manifest.LowerBound,
        LastKey: segment.Manifest.UpperBound));

    private void Contradiction(string manifestFile, string message) =>
        findings.Add(new Finding(FindingSeverity.Error, CheckFindings.ManifestContradiction, message, manifestFile));
}
