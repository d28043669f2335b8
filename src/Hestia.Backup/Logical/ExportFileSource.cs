using System.Buffers;
using System.Buffers.Text;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Unicode;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Keys;

namespace Hestia.Backup.Logical;

/// <summary>
/// The entries of a file that <see cref="IndexExport"/> wrote, compressed or not (its first bytes say, not its name). Its end is reached only if
/// count, bytes and the hash of the whole file agree with what its last line says.
/// </summary>
public sealed class ExportFileSource : EntrySource
{
    private const int GuidBytes = 16;
    private const int Int64Bytes = 8;
    private const int FirstBytes = 4 << 10;

    private readonly SourceFileStream _file;
    private readonly Stream _content;
    private readonly LineReader _lines;
    private readonly ExportHeader _header;
    private byte[] _key = new byte[FirstBytes];
    private byte[] _value = new byte[FirstBytes];
    private int _keyLength;
    private int _valueLength;
    private long _entries;
    private long _bytes;
    private bool _ended;
    private string? _fingerprint;

    /// <summary>Opens an export and reads its first line.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="HestiaException">PathNotFound, NotAnExport, ExportDamaged, FormatTooNew, AccessDenied, IoError.</exception>
    public ExportFileSource(string path)
        : this(path, FileSystem.Physical)
    {
    }

