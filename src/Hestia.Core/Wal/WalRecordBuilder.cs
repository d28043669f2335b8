using System.Runtime.InteropServices;
using Hestia.Core.Writing;

namespace Hestia.Core.Wal;

/// <summary>
/// Builds the records of one group commit in one native buffer, so that the leader writes them with one call. Reused group after
/// group. A record's checksums depend on where it will stand: <see cref="Start"/> says where the group begins. Not thread-safe.
/// </summary>
internal sealed unsafe class WalRecordBuilder : IDisposable
{
    /// <summary>What one group may take; the leader ends a group long before.</summary>
    private const int MaxBytes = 1 << 30;

    private byte* _buffer;
    private int _capacity;
    private int _length;
    private int _record = -1; // start of the record being built, or -1
    private long _offset;
    private uint _seed;

    public WalRecordBuilder(int capacity = 64 << 10)
    {
        _capacity = Math.Max(capacity, 4 << 10);
        _buffer = (byte*)NativeMemory.Alloc((nuint)_capacity);
    }

    ~WalRecordBuilder() => Free();

    /// <summary>The finished records.</summary>
    public ReadOnlySpan<byte> Records => new(_buffer, _record < 0 ? _length : _record);

    public int Length => _length;

    /// <summary>Drops everything and begins a group that will be appended at <paramref name="offset"/> of a file with that seed.</summary>
    public void Start(long offset, uint seed)
    {
        _length = 0;
        _record = -1;
        _offset = offset;
        _seed = seed;
    }

    /// <summary>Begins a record; its payload follows, then <see cref="EndRecord"/>.</summary>
    public void BeginRecord()
    {
        if (_record >= 0) throw new InvalidOperationException("A record is being built already.");
        Reserve(WalFormat.RecordHeaderBytes);
        _record = _length;
        _length += WalFormat.RecordHeaderBytes;
    }

    /// <summary>Adds encoded operations to the record.</summary>
    public void AddPayload(ReadOnlySpan<byte> encoded)
    {
        Reserve(encoded.Length);
        encoded.CopyTo(new Span<byte>(_buffer + _length, encoded.Length));
        _length += encoded.Length;
    }

    /// <summary>Encodes one operation into the record.</summary>
    public void AddOperation(OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var size = OperationEncoding.SizeOf(kind, key.Length, value.Length);
        Reserve(size);
        _length += OperationEncoding.Write(new Span<byte>(_buffer + _length, size), kind, key, value);
    }

    /// <summary>Ends the record; returns its bytes.</summary>
    public int EndRecord(Lsn firstLsn, int operations, long commitMicroseconds, long syncedOffset)
    {
        if (_record < 0) throw new InvalidOperationException("No record is being built.");
        var payloadLength = _length - _record - WalFormat.RecordHeaderBytes;
        var payload = new ReadOnlySpan<byte>(_buffer + _record + WalFormat.RecordHeaderBytes, payloadLength);
        var header = new WalRecordHeader
        {
            PayloadLength = payloadLength,
            PayloadCrc = WalFormat.PayloadChecksum(_seed, payload),
            Operations = operations,
            FirstLsn = firstLsn.Value,
            CommitMicroseconds = commitMicroseconds,
            SyncedOffset = syncedOffset,
        };
        if (!header.IsPlausible(_offset + _record)) throw new InvalidOperationException("The record does not fit the format of the log.");
        header.Write(new Span<byte>(_buffer + _record, WalFormat.RecordHeaderBytes), _offset + _record, _seed);
        var size = _length - _record;
        _record = -1;
        return size;
    }

    /// <summary>Adds a whole record.</summary>
    public int AddRecord(Lsn firstLsn, int operations, long commitMicroseconds, long syncedOffset, ReadOnlySpan<byte> encoded)
    {
        BeginRecord();
        AddPayload(encoded);
        return EndRecord(firstLsn, operations, commitMicroseconds, syncedOffset);
    }

    /// <summary>Drops the record being built; the finished ones stay.</summary>
    public void CancelRecord()
    {
        if (_record >= 0) _length = _record;
        _record = -1;
    }

    /// <summary>Gives back memory beyond <paramref name="bytes"/>, after a group much larger than usual.</summary>
    public void Trim(int bytes)
    {
        if (_capacity <= Math.Max(bytes, _length)) return;
        _capacity = Math.Max(bytes, Math.Max(_length, 4 << 10));
        _buffer = (byte*)NativeMemory.Realloc(_buffer, (nuint)_capacity);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Reserve(int bytes)
    {
        if (_capacity - _length >= bytes) return;
        var needed = (long)_length + bytes;
        if (needed > MaxBytes) throw new InvalidOperationException($"A group of records may take {MaxBytes:N0} bytes.");
        var capacity = (int)Math.Min(Math.Max(needed, 2L * _capacity), MaxBytes);
        _buffer = (byte*)NativeMemory.Realloc(_buffer, (nuint)capacity);
        _capacity = capacity;
    }

    private void Free()
    {
        NativeMemory.Free(_buffer);
        _buffer = null;
        _capacity = _length = 0;
        _record = -1;
    }
}
