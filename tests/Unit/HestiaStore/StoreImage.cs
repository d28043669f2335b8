using System.Formats.Tar;
using System.IO.Compression;
using Hestia.Core.IO;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.HestiaStore;

/// <summary>The files of a fixture as bytes, without locks, and disks with them on.</summary>
internal static class StoreImage
{
    public const string Root = "/disk/store";

    public static SortedDictionary<string, byte[]> Of(string name)
    {
        var image = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        using var file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "fixtures", "hestiastore", name + ".tar.gz"));
        using var unzipped = new GZipStream(file, CompressionMode.Decompress);
        using var tar = new TarReader(unzipped);
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) continue;
            using var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            var path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            var relative = path[(path.IndexOf('/', StringComparison.Ordinal) + 1)..];
            if (!relative.EndsWith(".lock", StringComparison.Ordinal)) image[relative] = content.ToArray();
        }

        return image;
    }

    /// <summary>The same without Bloom filters, which make most of its bytes.</summary>
    public static SortedDictionary<string, byte[]> WithoutFilters(string name)
    {
        var image = Of(name);
        foreach (var filter in image.Keys.Where(static k => k.EndsWith("-bloom-filter.bin", StringComparison.Ordinal)).ToList()) image.Remove(filter);
        var text = System.Text.Encoding.Latin1.GetString(image["manifest.txt"]).Replace("bloomFilterIndexSizeInBytes=1_000_000",
            "bloomFilterIndexSizeInBytes=-1", StringComparison.Ordinal);
        image["manifest.txt"] = System.Text.Encoding.Latin1.GetBytes(text);
        return image;
    }

    public static SimulatedFileSystem Load(SortedDictionary<string, byte[]> image) => new(Disk(image, 1));

    /// <summary>A disk on which all of it is durable.</summary>
    public static SimulatedDisk Disk(SortedDictionary<string, byte[]> image, int seed)
    {
        var disk = new SimulatedDisk(seed);
        var system = new SimulatedFileSystem(disk);
        var folders = new List<string> { "/disk", Root };
        foreach (var folder in folders) system.CreateDirectory(folder);
        foreach (var (name, bytes) in image)
        {
            var path = Path.Combine(Root, name);
            var parent = Path.GetDirectoryName(path)!;
            if (!system.DirectoryExists(parent))
            {
                system.CreateDirectory(parent);
                folders.Add(parent);
            }

            using var file = system.Open(path, FileOpenMode.CreateNew);
            if (bytes.Length > 0) file.Write(0, bytes);
            file.Sync();
        }

        system.SyncDirectory("/");
        foreach (var folder in folders) system.SyncDirectory(folder);
        return disk;
    }
}
