using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>A whole piece, in memory: header and records, every checksum found right.</summary>
internal sealed class ArchivePiece
{
    /// <summary>A piece is ended before it would grow beyond this; one record alone may be larger.</summary>
    public const int TargetBytes = 8 << 20;

    /// <summary>The largest piece there can be.</summary>
    public const int MaxBytes = ArchivePieceHeader.Bytes + WalFormat.RecordHeaderBytes + WalFormat.MaxPayloadBytes;

    private readonly byte[] _bytes;

    private ArchivePiece(ArchivePieceHeader header, byte[] bytes)
    {
        Header = header;
        _bytes = bytes;
    }

    public ArchivePieceHeader Header { get; }

    /// <summary>The records as they stood in their log file.</summary>
    public ReadOnlySpan<byte> Records => _bytes.AsSpan(ArchivePieceHeader.Bytes);

    /// <summary>Reads a piece and holds it against its name and its checksums.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message says what is wrong.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static ArchivePiece Parse(byte[] bytes, ArchiveItem item)
    {
        var header = ArchivePieceHeader.Read(bytes, item.Name);
        Match(header, item);
        if (header.RecordBytes != bytes.Length - ArchivePieceHeader.Bytes)
            throw new InvalidDataException($"it is {bytes.Length:N0} bytes long and says it has {header.RecordBytes + ArchivePieceHeader.Bytes:N0}.");
        var piece = new ArchivePiece(header, bytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(piece.Records, hash);
        if (!hash.SequenceEqual(header.Hash)) throw new InvalidDataException("its records are not those that were written.");
        piece.CheckRecords();
        return piece;
    }

    /// <summary>Whether the header is that of the piece the name says.</summary>
    /// <exception cref="InvalidDataException">It is another's.</exception>
    public static void Match(ArchivePieceHeader header, ArchiveItem item)
    {
        if (header.IndexId != item.IndexId || header.Timeline != item.Timeline || header.FirstLsn != item.First || header.LastLsn != item.Last)
            throw new InvalidDataException($"it says it has LSN {header.FirstLsn} to {header.LastLsn} of timeline {header.Timeline}: it was renamed.");
    }

    /// <summary>Goes through the records.</summary>
    public RecordWalk Walk() => new(this);

    /// <summary>Whether two pieces agree in the records that both have.</summary>
    public static bool Agree(ArchivePiece a, ArchivePiece b)
    {
        var first = a.Walk();
        var second = b.Walk();
        var (haveFirst, haveSecond) = (first.Next(), second.Next());
        while (haveFirst && haveSecond)
        {
            if (first.Header.LastLsn < second.Header.FirstLsn)
            {
                haveFirst = first.Next();
                continue;
            }

            if (second.Header.LastLsn < first.Header.FirstLsn)
            {
                haveSecond = second.Next();
                continue;
            }

            if (first.Header.FirstLsn != second.Header.FirstLsn || first.Header.CommitMicroseconds != second.Header.CommitMicroseconds
                || !first.Payload.SequenceEqual(second.Payload)) return false;
            (haveFirst, haveSecond) = (first.Next(), second.Next());
        }

        return true;
    }

    /// <summary>Right checksums prove that nothing changed since it was written; this proves that it was written right.</summary>
    private void CheckRecords()
    {
        var walk = Walk();
        var expected = Header.FirstLsn.Value;
        long records = 0;
        while (walk.Next())
        {
            if (walk.Header.FirstLsn != expected) throw new InvalidDataException($"LSN {expected} does not follow in it.");
            if (records++ == 0 && walk.Header.CommitMicroseconds != Header.FirstCommit)
                throw new InvalidDataException("its first commit time is not that of its first record.");
            expected = walk.Header.LastLsn + 1;
        }

        if (expected != Header.LastLsn.Value + 1 || records != Header.Records || walk.Header.CommitMicroseconds != Header.LastCommit)
            throw new InvalidDataException("its header contradicts its records.");
    }

    /// <summary>The records of a piece, one after the other.</summary>
    internal struct RecordWalk(ArchivePiece piece)
    {
        private readonly uint _seed = WalFormat.SeedOf(piece.Header.Salt);
        private int _next;
        private int _at;

        public WalRecordHeader Header { get; private set; }

        /// <summary>The operations of the record.</summary>
        public readonly ReadOnlySpan<byte> Payload => piece.Records.Slice(_at + WalFormat.RecordHeaderBytes, Header.PayloadLength);

        /// <summary>Goes to the next record; false at the end.</summary>
        /// <exception cref="InvalidDataException">What stands there is no record.</exception>
        public bool Next()
        {
            var rest = piece.Records[_next..];
            if (rest.IsEmpty) return false;
            if (rest.Length < WalFormat.RecordHeaderBytes
                || !WalRecordHeader.TryRead(rest, piece.Header.Offset + _next, _seed, out var header)
                || header.TotalBytes > rest.Length
                || WalFormat.PayloadChecksum(_seed, rest.Slice(WalFormat.RecordHeaderBytes, header.PayloadLength)) != header.PayloadCrc)
                throw new InvalidDataException($"at {_next + ArchivePieceHeader.Bytes:N0} in it stands no record.");
            Header = header;
            _at = _next;
            _next += header.TotalBytes;
            return true;
        }
    }
}
