using Hestia.Core.IO;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.Damage;

/// <summary>
/// The files of an index as bytes, by their path below its folder. Cheap to copy: changing a file replaces its array, so copies share
/// what they have in common.
/// </summary>
internal sealed class IndexImage
{
    public const string Root = "/disk/index";

    private static readonly string[] Folders = [FileNames.Manifests, FileNames.Segments, FileNames.Wal];

    private IndexImage(SortedDictionary<string, byte[]> files) => Files = files;

    public SortedDictionary<string, byte[]> Files { get; }

    public IndexImage Copy() => new(new SortedDictionary<string, byte[]>(Files, StringComparer.Ordinal));

    /// <summary>What the running system sees below the index's folder; what was never synced as well.</summary>
    public static IndexImage Of(SimulatedDisk disk)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        Collect(disk.Find(Root)!, "", files);
        return new IndexImage(files);
    }

    /// <summary>A disk with these files on it, and a file system to see it through.</summary>
    public (SimulatedDisk Disk, SimulatedFileSystem Files) Load()
    {
        var disk = new SimulatedDisk(1);
        var system = new SimulatedFileSystem(disk);
        system.CreateDirectory("/disk");
        system.CreateDirectory(Root);
        foreach (var folder in Folders) system.CreateDirectory(Path.Combine(Root, folder));
        foreach (var (name, bytes) in Files)
        {
            var path = Path.Combine(Root, name);
            var parent = Path.GetDirectoryName(path)!;
            if (!system.DirectoryExists(parent)) system.CreateDirectory(parent);
            using var file = system.Open(path, FileOpenMode.CreateNew);
            if (bytes.Length > 0) file.Write(0, bytes);
        }

        return (disk, system);
    }

    /// <summary>Whether both have the same files, byte for byte; the lock's body, which whoever takes it writes, left out.</summary>
    public bool IsSame(IndexImage other)
    {
        static bool Counts(KeyValuePair<string, byte[]> file) => file.Key != FileNames.Lock;
        return Files.Where(Counts).Select(static f => f.Key).SequenceEqual(other.Files.Where(Counts).Select(static f => f.Key))
            && Files.Where(Counts).All(f => f.Value.AsSpan().SequenceEqual(other.Files[f.Key]));
    }

    private static void Collect(Node node, string prefix, SortedDictionary<string, byte[]> files)
    {
        foreach (var (name, child) in node.Names)
        {
            var path = prefix.Length == 0 ? name : Path.Combine(prefix, name);
            if (child.IsDirectory) Collect(child, path, files);
            else files.Add(path, child.Content.AsSpan(0, (int)child.Length).ToArray());
        }
    }
}
