using System.Globalization;
using System.Text;
using System.Text.Json;
using Hestia.Backup.Logical;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Importing;

/// <summary>
/// The entries of a JSON lines export: an object a line with key and value, each as text or as the base64 of what its type encodes.
/// </summary>
internal sealed class StoreJsonLinesSource : StoreExportSource
{
    private readonly VerifiedFile _file;
    private readonly LineReader _lines;
    private byte[] _key = [];
    private byte[] _value = [];
    private bool _ended;

    public StoreJsonLinesSource(StoreExport export, CancellationToken token)
        : base(export, token)
    {
        _file = new VerifiedFile(export, export.DataFileName);
        _lines = new LineReader(_file.Content, ExportFormat.MaxLineBytes);
        BytesTotal = export.Files.FileLength(export.FullPath(export.DataFileName)) ?? 0;
    }

    public override long BytesTotal { get; }

    public override long BytesRead => _file.BytesRead;

    protected override ReadOnlySpan<byte> StoredKey => _key;

    protected override ReadOnlySpan<byte> StoredValue => _value;

    protected override bool MoveNextStored()
    {
        if (_ended) return false;
        while (_lines.TryRead(out var line))
        {
            if (line.Trim("\r \t"u8).IsEmpty) continue;
            ReadEntry(line);
            return true;
        }

        _file.Complete();
        _ended = true;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        _lines.Dispose();
        _file.Dispose();
    }

    private void ReadEntry(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            byte[]? key = null;
            byte[]? value = null;
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw Wrong("is no object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("key"u8) && key is null) key = ReadData(ref reader, Export.KeyType);
                else if (reader.ValueTextEquals("value"u8) && value is null) value = ReadData(ref reader, Export.ValueType);
                else throw Wrong($"has the member '{reader.GetString()}'");
            }

            if (reader.TokenType != JsonTokenType.EndObject || reader.Read()) throw Wrong("goes on behind its object");
            (_key, _value) = (key ?? throw Wrong("has no key"), value ?? throw Wrong("has no value"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"line {_lines.Number:N0} of {Export.DataFileName} cannot be understood: {e.Message}", e);
        }
    }

    private byte[] ReadData(ref Utf8JsonReader reader, StoreType type)
    {
        string? representation = null;
        string? text = null;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw Wrong("has a key or value that is no object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isValue = reader.ValueTextEquals("value"u8);
            if (!isValue && !reader.ValueTextEquals("representation"u8)) throw Wrong($"has the member '{reader.GetString()}'");
            reader.Read();
            if (isValue) text = reader.GetString();
            else representation = reader.GetString();
        }

        if (text is null) throw Wrong("has a key or value without its value");
        return representation switch
        {
            "base64" => Convert.FromBase64String(text),
            "text" => FromText(type, text),
            _ => throw Wrong($"has the representation '{representation}', which is not understood"),
        };
    }

    private byte[] FromText(StoreType type, string text) => type switch
    {
        StringType when IsLatin1(text) => Encoding.Latin1.GetBytes(text),
        StringType => throw Wrong("holds text that is not ISO-8859-1, which no HestiaStore index can hold"),
        ByteArrayType => Convert.FromBase64String(text),
        DoubleType => type.Encode(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)),
        _ => type.Encode(long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)),
    };

    private static bool IsLatin1(string text)
    {
        foreach (var c in text)
            if (c > 0xFF) return false;
        return true;
    }

    private InvalidDataException Wrong(string what) => new($"line {_lines.Number:N0} of {Export.DataFileName} {what}");
}
