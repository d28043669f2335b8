using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Hestia.Core;
using Hestia.Core.Keys;

namespace Hestia.Backup.Logical;

/// <summary>The words of an export file; docs/format-export.md has it to the byte.</summary>
internal static class ExportFormat
{
    public const string Magic = "hestia-export";
    public const int Version = 1;

    public const string Extension = ".jsonl";
    public const string GzipExtension = ".gz";

    /// <summary>Longest line that is read: a value of 64 MiB as text in which every byte is escaped, beside the longest key.</summary>
    public const int MaxLineBytes = 512 << 20;

    public static readonly JsonEncodedText Key = JsonEncodedText.Encode("key");
    public static readonly JsonEncodedText Value = JsonEncodedText.Encode("value");
    public static readonly JsonEncodedText Base64 = JsonEncodedText.Encode("base64");

    /// <summary>Nothing is escaped that JSON does not ask for: the file is for people too, and no browser takes it for a page.</summary>
    public static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Writes a key or value as a shell shows it; bytes that are not of the encoding as base64, so that nothing is lost.</summary>
    public static void WriteData(Utf8JsonWriter json, JsonEncodedText name, DataEncoding encoding, ReadOnlySpan<byte> data)
    {
        switch (encoding)
        {
            case DataEncoding.Utf8 when Utf8.IsValid(data):
                json.WriteString(name, data);
                return;
            case DataEncoding.Int64 when DataEncoder.TryDecodeInt64(data, out var number):
                json.WriteNumber(name, number);
                return;
            case DataEncoding.Guid when data.Length == 16:
                json.WriteString(name, new Guid(data, bigEndian: true));
                return;
            default:
                json.WriteStartObject(name);
                json.WriteBase64String(Base64, data);
                json.WriteEndObject();
                return;
        }
    }

    /// <summary>What <see cref="WriteData"/> would write, by itself.</summary>
    public static JsonNode? ToNode(DataEncoding encoding, ReadOnlySpan<byte> data)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, WriterOptions))
        {
            json.WriteStartObject();
            WriteData(json, Key, encoding, data);
            json.WriteEndObject();
        }

        return JsonNode.Parse(Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length))!["key"]?.DeepClone();
    }

    /// <summary>Whether a name says that the file is compressed.</summary>
    public static bool IsGzipName(string path) => path.EndsWith(GzipExtension, StringComparison.OrdinalIgnoreCase);
}
