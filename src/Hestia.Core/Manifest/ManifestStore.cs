using Hestia.Core.IO;

namespace Hestia.Core.Manifest;

/// <summary>A manifest file by its name alone.</summary>
internal readonly record struct ManifestFile(ulong Number, Lsn Checkpoint, string Path, long Size, DateTime LastWriteTimeUtc);

/// <summary>The folder of manifests. Names are never used twice; writing one makes it durable before it returns.</summary>
internal sealed class ManifestStore(FileSystem files, string indexPath)
{
    public string DirectoryPath { get; } = System.IO.Path.Combine(indexPath, FileNames.Manifests);

    /// <summary>All manifest files, newest (highest number) first. Other names are left alone.</summary>
    public List<ManifestFile> List()
    {
        var result = new List<ManifestFile>();
        foreach (var entry in files.List(DirectoryPath))
        {
            if (!entry.IsDirectory && ManifestFormat.TryParseFileName(entry.Name, out var number, out var checkpoint))
                result.Add(new ManifestFile(number, checkpoint, System.IO.Path.Combine(DirectoryPath, entry.Name), entry.Length, entry.LastWriteTimeUtc));
        }

        result.Sort(static (a, b) => b.Number.CompareTo(a.Number));
        return result;
    }

    /// <summary>Reads one manifest and holds it against its name.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public ManifestDocument Read(ManifestFile file) => Read(file, out _);

    /// <inheritdoc cref="Read(ManifestFile)"/>
    public ManifestDocument Read(ManifestFile file, out byte[] bytes)
    {
        bytes = files.ReadAllBytes(file.Path, ManifestFormat.MaxFileBytes);
        var name = System.IO.Path.GetFileName(file.Path);
        var document = ManifestDocument.Parse(bytes, name, file.Path);
        if (document.Number != file.Number || document.Checkpoint != file.Checkpoint)
            throw new InvalidDataException($"{name} says it is number {document.Number} with checkpoint {document.Checkpoint}: it was renamed or replaced.");
        return document;
    }

    /// <summary>Writes a manifest durably and returns its file.</summary>
    /// <exception cref="HestiaException">SegmentLimit: it would be larger than what is read back. Nothing was written.</exception>
    public ManifestFile Write(ManifestDocument document, out byte[] bytes)
    {
        bytes = document.Serialize();
        if (bytes.Length > ManifestFormat.MaxFileBytes)
        {
            throw new HestiaException(
                HestiaErrorCode.SegmentLimit,
                $"The manifest of '{indexPath}' with {document.Segments.Count:N0} segments would be {bytes.Length:N0} bytes long; the limit is {ManifestFormat.MaxFileBytes:N0}. "
                    + "Keys that begin with more than 256 bytes of 0xFF stand in it whole.",
                indexPath,
                "Run Optimize-HestiaIndex with a larger SegmentBytes, or use keys that do not begin with hundreds of 0xFF.");
        }

        var path = System.IO.Path.Combine(DirectoryPath, ManifestFormat.FileName(document.Number, document.Checkpoint));
        files.WriteAtomically(path, bytes, ownerModel: DirectoryPath);
        return new ManifestFile(document.Number, document.Checkpoint, path, bytes.Length, files.Clock.GetUtcNow().UtcDateTime);
    }
}
