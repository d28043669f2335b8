using System.Buffers;
using System.Text.Json;
using Hestia.Backup.Encryption;
using Hestia.Core;
using Hestia.Core.Manifest;

namespace Hestia.Backup.Format;

/// <summary>repository.json: what makes a place a repository. Written once, and again when a key of an encrypted one changes.</summary>
internal sealed record RepositoryDescriptor(Guid Id, DateTimeOffset Created, EncryptionParameters? Encryption = null)
{
    public const string Magic = "hestia-repository";
    public const int Version = 1;
    public const int MaxBytes = 1 << 20;

    public byte[] Serialize()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", Magic);
            json.WriteNumber("formatVersion", Version);
            json.WriteStartArray("features");
            json.WriteEndArray();
            json.WriteString("id", Id);
            json.WriteString("created", Created.UtcDateTime);
            if (Encryption is null) json.WriteNull("encryption");
            else
            {
                json.WritePropertyName("encryption");
                Encryption.Write(json);
            }

            json.WriteEndObject();
        }

        return SelfChecksum.Append(buffer.WrittenSpan);
    }

    /// <summary>Reads what <see cref="Serialize"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or not ours.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static RepositoryDescriptor Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            // The version first: a newer one may seal the file in another way.
            var reader = new Utf8JsonReader(bytes);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            FormatVersions.Check(root, Magic, Version, RepositoryNames.Descriptor);
            SelfChecksum.Verify(bytes, RepositoryNames.Descriptor);
            var encryption = root.GetProperty("encryption");
            return new RepositoryDescriptor(
                root.GetProperty("id").GetGuid(),
                FormatVersions.Time(root.GetProperty("created")),
                encryption.ValueKind == JsonValueKind.Null ? null : EncryptionParameters.Parse(encryption));
        }
        catch (Exception e) when (FormatVersions.IsParseFailure(e))
        {
            throw new InvalidDataException($"{RepositoryNames.Descriptor} cannot be understood: {e.Message}", e);
        }
    }
}

/// <summary>What the JSON files of a repository have in common at their beginning.</summary>
internal static class FormatVersions
{
    /// <summary>Refuses another magic, a newer version, and features this version does not know.</summary>
    /// <exception cref="InvalidDataException">Another magic.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static void Check(JsonElement root, string magic, int version, string name) => Check(root, magic, version, name, null);

    /// <summary>The same for a file in which one feature is known; whether it has it.</summary>
    public static bool Check(JsonElement root, string magic, int version, string name, string? known)
    {
        if (root.GetProperty("format").GetString() != magic) throw new InvalidDataException($"{name} is no {magic} file.");
        var found = root.GetProperty("formatVersion").GetInt32();
        if (found > version)
        {
            throw new HestiaException(
                HestiaErrorCode.FormatTooNew,
                $"{name} has format version {found}; this version of Hestia knows up to {version}.",
                name,
                "Use the newer version of Hestia that wrote it.");
        }

        var has = false;
        foreach (var feature in root.GetProperty("features").EnumerateArray())
        {
            var text = feature.GetString() ?? "";
            if (text != known) throw UnknownFeature(name, text);
            has = true;
        }

        return has;
    }

    public static HestiaException UnknownFeature(string name, string feature) => new(
        HestiaErrorCode.FormatTooNew,
        $"{name} uses '{feature}', which this version of Hestia does not know.",
        name,
        "Use the newer version of Hestia that wrote it.");

    public static DateTimeOffset Time(JsonElement element) =>
        new(DateTime.SpecifyKind(element.GetDateTime(), DateTimeKind.Utc), TimeSpan.Zero);

    /// <summary>What JsonDocument and JsonElement throw when a file is not what it should be.</summary>
    public static bool IsParseFailure(Exception e) =>
        e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or ArgumentException
            or OverflowException;
}
