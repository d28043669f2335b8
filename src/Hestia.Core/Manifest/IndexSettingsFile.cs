using System.Buffers;
using System.Text;
using System.Text.Json;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Core.Manifest;

/// <summary>index.json: identity and settings of an index. Written once at creation; replaced atomically when the durability is changed.</summary>
internal sealed record IndexSettingsFile(Guid Id, DateTimeOffset Created, IndexSettings Settings)
{
    public const string Magic = "hestia-index";
    public const int Version = 1;

    private const int MaxFileBytes = 64 << 10;

    public IndexSettingsFile WithDurability(Durability durability) => this with { Settings = Settings with { Durability = durability } };

    public byte[] Serialize()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("format", Magic);
            json.WriteNumber("formatVersion", Version);
            json.WriteString("id", Id);
            json.WriteString("name", Settings.Name);
            json.WriteString("created", Created.UtcDateTime);
            json.WriteString("keyEncoding", Settings.KeyEncoding.ToString());
            json.WriteString("valueEncoding", Settings.ValueEncoding.ToString());
            json.WriteString("durability", Settings.Durability.ToString());
            json.WriteNumber("groupDelayMicroseconds", (long)Settings.GroupDelay.TotalMicroseconds);
            json.WriteNumber("blockBytes", Settings.BlockBytes);
            json.WriteNumber("restartInterval", Settings.RestartInterval);
            json.WriteNumber("bloomBitsPerKey", Settings.BloomBitsPerKey);
            json.WriteString("codec", Settings.Codec.ToString());
            json.WriteEndObject();
        }

        // The same bytes on every system: the writer ends lines as the system does.
        return SelfChecksum.Append(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(buffer.WrittenSpan).ReplaceLineEndings("\n")));
    }

    /// <summary>Reads index.json of the index at <paramref name="indexPath"/>.</summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex, SettingsDamaged, FormatTooNew, AccessDenied.</exception>
    public static IndexSettingsFile Read(FileSystem files, string indexPath) => Read(files, indexPath, out _);

    /// <inheritdoc cref="Read(FileSystem, string)"/>
    public static IndexSettingsFile Read(FileSystem files, string indexPath, out byte[] bytes)
    {
        var path = Path.Combine(indexPath, FileNames.Settings);
        if (!files.DirectoryExists(indexPath))
        {
            if (files.FileExists(indexPath))
                throw new HestiaException(HestiaErrorCode.NotAnIndex, $"'{indexPath}' is a file; an index is a folder.", indexPath, "Give the folder of the index.");
            throw new HestiaException(HestiaErrorCode.PathNotFound, $"There is no folder '{indexPath}'.", indexPath, "Check the path, or create the index there.");
        }

        if (!files.FileExists(path))
            throw new HestiaException(HestiaErrorCode.NotAnIndex, $"'{indexPath}' is no Hestia index: it has no {FileNames.Settings}.", indexPath, "Give the folder of an index, or create one in an empty folder.");
        try
        {
            bytes = files.ReadAllBytes(path, MaxFileBytes);
            return Parse(bytes, indexPath);
        }
        catch (InvalidDataException e)
        {
            throw new HestiaException(
                HestiaErrorCode.SettingsDamaged,
                $"'{path}' cannot be understood: {e.Message}",
                path,
                "Run Repair-HestiaIndex, or restore the newest backup.",
                e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    /// <summary>Reads what <see cref="Serialize"/> wrote; a failure names <paramref name="indexPath"/> where it is known.</summary>
    /// <exception cref="InvalidDataException">Damaged, or not ours.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static IndexSettingsFile Parse(ReadOnlySpan<byte> bytes, string? indexPath = null)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            if (root.GetProperty("format").GetString() != Magic) throw new InvalidDataException("it is no Hestia index.json.");
            var version = root.GetProperty("formatVersion").GetInt32();
            SelfChecksum.Verify(bytes, FileNames.Settings, version, Version, indexPath is null ? null : Path.Combine(indexPath, FileNames.Settings));
            var settings = new IndexSettings
            {
                Name = root.GetProperty("name").GetString(),
                KeyEncoding = Enum.Parse<DataEncoding>(root.GetProperty("keyEncoding").GetString()!),
                ValueEncoding = Enum.Parse<DataEncoding>(root.GetProperty("valueEncoding").GetString()!),
                Durability = Enum.Parse<Durability>(root.GetProperty("durability").GetString()!),
                GroupDelay = TimeSpan.FromMicroseconds(root.GetProperty("groupDelayMicroseconds").GetInt64()),
                BlockBytes = root.GetProperty("blockBytes").GetInt32(),
                RestartInterval = root.GetProperty("restartInterval").GetInt32(),
                BloomBitsPerKey = root.GetProperty("bloomBitsPerKey").GetInt32(),
                Codec = Enum.Parse<BlockCodec>(root.GetProperty("codec").GetString()!),
            };
            OptionRanges.Check(settings);
            return new IndexSettingsFile(root.GetProperty("id").GetGuid(), new DateTimeOffset(root.GetProperty("created").GetDateTime(), TimeSpan.Zero), settings);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or ArgumentException
            or OverflowException or HestiaException { Code: HestiaErrorCode.InvalidOption })
        {
            throw new InvalidDataException(e.Message, e);
        }
    }
}
