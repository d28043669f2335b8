using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Checking;

/// <summary>Which keys belong to a segment: above the route before it, up to its own; null where there is no bound.</summary>
internal readonly record struct RouteBounds(byte[]? Above, byte[]? UpTo)
{
    public bool Contains(StoreType type, ReadOnlySpan<byte> key) =>
        (Above is null || type.Compare(key, Above) > 0) && (UpTo is null || type.Compare(key, UpTo) <= 0);
}

/// <summary>Checks one segment: its manifest, every file, and how they fit each other.</summary>
internal sealed class SegmentCheck(FileSystem files, string directory, StoreManifest manifest, List<Finding> findings, Action<long> onRead,
    CancellationToken cancellation)
{
    private const int MaxFilterInMemory = 256 << 20;

    public StoreSegment Run(int id, RouteBounds bounds)
    {
        var segment = new StoreSegment { Id = id };
        if (!files.DirectoryExists(Path.Combine(directory, segment.Folder)))
        {
            Add(FindingSeverity.Error, StoreFindings.SegmentMissing, "index.map names this segment, and it is missing with all it held.",
                segment.Folder, bounds);
            return segment;
        }

        ReadManifest(segment, bounds);
        if (segment.IsUnsupported) return segment; // nothing says how the files of another version are to be read
        CheckMain(segment, bounds);
        CheckDeltas(segment, bounds);
        CheckCounts(segment, bounds);
        CheckStrays(segment);
        return segment;
    }

    /// <summary>A segment nothing leads to and that holds nothing: HestiaStore makes such folders and leaves them.</summary>
    public StoreSegment LookAtEmpty(int id) => new() { Id = id, Present = FilesOf(StoreFileNames.Segment(id)) };

    private Dictionary<string, long> FilesOf(string folder)
    {
        var present = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var entry in files.List(Path.Combine(directory, folder)))
            if (!entry.IsDirectory) present[entry.Name] = entry.Length;
        return present;
    }

    private void ReadManifest(StoreSegment segment, RouteBounds bounds)
    {
        var present = FilesOf(segment.Folder);
        segment.Present = present;
        try
        {
            segment.Manifest = SegmentManifest.Read(files, directory, segment.Id);
            segment.Version = SegmentFiles.ActiveVersion(segment.Manifest, present);
        }
        catch (StoreDamageException e)
        {
            findings.Add(e.ToFinding() with { FirstKey = bounds.Above, LastKey = bounds.UpTo });
            segment.IsUnsupported = e.Code == StoreFindings.FormatUnsupported;
            segment.Version = present.Keys.Select(static n => StoreFileNames.SstVersion(n) ?? 1).Append(1).Max();
        }
    }

    private void CheckMain(StoreSegment segment, RouteBounds bounds)
    {
        var name = Path.Combine(segment.Folder, StoreFileNames.Sst(segment.Version));
        if (!segment.Present!.ContainsKey(StoreFileNames.Sst(segment.Version)))
        {
            Add(FindingSeverity.Error, StoreFindings.FileMissing, "the main file of the segment is missing; HestiaStore takes it for empty.", name, bounds);
            return;
        }

        var scarce = OpenScarce(segment, bounds);
        var bloom = OpenBloom(segment, bounds);
        long denied = 0, misrouted = 0;
        byte[]? firstDenied = null;
        var check = new SortedFileCheck(files, directory, manifest, findings, onRead, cancellation);
        var result = check.Run(name, source =>
        {
            if (bloom is not null && source.Key.Length > 0 && !bloom.MayContain(source.Key))
            {
                denied++;
                firstDenied ??= source.Key.ToArray();
            }

            if (!bounds.Contains(manifest.KeyType, source.Key)) misrouted++;
            if (source.EndsChunk) MatchScarce(segment, scarce, source, bounds);
        });
        segment.Main = result;
        segment.IsUnsupported |= result.IsUnsupported;
        if (result.IsWhole && scarce is not null && !segment.ScarceIsWrong && TryMoveNext(segment, scarce, bounds)) ScarceIsWrong(segment,
            "it names more chunks than there are", bounds);
        if (denied > 0)
        {
            segment.BloomIsWrong = true;
            findings.Add(new Finding(
                FindingSeverity.Error, StoreFindings.BloomFilterDamaged,
                $"it denies {denied:N0} of {result.Entries:N0} keys that are in the segment: HestiaStore does not find them.",
                Path.Combine(segment.Folder, StoreFileNames.Bloom(segment.Version)), FirstKey: firstDenied, LastKey: result.LastKey));
        }

        ReportMisrouted(name, misrouted, bounds);
    }

    private void CheckDeltas(StoreSegment segment, RouteBounds bounds)
    {
        var check = new SortedFileCheck(files, directory, manifest, findings, onRead, cancellation);
        foreach (var file in segment.Present!.Keys.Order(StringComparer.Ordinal))
        {
            if (StoreFileNames.DeltaNumber(file, segment.Version) is not { } number) continue;
            var name = Path.Combine(segment.Folder, file);
            long misrouted = 0;
            segment.Deltas[number] = check.Run(name, source =>
            {
                if (!bounds.Contains(manifest.KeyType, source.Key)) misrouted++;
            });
            segment.IsUnsupported |= segment.Deltas[number].IsUnsupported;
            ReportMisrouted(name, misrouted, bounds);
            if (segment.Manifest is { } counted && number >= counted.DeltaFiles)
            {
                findings.Add(new Finding(
                    FindingSeverity.Error, StoreFindings.DeltaUncounted,
                    $"the segment's manifest counts {counted.DeltaFiles:N0} delta files, and this is one more with "
                        + $"{segment.Deltas[number].Entries:N0} entries: "
                        + "HestiaStore does not read it, and overwrites it with its next flush.",
                    name, FirstKey: segment.Deltas[number].FirstKey, LastKey: segment.Deltas[number].LastKey));
            }
        }

        foreach (var number in segment.MissingDeltas)
        {
            Add(FindingSeverity.Error, StoreFindings.FileMissing,
                $"the segment's manifest counts {segment.Manifest!.DeltaFiles:N0} delta files, and this one is missing. HestiaStore reads on without a word.",
                Path.Combine(segment.Folder, StoreFileNames.Delta(segment.Version, number)), bounds);
        }
    }

    private void CheckCounts(StoreSegment segment, RouteBounds bounds)
    {
        if (segment.Manifest is not { } counted) return;
        var name = Path.Combine(segment.Folder, StoreFileNames.Manifest);
        if (segment.Main is { IsWhole: true } main && main.Entries != counted.MainKeys)
            Add(FindingSeverity.Error, StoreFindings.CountMismatch,
                $"it counts {counted.MainKeys:N0} entries in the main file, and {main.Entries:N0} are there.", name, bounds);
        if (segment.Main is { IsWhole: true } && !segment.ScarceIsWrong && segment.ScarceEntries != counted.ScarceKeys)
            Add(FindingSeverity.Warning, StoreFindings.CountMismatch,
                $"it counts {counted.ScarceKeys:N0} entries in the sparse index, and {segment.ScarceEntries:N0} are there.", name, bounds);
        if (counted.DeltaFiles > StoreSegment.MaxDeltas)
            Add(FindingSeverity.Error, StoreFindings.SegmentManifestDamaged, $"it counts {counted.DeltaFiles:N0} delta files.", name, bounds);
        if (segment.MissingDeltas.Any() || segment.Deltas.Values.Any(static d => !d.IsWhole)) return;
        long deltas = 0;
        foreach (var (number, delta) in segment.Deltas)
            if (number < counted.DeltaFiles) deltas += delta.Entries;
        if (deltas != counted.DeltaKeys)
            Add(FindingSeverity.Error, StoreFindings.CountMismatch,
                $"it counts {counted.DeltaKeys:N0} entries in delta files, and {deltas:N0} are there.", name, bounds);
    }

    private ScarceIndex? OpenScarce(StoreSegment segment, RouteBounds bounds)
    {
        var name = StoreFileNames.Scarce(segment.Version);
        try
        {
            if (segment.Present!.ContainsKey(name)) return ScarceIndex.Open(files, directory, Path.Combine(segment.Folder, name));
            if (segment.Present[StoreFileNames.Sst(segment.Version)] > 0) ScarceIsWrong(segment, "it is missing", bounds);
        }
        catch (StoreDamageException e)
        {
            ScarceIsWrong(segment, e.Message, bounds);
        }

        return null;
    }

    private void MatchScarce(StoreSegment segment, ScarceIndex? scarce, SortedFileSource source, RouteBounds bounds)
    {
        if (scarce is null || segment.ScarceIsWrong) return;
        if (!TryMoveNext(segment, scarce, bounds))
        {
            ScarceIsWrong(segment, "it names fewer chunks than there are", bounds);
            return;
        }

        if (scarce.Position != source.ChunkPosition || !scarce.Key.SequenceEqual(source.Key))
            ScarceIsWrong(segment, $"entry {segment.ScarceEntries:N0} is not the last key and place of chunk {segment.ScarceEntries:N0}", bounds);
    }

    private bool TryMoveNext(StoreSegment segment, ScarceIndex scarce, RouteBounds bounds)
    {
        try
        {
            if (!scarce.MoveNext()) return false;
            segment.ScarceEntries++;
            return true;
        }
        catch (StoreDamageException e)
        {
            ScarceIsWrong(segment, e.Message, bounds);
            return false;
        }
    }

    private void ScarceIsWrong(StoreSegment segment, string problem, RouteBounds bounds)
    {
        if (segment.ScarceIsWrong) return;
        segment.ScarceIsWrong = true;
        Add(FindingSeverity.Error, StoreFindings.ScarceIndexDamaged,
            $"{problem.TrimEnd('.')}; HestiaStore looks keys up by it, and does not find them or refuses the segment. The entries themselves are whole.",
            Path.Combine(segment.Folder, StoreFileNames.Scarce(segment.Version)), bounds);
    }

    private StoreBloomFilter? OpenBloom(StoreSegment segment, RouteBounds bounds)
    {
        var file = StoreFileNames.Bloom(segment.Version);
        var name = Path.Combine(segment.Folder, file);
        if (manifest.BloomBytes <= 0 || manifest.BloomHashFunctions <= 0) return null;
        if (!segment.Present!.TryGetValue(file, out var length))
        {
            Add(FindingSeverity.Warning, StoreFindings.FileMissing, "the Bloom filter is missing; HestiaStore reads without one, only slower.", name, bounds);
            return null;
        }

        if (length != manifest.BloomBytes)
        {
            segment.BloomIsWrong = true;
            Add(FindingSeverity.Error, StoreFindings.BloomFilterDamaged,
                $"it has {length:N0} bytes, and the manifest says {manifest.BloomBytes:N0}: "
                    + (length < manifest.BloomBytes ? "HestiaStore refuses to read the segment." : "HestiaStore asks for the wrong bits, and does not find keys."),
                name, bounds);
            return null;
        }

        if (length > MaxFilterInMemory)
        {
            Add(FindingSeverity.Information, StoreFindings.BloomFilterDamaged,
                $"a filter of {length:N0} bytes is not checked; up to {MaxFilterInMemory:N0} are.", name, bounds);
            return null;
        }

        return new StoreBloomFilter(files.ReadAllBytes(Path.Combine(directory, name), MaxFilterInMemory), manifest.BloomHashFunctions);
    }

    private void CheckStrays(StoreSegment segment)
    {
        foreach (var file in segment.Present!.Keys.Order(StringComparer.Ordinal))
        {
            var name = Path.Combine(segment.Folder, file);
            if (file.EndsWith(StoreFileNames.TemporarySuffix, StringComparison.Ordinal))
                findings.Add(new Finding(FindingSeverity.Information, StoreFindings.UnfinishedFile,
                    "its writer did not come to its end; nothing reads it.", name));
            else if (!StoreFileNames.IsSegmentFile(file))
                findings.Add(new Finding(FindingSeverity.Warning, StoreFindings.UnknownFile,
                    "it is none of HestiaStore's; it deletes it together with the segment.", name));
            else if (file is not (StoreFileNames.Manifest or StoreFileNames.Lock) && !IsLive(file, segment.Version))
                findings.Add(new Finding(FindingSeverity.Information, StoreFindings.OldVersionFile,
                    $"it is of another version than the live one ({segment.Version}).", name));
        }
    }

    private static bool IsLive(string file, long version) => file == StoreFileNames.Sst(version) || file == StoreFileNames.Scarce(version)
        || file == StoreFileNames.Bloom(version) || StoreFileNames.DeltaNumber(file, version) is not null;

    private void ReportMisrouted(string name, long misrouted, RouteBounds bounds)
    {
        if (misrouted > 0)
            Add(FindingSeverity.Error, StoreFindings.Routing, $"{misrouted:N0} of its keys are looked for in other segments by index.map.", name, bounds);
    }

    private void Add(FindingSeverity severity, string code, string message, string file, RouteBounds bounds) =>
        findings.Add(new Finding(severity, code, message, file, FirstKey: severity == FindingSeverity.Error ? bounds.Above : null,
            LastKey: severity == FindingSeverity.Error ? bounds.UpTo : null));
}
