using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Reading;

/// <summary>The live files of one segment, as HestiaStore would choose them.</summary>
internal sealed class SegmentFiles
{
    /// <summary>Id of the segment.</summary>
    public required int Segment { get; init; }

    public required SegmentManifest Manifest { get; init; }

    /// <summary>Version in the names of live files.</summary>
    public required long Version { get; init; }

    /// <summary>Every name in the segment's folder with its length.</summary>
    public required IReadOnlyDictionary<string, long> Present { get; init; }

    /// <summary>Folder, relative to the directory.</summary>
    public string Folder => StoreFileNames.Segment(Segment);

    /// <exception cref="StoreDamageException">SegmentMissing, SegmentManifestDamaged, FormatUnsupported.</exception>
    public static SegmentFiles Read(FileSystem files, string directory, int segment)
    {
        var folder = StoreFileNames.Segment(segment);
        var path = Path.Combine(directory, folder);
        if (!files.DirectoryExists(path)) throw new StoreDamageException(StoreFindings.SegmentMissing, "index.map names this segment, and it is missing.", folder);
        var present = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var entry in files.List(path))
            if (!entry.IsDirectory) present[entry.Name] = entry.Length;
        var manifest = SegmentManifest.Read(files, directory, segment);
        return new SegmentFiles { Segment = segment, Manifest = manifest, Version = ActiveVersion(manifest, present), Present = present };
    }

    /// <summary>The manifest's version where its main file is there, else the highest there is, as HestiaStore chooses.</summary>
    public static long ActiveVersion(SegmentManifest manifest, IReadOnlyDictionary<string, long> present)
    {
        if (manifest.Version > 0 && present.ContainsKey(StoreFileNames.Sst(manifest.Version))) return manifest.Version;
        long highest = 0;
        foreach (var name in present.Keys) highest = Math.Max(highest, StoreFileNames.SstVersion(name) ?? 0);
        return highest > 0 ? highest : Math.Max(1, manifest.Version);
    }

    /// <summary>Name of the main file, relative to the directory.</summary>
    /// <exception cref="StoreDamageException">FileMissing.</exception>
    public string RequireSst() => Require(StoreFileNames.Sst(Version), "the main file of the segment is missing.");

    /// <summary>Names of the counted delta files, oldest first, relative to the directory.</summary>
    /// <exception cref="StoreDamageException">FileMissing.</exception>
    public IEnumerable<string> RequireDeltas()
    {
        for (var number = 0; number < Manifest.DeltaFiles; number++)
            yield return Require(StoreFileNames.Delta(Version, number), $"the segment's manifest counts {Manifest.DeltaFiles:N0} delta files, and this one is missing.");
    }

    private string Require(string name, string problem) =>
        Present.ContainsKey(name) ? Path.Combine(Folder, name) : throw new StoreDamageException(StoreFindings.FileMissing, problem, Path.Combine(Folder, name));
}
