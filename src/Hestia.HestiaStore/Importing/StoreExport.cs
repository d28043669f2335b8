using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Importing;

/// <summary>One part of a bundle.</summary>
internal sealed record StoreExportPart(string FileName, long Records, long EncodedBytes, long FileBytes);

/// <summary>
/// What HestiaStore's export tool wrote beside the entries: manifest.json, source-config.json and checksums.txt, read, understood and held against
/// each other. The checksums of the data files are compared while those are read.
/// </summary>
internal sealed class StoreExport
{
    public const string ManifestName = "manifest.json";

    private const string ConfigName = "source-config.json";
    private const string ChecksumsName = "checksums.txt";
    private const int MaxSmallBytes = 16 << 20;
    private const int HashDigits = 64;

    private readonly Dictionary<string, string> _checksums = new(StringComparer.Ordinal);

    private StoreExport(FileSystem files, string path)
    {
        Files = files;
        Path = path;
    }

    public FileSystem Files { get; }

    public string Path { get; }

    public string IndexName { get; private set; } = "";

    public StoreType KeyType { get; private set; } = null!;

    public StoreType ValueType { get; private set; } = null!;

    public bool IsBundle { get; private set; }

    public bool IsGzip { get; private set; }

    public long Records { get; private set; }

    /// <summary>Whether it was asked for a range or a limit only.</summary>
    public bool IsPartial { get; private set; }

    public IReadOnlyList<StoreExportPart> Parts { get; private set; } = [];

    public string DataFileName { get; private set; } = "";

    /// <summary>Whether a folder holds an export of HestiaStore, damaged or not.</summary>
    public static bool IsOne(FileSystem files, string path)
    {
        try
        {
            var manifest = System.IO.Path.Combine(path, ManifestName);
            if (!files.FileExists(manifest)) return files.FileExists(System.IO.Path.Combine(path, ChecksumsName)) && files.FileExists(System.IO.Path.Combine(path, ConfigName));
            var text = Encoding.UTF8.GetString(files.ReadAllBytes(manifest, MaxSmallBytes));
            return text.Contains("\"sourceConfiguration\"", StringComparison.Ordinal) || text.Contains("\"maxPartSizeBytes\"", StringComparison.Ordinal)
                || files.FileExists(System.IO.Path.Combine(path, ChecksumsName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return false;
        }
    }

    /// <exception cref="HestiaException">ExportDamaged, FormatUnsupported, PathNotFound, AccessDenied, IoError.</exception>
    public static StoreExport Read(FileSystem files, string path)
    {
        var export = new StoreExport(files, path);
        try
        {
            export.ReadChecksums();
            export.ReadConfig(export.ReadVerified(ConfigName));
            export.ReadManifest(export.ReadVerified(ManifestName));
            return export;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw export.Damaged(e.Message, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    /// <summary>The SHA-256 a file must have.</summary>
    /// <exception cref="InvalidDataException">checksums.txt does not name it.</exception>
    public string Checksum(string fileName) =>
        _checksums.TryGetValue(fileName, out var sha256) ? sha256 : throw new InvalidDataException($"{ChecksumsName} does not name {fileName}");

    public string FullPath(string fileName) => System.IO.Path.Combine(Path, fileName);

    public HestiaException Damaged(string what, Exception? cause = null) => new(
        HestiaErrorCode.ExportDamaged,
        $"The HestiaStore export '{Path}' is damaged: {what.TrimEnd('.')}. Nothing was imported.",
        Path,
        "Use another copy of it, or export the index again; HestiaStore's own verify-export says the same.",
        cause);

    private void ReadChecksums()
    {
        var path = FullPath(ChecksumsName);
        if (!Files.FileExists(path)) throw new InvalidDataException($"{ChecksumsName} is missing, so nothing proves what it holds");
        foreach (var raw in Encoding.UTF8.GetString(Files.ReadAllBytes(path, MaxSmallBytes)).Split('\n'))
        {
            var line = raw.TrimEnd('\r');
            if (line.Length == 0) continue;
            var name = line.Length > HashDigits + 2 ? line[(HashDigits + 2)..] : "";
            var isHash = line.Length > HashDigits + 2 && line.AsSpan(HashDigits, 2) is "  ";
            foreach (var c in line.AsSpan(0, Math.Min(line.Length, HashDigits))) isHash &= char.IsAsciiHexDigitLower(c);
            if (!isHash || !IsFileName(name) || !_checksums.TryAdd(name, line[..HashDigits]))
                throw new InvalidDataException($"{ChecksumsName} has a line that cannot be understood");
        }
    }

    private JsonElement ReadVerified(string name)
    {
        var path = FullPath(name);
        if (!Files.FileExists(path)) throw new InvalidDataException($"{name} is missing");
        var bytes = Files.ReadAllBytes(path, MaxSmallBytes);
        if (Convert.ToHexString(SHA256.HashData(bytes)).ToLowerInvariant() != Checksum(name))
            throw new InvalidDataException($"{name} does not match its checksum");
        using var json = JsonDocument.Parse(bytes);
        return json.RootElement.Clone();
    }

    private void ReadConfig(JsonElement root)
    {
        IndexName = root.GetProperty("indexName").GetString() ?? "";
        KeyType = StoreType.Find(root.GetProperty("keyTypeDescriptor").GetString() ?? "");
        ValueType = StoreType.Find(root.GetProperty("valueTypeDescriptor").GetString() ?? "");
    }

    private void ReadManifest(JsonElement root)
    {
        var version = root.GetProperty("formatVersion").GetInt32();
        var format = root.GetProperty("format").GetString();
        var compression = root.GetProperty("compression").GetString();
        if (version != 1 || format is not ("BUNDLE" or "JSONL") || compression is not ("NONE" or "GZIP"))
        {
            throw new HestiaException(
                HestiaErrorCode.FormatUnsupported,
                $"The HestiaStore export '{Path}' is a {format} of version {version} with compression {compression}; BUNDLE and JSONL of version 1 with NONE "
                    + "or GZIP are understood.",
                Path,
                "Export the index again as one of these.");
        }

        IsBundle = format == "BUNDLE";
        IsGzip = compression == "GZIP";
        Records = root.GetProperty("recordCount").GetInt64();
        foreach (var name in (string[])["fromKeyText", "toKeyText", "limit"])
            IsPartial |= root.TryGetProperty(name, out var limit) && limit.ValueKind != JsonValueKind.Null;
        if (!IsBundle)
        {
            DataFileName = Existing(root.GetProperty("dataFileName").GetString());
            return;
        }

        var parts = new List<StoreExportPart>();
        foreach (var part in root.GetProperty("parts").EnumerateArray())
        {
            parts.Add(new StoreExportPart(
                Existing(part.GetProperty("fileName").GetString()), part.GetProperty("recordCount").GetInt64(),
                part.GetProperty("encodedBytes").GetInt64(), part.GetProperty("fileSizeBytes").GetInt64()));
        }

        Parts = parts;
    }

    /// <summary>A data file, before anything is read: named, there, and with a checksum.</summary>
    private string Existing(string? name)
    {
        if (name is null || !IsFileName(name)) throw new InvalidDataException($"{ManifestName} names a data file '{name}', which is no name of a file");
        Checksum(name);
        return Files.FileExists(FullPath(name)) ? name : throw new InvalidDataException($"{name} is missing");
    }

    private static bool IsFileName(string name) =>
        name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:") < 0 && !name.AsSpan().ContainsAnyInRange('\0', '\x1F');
}
