using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>Why bytes of a log file are not records.</summary>
internal enum WalDamageKind
{
    /// <summary>No record header stands where one should.</summary>
    NoRecord,

    /// <summary>Zeros, as behind the last record, but something follows them.</summary>
    HoleOfZeros,

    /// <summary>The file ends within the record.</summary>
    CutOff,

    /// <summary>The header is whole, the payload is not what was written.</summary>
    PayloadChecksum,

    /// <summary>Header and payload are what was written, but the payload is no list of operations.</summary>
    Malformed,

    /// <summary>The record is whole, but is not the one that follows the record before it.</summary>
    LsnMismatch,
}

/// <summary>A place where a log file stops being a sequence of records.</summary>
internal sealed record WalDamage(long Offset, WalDamageKind Kind)
{
    /// <summary>Whether a power loss in the midst of writing can leave this; what passes its checksum was written that way.</summary>
    public bool MayBeTorn => Kind is not (WalDamageKind.Malformed or WalDamageKind.LsnMismatch);

    public string Description => Kind switch
    {
        WalDamageKind.NoRecord => "no valid record header stands there",
        WalDamageKind.HoleOfZeros => "there are zeros with other bytes behind them",
        WalDamageKind.CutOff => "the file ends within the record",
        WalDamageKind.PayloadChecksum => "the payload does not match its checksum",
        WalDamageKind.Malformed => "the payload matches its checksum but is no list of operations",
        _ => "the record does not follow the one before it",
    };
}

/// <summary>
/// Reads the records of one file from front to back. It returns only what both checksums vouch for. Where that ends it says why, and
/// <see cref="Resynchronise"/> looks for the next record behind the damage. Constant memory. Not thread-safe.
/// </summary>
internal sealed class WalReader : IDisposable
{
    private readonly WalWindow _window;
    private readonly uint _seed;
    private long _next;
    private long _resume;
    private bool _ended;
    private long _payloadBudget;

    /// <summary>Reads <paramref name="file"/>, which stays the caller's, from a record's offset on.</summary>
    public WalReader(StorageFile file, uint seed, long start = WalFormat.FileHeaderBytes)
        : this(new WalWindow(file), seed, start)
    {
    }

    /// <summary>Reads through a window that from here on is the reader's to dispose.</summary>
    public WalReader(WalWindow window, uint seed, long start = WalFormat.FileHeaderBytes)
    {
        _window = window;
        _seed = seed;
        _next = start;
        // Summing the payload behind every header that a scan meets could be quadratic in a file made for it; an honest one
        // needs at most the whole file once.
        _payloadBudget = 4 * window.Length + WalFormat.MaxPayloadBytes;
    }

    /// <summary>Offset of the current record.</summary>
    public long Offset { get; private set; }

    /// <summary>Offset behind the current record.</summary>
    public long NextOffset => _next;

    public WalRecordHeader Header { get; private set; }

    /// <summary>The operations of the current record. Valid until the reader moves.</summary>
    public ReadOnlySpan<byte> Payload => _window.Get(Offset, Header.TotalBytes).Slice(WalFormat.RecordHeaderBytes, Header.PayloadLength);

    /// <summary>The current record as it stands in the file. Valid until the reader moves.</summary>
    public ReadOnlySpan<byte> Raw => _window.Get(Offset, Header.TotalBytes)[..Header.TotalBytes];

    /// <summary>Why reading stopped; null at the normal end.</summary>
    public WalDamage? Damage { get; private set; }

    /// <summary>
    /// Whether any record header was met, even one whose payload is torn: its checksum proves that this file took a record.
    /// </summary>
    public bool SawHeader { get; private set; }

    /// <summary>The highest synced offset that any header met so far vouches for.</summary>
    public long HighestSyncedOffset { get; private set; }

    public long FileLength => _window.Length;

