using System.Buffers;
using System.Buffers.Binary;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Wal;

/// <summary>
/// The records of one log file: <c>[i32 body length][u32 CRC-32 of the rest][i64 LSN][u8 operation][i32 key length][i32 value
/// length][key][value]</c>, big-endian, one behind the other, no file header. Ends at the first that is none and says why. Holds one record.
/// </summary>
internal sealed class WalFileReader : IDisposable
{
    public const int MinBodyBytes = 21;
    public const int MaxBodyBytes = 32 << 20;
    public const byte Put = 1;
    public const byte Delete = 2;

    private const int LengthBytes = 4;
    private const int WindowBytes = 256 << 10;

    private readonly StorageFile _file;
    private byte[] _window;
    private long _windowAt;
    private int _windowLength;

    public WalFileReader(FileSystem files, string path)
    {
        _file = files.Open(path, FileOpenMode.ReadSequential);
        Length = _file.Length;
        _window = ArrayPool<byte>.Shared.Rent(WindowBytes);
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>Where the current record begins; at the end, where the next one would.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes of the current record with its length.</summary>
    public int Bytes { get; private set; }

    public long Lsn { get; private set; }

    public bool IsDelete { get; private set; }

    public ReadOnlySpan<byte> Key => Span(Offset, LengthBytes + MinBodyBytes, _keyLength);

    public ReadOnlySpan<byte> Value => Span(Offset, LengthBytes + MinBodyBytes + _keyLength, _valueLength);

    /// <summary>Why there is no record at <see cref="Offset"/> before the end of the file, or null.</summary>
    public string? Problem { get; private set; }

    private int _keyLength;
    private int _valueLength;

    /// <summary>Moves to the next record; false at the end or where there is none, see <see cref="Problem"/>.</summary>
    public bool MoveNext()
    {
        if (Problem is not null) return false;
        Offset += Bytes;
        Bytes = 0;
        if (Offset == Length) return false;
        Problem = TryRecordAt(Offset);
        return Problem is null;
    }

    /// <summary>Goes on at any offset, to look whether a record is there.</summary>
    public bool TrySeek(long offset)
    {
        Offset = offset;
        Bytes = 0;
        Problem = TryRecordAt(offset);
        return Problem is null;
    }

    /// <summary>
    /// The first offset above the current one at which a whole record with a higher LSN begins, or null. Only places whose lengths fit each
    /// other are looked at closely.
    /// </summary>
    public long? FindRecord(long lastLsn, CancellationToken cancellationToken)
    {
        for (var offset = Offset + 1; offset + LengthBytes + MinBodyBytes <= Length; offset++)
        {
            if (offset % (1 << 20) == 0) cancellationToken.ThrowIfCancellationRequested();
            var header = Load(offset, LengthBytes + MinBodyBytes);
            if (header.Length < LengthBytes + MinBodyBytes) return null;
            if (IsPlausible(header) && TryRecordAt(offset) is null && Lsn > lastLsn) return offset;
        }

        return null;
    }

    public void Dispose()
    {
        _file.Dispose();
        var window = _window;
        _window = [];
        if (window.Length > 0) ArrayPool<byte>.Shared.Return(window);
    }

    private static bool IsPlausible(ReadOnlySpan<byte> header)
    {
        var body = BinaryPrimitives.ReadInt32BigEndian(header);
        if (body is < MinBodyBytes or > MaxBodyBytes || header[16] is not (Put or Delete)) return false;
        long key = BinaryPrimitives.ReadInt32BigEndian(header[17..]), value = BinaryPrimitives.ReadInt32BigEndian(header[21..]);
        return key > 0 && value >= 0 && key + value == body - MinBodyBytes;
    }

    /// <summary>The same checks in the same order as HestiaStore's verifier, with its words.</summary>
    private string? TryRecordAt(long offset)
    {
        var header = Load(offset, LengthBytes + MinBodyBytes);
        if (header.Length < LengthBytes) return "Partial record length prefix.";
        var bodyLength = BinaryPrimitives.ReadInt32BigEndian(header);
        if (bodyLength is < MinBodyBytes or > MaxBodyBytes) return "Invalid WAL record body length.";
        if (offset + LengthBytes + bodyLength > Length) return "Truncated WAL record body.";
        var body = Load(offset, LengthBytes + bodyLength);
        if (body.Length < LengthBytes + bodyLength) return "Truncated WAL record body.";
        body = body[LengthBytes..];
        if (BinaryPrimitives.ReadUInt32BigEndian(body) != Crc32.Compute(body[sizeof(uint)..])) return "CRC mismatch.";
        if (body[12] is not (Put or Delete)) return "Invalid WAL operation code.";
        long key = BinaryPrimitives.ReadInt32BigEndian(body[13..]), value = BinaryPrimitives.ReadInt32BigEndian(body[17..]);
        if (key <= 0 || value < 0 || key + value != bodyLength - MinBodyBytes) return "Invalid key/value frame lengths.";
        if (body[12] == Delete && value != 0) return "DELETE record must have zero value length.";
        Lsn = BinaryPrimitives.ReadInt64BigEndian(body[4..]);
        IsDelete = body[12] == Delete;
        _keyLength = (int)key;
        _valueLength = (int)value;
        Bytes = LengthBytes + bodyLength;
        return null;
    }

    private ReadOnlySpan<byte> Span(long offset, int skip, int length) => _window.AsSpan((int)(offset - _windowAt) + skip, length);

    /// <summary>Bytes of the file at an offset; fewer only at its end.</summary>
    private ReadOnlySpan<byte> Load(long offset, int count)
    {
        if (offset < _windowAt || offset + count > _windowAt + _windowLength)
        {
            if (_window.Length < count)
            {
                var larger = ArrayPool<byte>.Shared.Rent(count);
                ArrayPool<byte>.Shared.Return(_window);
                _window = larger;
            }

            _windowAt = offset;
            _windowLength = _file.Read(offset, _window);
        }

        var at = (int)(offset - _windowAt);
        return _window.AsSpan(at, Math.Clamp(_windowLength - at, 0, count));
    }
}