    internal ExportFileSource(string path, FileSystem files)
    {
        Path = System.IO.Path.GetFullPath(path);
        _file = new SourceFileStream(files, Path);
        _content = _file;
        _lines = null!;
        try
        {
            if (IsGzip(files, Path)) _content = new GZipStream(_file, CompressionMode.Decompress);
            _lines = new LineReader(_content, ExportFormat.MaxLineBytes);
            if (!ReadLine(out var line) || !ExportHeader.Looks(line)) throw NotAnExport(Path);
            _header = ExportHeader.Parse(line);
        }
        catch (Exception e)
        {
            Dispose();
            if (e is InvalidDataException) throw Damaged(e.Message, e);
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Kind => "Hestia export";

    /// <inheritdoc/>
    public override string Path { get; }

    /// <inheritdoc/>
    public override string? IndexName => _header.IndexName;

    /// <inheritdoc/>
    public override DataEncoding KeyEncoding => _header.Keys;

    /// <inheritdoc/>
    public override DataEncoding ValueEncoding => _header.Values;

    /// <inheritdoc/>
    public override long BytesTotal => _file.Length;

    /// <inheritdoc/>
    public override long BytesRead => _file.Position;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Key => _key.AsSpan(0, _keyLength);

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Value => _value.AsSpan(0, _valueLength);

    /// <inheritdoc/>
    public override string? ExpectedFingerprint => _fingerprint;

    /// <inheritdoc/>
    public override bool MoveNext()
    {
        if (_ended) return false;
        try
        {
            if (!ReadLine(out var line))
                throw new InvalidDataException($"it ends after {_entries:N0} entries without the line that says it is complete: it was cut short.");
            if (!_lines.IsTerminated) throw new InvalidDataException($"its last line, {_lines.Number:N0}, is not complete: it was cut short.");
            if (IsTrailer(line))
            {
                ReadTrailer(line);
                _ended = true;
                return false;
            }

            ReadEntry(line);
            _entries++;
            _bytes += _keyLength + _valueLength;
            return true;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e.Message, e);
        }
    }

    /// <summary>Whether a file begins like an export, compressed or not.</summary>
    /// <param name="path">The file.</param>
    public static bool IsExport(string path)
    {
        try
        {
            using var source = new ExportFileSource(path);
            return true;
        }
        catch (HestiaException e) when (e.Code is not (HestiaErrorCode.IoError or HestiaErrorCode.AccessDenied))
        {
            return e.Code is HestiaErrorCode.FormatTooNew or HestiaErrorCode.ExportDamaged;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _lines?.Dispose();
        _content.Dispose();
        _file.Dispose();
    }

    private static bool IsGzip(FileSystem files, string path)
    {
        using var file = new SourceFileStream(files, path);
        Span<byte> magic = stackalloc byte[2];
        return file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == magic.Length && magic.SequenceEqual((ReadOnlySpan<byte>)[0x1F, 0x8B]);
    }

    private static bool IsTrailer(ReadOnlySpan<byte> line) => line.StartsWith("{\"entries\""u8);

    private bool ReadLine(out ReadOnlySpan<byte> line) => _lines.TryRead(out line);

    private void ReadEntry(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw Wrong("is no object");
            var (hasKey, hasValue) = (false, false);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals(ExportFormat.Key.EncodedUtf8Bytes) && !hasKey)
                {
                    hasKey = true;
                    _keyLength = ReadData(ref reader, _header.Keys, ref _key);
                }
                else if (reader.ValueTextEquals(ExportFormat.Value.EncodedUtf8Bytes) && !hasValue)
                {
                    hasValue = true;
                    _valueLength = ReadData(ref reader, _header.Values, ref _value);
                }
                else
                {
                    throw Wrong($"has the member '{reader.GetString()}'");
                }
            }

            if (!hasKey || !hasValue) throw Wrong("has no key and value");
            if (reader.TokenType != JsonTokenType.EndObject || reader.Read()) throw Wrong("goes on behind its object");
            if (_keyLength is 0 or > Limits.MaxKeyBytes || _valueLength > Limits.MaxValueBytes) throw Wrong("has a key or value of a length that no entry has");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"line {_lines.Number:N0} cannot be understood: {e.Message}", e);
        }
    }

    private int ReadData(ref Utf8JsonReader reader, DataEncoding encoding, ref byte[] buffer)
    {
        if (!reader.Read()) throw Wrong("is cut short");
        switch (reader.TokenType)
        {
            case JsonTokenType.String when encoding == DataEncoding.Utf8:
                Reserve(ref buffer, reader.ValueSpan.Length);
                var length = reader.CopyString(buffer);
                if (!Utf8.IsValid(buffer.AsSpan(0, length))) throw Wrong("holds text that is not UTF-8");
                return length;
            case JsonTokenType.String when encoding == DataEncoding.Guid && reader.TryGetGuid(out var guid):
                guid.TryWriteBytes(buffer, bigEndian: true, out _);
                return GuidBytes;
            case JsonTokenType.Number when encoding == DataEncoding.Int64 && reader.TryGetInt64(out var number):
                DataEncoder.EncodeInt64(number, buffer);
                return Int64Bytes;
            case JsonTokenType.StartObject:
                return ReadBase64(ref reader, ref buffer);
            default:
                throw Wrong($"has a {reader.TokenType} where the encoding {encoding} has something else");
        }
    }

    private int ReadBase64(ref Utf8JsonReader reader, ref byte[] buffer)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals(ExportFormat.Base64.EncodedUtf8Bytes)
            || !reader.Read() || reader.TokenType != JsonTokenType.String) throw Wrong("has an object that is no base64");
        Reserve(ref buffer, reader.ValueSpan.Length);
        var text = reader.CopyString(buffer);
        if (Base64.DecodeFromUtf8InPlace(buffer.AsSpan(0, text), out var length) != OperationStatus.Done) throw Wrong("has something that is no base64");
        if (!reader.Read() || reader.TokenType != JsonTokenType.EndObject) throw Wrong("has an object that is no base64");
        return length;
    }

    private void ReadTrailer(ReadOnlySpan<byte> line)
    {
        try
        {
            var hash = _lines.HashBeforeCurrent(line.Length);
            var reader = new Utf8JsonReader(line);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            var entries = root.GetProperty("entries").GetInt64();
            var bytes = root.GetProperty("bytes").GetInt64();
            if (entries != _entries || bytes != _bytes)
                throw new InvalidDataException($"it holds {_entries:N0} entries of {_bytes:N0} bytes and says it has {entries:N0} of {bytes:N0}.");

            // Another program that writes such files may leave the hashes out, and says so by null.
            if (root.GetProperty("sha256").GetString() is { } expected && expected != hash)
                throw new InvalidDataException("it does not match the checksum in its last line: something in it was changed.");
            _fingerprint = root.GetProperty("fingerprint").GetString();
            if (_lines.TryRead(out _)) throw new InvalidDataException("it goes on behind its last line.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new InvalidDataException($"its last line cannot be understood: {e.Message}", e);
        }
    }

    private static void Reserve(ref byte[] buffer, int length)
    {
        if (buffer.Length < length) buffer = new byte[Math.Max(length, (int)Math.Min(2L * buffer.Length, Array.MaxLength))];
    }

    private InvalidDataException Wrong(string what) => new($"line {_lines.Number:N0} {what}.");

    private HestiaException Damaged(string what, Exception? cause) => new(
        HestiaErrorCode.ExportDamaged,
        $"The export '{Path}' is damaged: {what.TrimEnd('.')}.",
        Path,
        "Use another copy of it, or export the index again.",
        cause);

    private static HestiaException NotAnExport(string path) => new(
        HestiaErrorCode.NotAnExport,
        $"'{path}' is no export of an index.",
        path,
        "Give a file that Export-HestiaIndex wrote, or a HestiaStore directory or export.");
}
