using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Reading;

namespace Hestia.Backup.Logical;

/// <summary>Writes an export file: a header, a line for each entry, and the trailer that proves it whole.</summary>
internal sealed class ExportWriter : IDisposable
{
    private const int FlushBytes = 256 << 10;

    private readonly TargetFileStream _file;
    private readonly Stream _out;
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushBytes + (64 << 10));
    private readonly Utf8JsonWriter _json;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly DataEncoding _keys;
    private readonly DataEncoding _values;

    public ExportWriter(FileSystem files, string path, bool gzip, DataEncoding keys, DataEncoding values)
    {
        _keys = keys;
        _values = values;
        _file = new TargetFileStream(files, path);
        _out = gzip ? new GZipStream(_file, CompressionLevel.Optimal, leaveOpen: true) : _file;
        _json = new Utf8JsonWriter(_buffer, ExportFormat.WriterOptions);
    }

    public LogicalFingerprint Fingerprint { get; } = new();

    public long FileBytes => _file.Length;

    public void WriteHeader(HestiaIndex index, Lsn lsn, in ScanOptions range, DateTimeOffset now, string tool)
    {
        _json.WriteStartObject();
        _json.WriteString("format", ExportFormat.Magic);
        _json.WriteNumber("formatVersion", ExportFormat.Version);
        _json.WriteStartArray("features");
        _json.WriteEndArray();
        _json.WriteString("indexName", index.Name);
        _json.WriteString("indexId", index.Id);
        _json.WriteString("keyEncoding", _keys.ToString());
        _json.WriteString("valueEncoding", _values.ToString());
        _json.WriteNumber("lsn", lsn.Value);
        _json.WriteString("exported", now.UtcDateTime);
        _json.WriteString("tool", tool);
        if (Describe(range) is { } described)
        {
            _json.WritePropertyName("range");
            described.WriteTo(_json);
        }

        _json.WriteEndObject();
        EndLine();
    }

    public void WriteEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Fingerprint.Add(key, value);
        _json.WriteStartObject();
        ExportFormat.WriteData(_json, ExportFormat.Key, _keys, key);
        ExportFormat.WriteData(_json, ExportFormat.Value, _values, value);
        _json.WriteEndObject();
        EndLine();
    }

    /// <summary>The trailer; then everything is on the device.</summary>
    public void Complete()
    {
        Spill();
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetHashAndReset(hash);
        _json.WriteStartObject();
        _json.WriteNumber("entries", Fingerprint.Entries);
        _json.WriteNumber("bytes", Fingerprint.Bytes);
        _json.WriteString("fingerprint", Fingerprint.Current());
        _json.WriteString("sha256", Convert.ToHexString(hash).ToLowerInvariant());
        _json.WriteEndObject();
        EndLine();
        Spill();
        if (_out != _file) _out.Dispose(); // writes the end of the compressed stream
        _file.Sync();
    }

    public void Dispose()
    {
        _json.Dispose();
        _hash.Dispose();
        Fingerprint.Dispose();
        try
        {
            if (_out != _file) _out.Dispose();
        }
        catch (IOException)
        {
            // What cannot be written any more belongs to a file that is given up.
        }

        _file.Dispose();
    }

    private JsonObject? Describe(in ScanOptions range)
    {
        var result = new JsonObject();
        if (range.Prefix is { } prefix) result["prefix"] = ExportFormat.ToNode(_keys, prefix.Span);
        if (range.From is { } from) result["from"] = ExportFormat.ToNode(_keys, from.Span);
        if (range.To is { } to)
        {
            result["to"] = ExportFormat.ToNode(_keys, to.Span);
            result["toInclusive"] = range.ToInclusive;
        }

        if (range.Limit > 0) result["first"] = range.Limit;
        return result.Count > 0 ? result : null;
    }

    private void EndLine()
    {
        _json.Flush();
        _json.Reset();
        _buffer.GetSpan(1)[0] = (byte)'\n';
        _buffer.Advance(1);
        if (_buffer.WrittenCount >= FlushBytes) Spill();
    }

    private void Spill()
    {
        _hash.AppendData(_buffer.WrittenSpan);
        _out.Write(_buffer.WrittenSpan);
        _buffer.ResetWrittenCount();
    }
}
