using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Core;

namespace Hestia.Backup.Logical;

/// <summary>The first line of an export file.</summary>
internal sealed record ExportHeader(string IndexName, Guid? IndexId, DataEncoding Keys, DataEncoding Values, Lsn Lsn)
{
    /// <summary>Longest that is read.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Whether a line may be the header of an export: what decides between "damaged" and "something else".</summary>
    public static bool Looks(ReadOnlySpan<byte> line) => line.StartsWith("{\"format\":\"hestia-export\""u8);

    /// <exception cref="InvalidDataException">It is damaged, or no header.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static ExportHeader Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            FormatVersions.Check(root, ExportFormat.Magic, ExportFormat.Version, "the export");
            return new ExportHeader(
                root.GetProperty("indexName").GetString()!,
                root.TryGetProperty("indexId", out var id) && id.ValueKind == JsonValueKind.String ? id.GetGuid() : null,
                Encoding(root.GetProperty("keyEncoding")),
                Encoding(root.GetProperty("valueEncoding")),
                new Lsn(root.TryGetProperty("lsn", out var lsn) ? lsn.GetUInt64() : 0));
        }
        catch (Exception e) when (FormatVersions.IsParseFailure(e))
        {
            throw new InvalidDataException($"its first line cannot be understood: {e.Message}", e);
        }
    }

    private static DataEncoding Encoding(JsonElement element)
    {
        var name = element.GetString();
        foreach (var encoding in Enum.GetValues<DataEncoding>())
            if (string.Equals(encoding.ToString(), name, StringComparison.Ordinal)) return encoding;
        throw new InvalidDataException($"its first line names the encoding '{name}', which there is not.");
    }
}
