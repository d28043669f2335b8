using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Core.Segments;

namespace Hestia.Backup.FileSets;

/// <summary>One file of a folder: its path below it with <c>/</c>, the SHA-256 of its bytes, and their number.</summary>
internal readonly record struct FileSetEntry(string Path, SegmentId Id, long Size);

/// <summary>The part of a backup's manifest that says which files and folders it has.</summary>
internal sealed record FileSetManifest(IReadOnlyList<FileSetEntry> Files, IReadOnlyList<string> Folders)
{
    /// <summary>More are not backed up: the manifest has a limit, and is read whole.</summary>
    public const int MaxFiles = 50_000;

    private const int MaxPathLength = 1024;

    /// <summary>The objects that hold the files: each content once, and none for empty files.</summary>
    public List<BackupSegment> Objects()
    {
        var seen = new HashSet<SegmentId>();
        var objects = new List<BackupSegment>();
        foreach (var file in Files)
            if (file.Size > 0 && seen.Add(file.Id)) objects.Add(new BackupSegment(file.Id, file.Size, 0));
        return objects;
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("files");
        foreach (var file in Files)
        {
            json.WriteStartObject();
            json.WriteString("path", file.Path);
            json.WriteString("id", file.Id.ToString());
            json.WriteNumber("size", file.Size);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("folders");
        foreach (var folder in Folders) json.WriteStringValue(folder);
        json.WriteEndArray();
    }

    /// <exception cref="InvalidDataException">It names something by what is no path or id, or twice.</exception>
    public static FileSetManifest Parse(JsonElement root)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var folders = new List<string>();
        foreach (var element in root.GetProperty("folders").EnumerateArray()) folders.Add(Checked(element.GetString(), seen));
        var files = new List<FileSetEntry>(root.GetProperty("files").GetArrayLength());
        foreach (var element in root.GetProperty("files").EnumerateArray())
        {
            if (!SegmentId.TryParse(element.GetProperty("id").GetString(), out var id))
                throw new InvalidDataException("it names a file's content by something that is no id.");
            var size = element.GetProperty("size").GetInt64();
            if (size < 0) throw new InvalidDataException("it has a file of a negative size.");
            files.Add(new FileSetEntry(Checked(element.GetProperty("path").GetString(), seen), id, size));
        }

        return new FileSetManifest(files, folders);
    }

    /// <summary>
    /// A path below the folder and nowhere else, on every system: whoever can write into a repository must not write elsewhere on the machine that
    /// restores from it.
    /// </summary>
    public static bool IsPath(string path)
    {
        if (path.Length is 0 or > MaxPathLength || path.AsSpan().IndexOfAny("\\:*?\"<>|") >= 0 || path.AsSpan().ContainsAnyInRange('\0', '\x1F')) return false;
        foreach (var part in path.Split('/'))
            if (part.Length == 0 || part.EndsWith('.') || part.EndsWith(' ')) return false; // "." and ".." end with a dot too
        return true;
    }

    private static string Checked(string? path, HashSet<string> seen)
    {
        if (path is null || !IsPath(path)) throw new InvalidDataException($"it names a file '{path}', which is no path below a folder.");
        if (!seen.Add(path)) throw new InvalidDataException($"it names '{path}' twice.");
        return path;
    }
}
