using System.Buffers;
using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>Gathers neighbouring records of one log file into a piece. One buffer, reused; larger than usual only while a record is.</summary>
internal sealed class PieceBuilder : IDisposable
{
    private byte[] _buffer = [];
    private int _length = ArchivePieceHeader.Bytes;
    private long _offset;
    private ulong _firstLsn;
    private long _firstCommit;
    private WalRecordHeader _last;

    public bool IsEmpty => Records == 0;

    public long Records { get; private set; }

    public Lsn FirstLsn => new(_firstLsn);

    public Lsn LastLsn => new(_last.LastLsn);

    public long LastCommit => _last.CommitMicroseconds;

    public uint LastCrc => _last.HeaderCrc;

    public bool HasRoomFor(int bytes) => IsEmpty || _length + (long)bytes <= ArchivePiece.TargetBytes;

    public void Add(in WalRecordHeader header, long offset, ReadOnlySpan<byte> raw)
    {
        if (IsEmpty)
        {
            _offset = offset;
            _firstLsn = header.FirstLsn;
            _firstCommit = header.CommitMicroseconds;
        }

        Reserve(raw.Length);
        raw.CopyTo(_buffer.AsSpan(_length));
        _length += raw.Length;
        _last = header;
        Records++;
    }

    /// <summary>The finished piece; valid until the next <see cref="Clear"/>.</summary>
    /// <param name="log">The file the records are from.</param>
    /// <param name="lineage">The timeline of that file, or null where nobody knows any more where it came from.</param>
    /// <param name="previousCrc">Checksum of the record before the first, if that was shipped.</param>
    public ReadOnlySpan<byte> Finish(WalFileHeader log, Core.Manifest.Timeline? lineage, uint? previousCrc)
    {
        var records = _buffer.AsSpan(ArchivePieceHeader.Bytes, _length - ArchivePieceHeader.Bytes);
        new ArchivePieceHeader
        {
            IndexId = log.IndexId,
            Timeline = log.TimelineId,
            HasLineage = lineage is not null,
            Parent = lineage?.Parent,
            BranchLsn = lineage?.BranchLsn ?? Lsn.None,
            FirstLsn = FirstLsn,
            LastLsn = LastLsn,
            FirstCommit = _firstCommit,
            LastCommit = LastCommit,
            Records = Records,
            RecordBytes = records.Length,
            Salt = log.Salt,
            Offset = _offset,
            PreviousCrc = previousCrc,
            Hash = SHA256.HashData(records),
        }.Write(_buffer);
        return _buffer.AsSpan(0, _length);
    }

    public void Clear()
    {
        _length = ArchivePieceHeader.Bytes;
        Records = 0;
        if (_buffer.Length > 2 * ArchivePiece.TargetBytes) Dispose();
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void Reserve(int bytes)
    {
        var needed = _length + bytes;
        if (needed <= _buffer.Length) return;
        // Most shipments are small: the buffer grows with what there is.
        var size = Math.Max(needed, Math.Min(2 * _buffer.Length, ArchivePiece.TargetBytes));
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(size, 64 << 10));
        _buffer.AsSpan(0, Math.Min(_length, _buffer.Length)).CopyTo(larger);
        Dispose();
        _buffer = larger;
    }
}