    /// <summary>Goes to the next record. False at the end, which is the normal one unless <see cref="Damage"/> says otherwise.</summary>
    public bool TryReadNext()
    {
        if (_ended) return false;
        var offset = _next;
        var bytes = _window.Get(offset, WalFormat.RecordHeaderBytes);
        if (bytes.Length < WalFormat.RecordHeaderBytes || !WalRecordHeader.TryRead(bytes, offset, _seed, out var header))
            return EndAt(offset);
        Note(header);
        var total = header.TotalBytes;
        if (bytes.Length < total)
        {
            // The length is vouched for by the header's checksum and bounded by the file before any memory is taken for it.
            if (total > _window.Length - offset) return Stop(offset, WalDamageKind.CutOff, offset + 1);
            bytes = _window.Get(offset, total);
            if (bytes.Length < total) return Stop(offset, WalDamageKind.CutOff, offset + 1);
        }

        if (WalFormat.PayloadChecksum(_seed, bytes.Slice(WalFormat.RecordHeaderBytes, header.PayloadLength)) != header.PayloadCrc)
        {
            return Stop(offset, WalDamageKind.PayloadChecksum, offset + 1);
        }

        Header = header;
        Offset = offset;
        _next = offset + total;
        return true;
    }

    /// <summary>
    /// After damage: looks at every offset behind it for a whole record, so that the next <see cref="TryReadNext"/> returns it; false
    /// if there is none up to the end. Every header met on the way counts for <see cref="HighestSyncedOffset"/>.
    /// </summary>
    public bool Resynchronise(CancellationToken cancellationToken = default)
    {
        if (Damage is null) return false;
        var position = _resume;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var bytes = _window.Get(position, WalFormat.RecordHeaderBytes);
            if (bytes.Length < WalFormat.RecordHeaderBytes) return false;
            var found = FindHeader(bytes, position, out var header);
            if (found < 0)
            {
                position += bytes.Length - WalFormat.RecordHeaderBytes + 1;
                continue;
            }

            position += found;
            Note(header);
            if (IsWhole(position, header))
            {
                _next = position;
                _ended = false;
                Damage = null;
                return true;
            }

            position++;
        }
    }

    public void Dispose() => _window.Dispose();

    private int FindHeader(ReadOnlySpan<byte> bytes, long position, out WalRecordHeader header)
    {
        var last = bytes.Length - WalFormat.RecordHeaderBytes;
        ref var start = ref MemoryMarshal.GetReference(bytes);
        for (var i = 0; i <= last; i++)
        {
            if (!WalRecordHeader.MayStartAt(ref start, i, position + i)) continue;
            if (WalRecordHeader.TryRead(bytes[i..], position + i, _seed, out header)) return i;
        }

        Unsafe.SkipInit(out header);
        return -1;
    }

    private bool IsWhole(long offset, in WalRecordHeader header)
    {
        if (header.TotalBytes > _window.Length - offset || header.PayloadLength > _payloadBudget) return false;
        _payloadBudget -= header.PayloadLength;
        var bytes = _window.Get(offset, header.TotalBytes);
        return bytes.Length >= header.TotalBytes
            && WalFormat.PayloadChecksum(_seed, bytes.Slice(WalFormat.RecordHeaderBytes, header.PayloadLength)) == header.PayloadCrc;
    }

    /// <summary>No record header: the normal end if only zeros follow.</summary>
    private bool EndAt(long offset)
    {
        var position = offset;
        while (true)
        {
            var bytes = _window.Get(position, 1);
            if (bytes.IsEmpty)
            {
                _ended = true;
                Damage = null;
                return false;
            }

            var index = bytes.IndexOfAnyExcept((byte)0);
            if (index >= 0)
            {
                position += index;
                break;
            }

            position += bytes.Length;
        }

        var hole = position - offset >= WalFormat.RecordHeaderBytes;
        // A header has its payload length, which is not zero, in its first 8 bytes: none starts further before the first byte found.
        return Stop(offset, hole ? WalDamageKind.HoleOfZeros : WalDamageKind.NoRecord, Math.Max(offset + 1, position - 8));
    }

    private bool Stop(long offset, WalDamageKind kind, long resume)
    {
        _ended = true;
        _resume = resume;
        Damage = new WalDamage(offset, kind);
        return false;
    }

    private void Note(in WalRecordHeader header)
    {
        SawHeader = true;
        if (header.SyncedOffset > HighestSyncedOffset) HighestSyncedOffset = header.SyncedOffset;
    }
}
