using System.Buffers.Binary;
using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.Checksums;
using Hestia.Core.Wal;

namespace Hestia.Backup.Archive;

/// <summary>
/// The first bytes of a piece. Behind them stand records of one log file, byte for byte, so that the same records are the same bytes whoever
/// ships them; docs/repository.md has it to the byte.
/// </summary>
internal sealed record ArchivePieceHeader
{
    public const int Bytes = 208;
    public const uint Version = 1;

    private const int VersionAt = 8;
    private const int LengthAt = 12;
    private const int IndexIdAt = 16;
    private const int TimelineAt = 32;
    private const int ParentAt = 48;
    private const int BranchAt = 64;
    private const int FirstLsnAt = 72;
    private const int LastLsnAt = 80;
    private const int FirstCommitAt = 88;
    private const int LastCommitAt = 96;
    private const int RecordsAt = 104;
    private const int RecordBytesAt = 112;
    private const int SaltAt = 120;
    private const int OffsetAt = 128;
    private const int PreviousCrcAt = 136;
    private const int FlagsAt = 140;
    private const int HashAt = 144;
    private const int ReservedAt = HashAt + SHA256.HashSizeInBytes;
    private const int CrcAt = Bytes - sizeof(uint);

    private const uint PreviousKnown = 1;
    private const uint LineageKnown = 2;

    private static ReadOnlySpan<byte> Magic => "HESTARC1"u8;

    public required Guid IndexId { get; init; }

    public required Guid Timeline { get; init; }

    /// <summary>Whether <see cref="Parent"/> and <see cref="BranchLsn"/> are told; who ships the rest of an older timeline does not know.</summary>
    public bool HasLineage { get; init; }

    /// <summary>Timeline this one continues, or null if it continues none.</summary>
    public Guid? Parent { get; init; }

    /// <summary>Last LSN shared with the parent.</summary>
    public Lsn BranchLsn { get; init; }

    public required Lsn FirstLsn { get; init; }

    public required Lsn LastLsn { get; init; }

    /// <summary>Commit time of the first record, UTC microseconds.</summary>
    public required long FirstCommit { get; init; }

    /// <summary>Commit time of the last record, UTC microseconds.</summary>
    public required long LastCommit { get; init; }

    public required long Records { get; init; }

    public required long RecordBytes { get; init; }

    /// <summary>Salt of the log file the records are from.</summary>
    public required ulong Salt { get; init; }

    /// <summary>Where the first of them stood in that file.</summary>
    public required long Offset { get; init; }

    /// <summary>Header checksum of the record before the first, or null if whoever shipped it did not know.</summary>
    public uint? PreviousCrc { get; init; }

    /// <summary>SHA-256 of the records.</summary>
    public required byte[] Hash { get; init; }

    public void Write(Span<byte> destination)
    {
        destination = destination[..Bytes];
        destination.Clear();
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[VersionAt..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[LengthAt..], Bytes);
        IndexId.TryWriteBytes(destination[IndexIdAt..], bigEndian: true, out _);
        Timeline.TryWriteBytes(destination[TimelineAt..], bigEndian: true, out _);
        (Parent ?? Guid.Empty).TryWriteBytes(destination[ParentAt..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[BranchAt..], BranchLsn.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[FirstLsnAt..], FirstLsn.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[LastLsnAt..], LastLsn.Value);
        BinaryPrimitives.WriteInt64LittleEndian(destination[FirstCommitAt..], FirstCommit);
        BinaryPrimitives.WriteInt64LittleEndian(destination[LastCommitAt..], LastCommit);
        BinaryPrimitives.WriteInt64LittleEndian(destination[RecordsAt..], Records);
        BinaryPrimitives.WriteInt64LittleEndian(destination[RecordBytesAt..], RecordBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[SaltAt..], Salt);
        BinaryPrimitives.WriteInt64LittleEndian(destination[OffsetAt..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PreviousCrcAt..], PreviousCrc ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(
            destination[FlagsAt..], (PreviousCrc is null ? 0 : PreviousKnown) | (HasLineage ? LineageKnown : 0));
        Hash.CopyTo(destination[HashAt..]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[CrcAt..], Crc32C.Compute(destination[..CrcAt]));
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or no piece.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static ArchivePieceHeader Read(ReadOnlySpan<byte> source, string name)
    {
        if (source.Length < Bytes || !source.StartsWith(Magic)) throw new InvalidDataException("it is cut short or no piece of an archive.");
        // Every version keeps magic, version, length and the checksum at the end of the header.
        var length = BinaryPrimitives.ReadUInt32LittleEndian(source[LengthAt..]);
        if (length < Bytes || length > source.Length) throw new InvalidDataException("the length of its header cannot be.");
        var crcAt = (int)length - sizeof(uint);
        if (BinaryPrimitives.ReadUInt32LittleEndian(source[crcAt..]) != Crc32C.Compute(source[..crcAt]))
            throw new InvalidDataException("its header does not match its checksum.");
        if (BinaryPrimitives.ReadUInt32LittleEndian(source[VersionAt..]) != Version || length != Bytes
            || source[ReservedAt..CrcAt].ContainsAnyExcept((byte)0))
        {
            throw new HestiaException(
                HestiaErrorCode.FormatTooNew,
                $"{name} is of a format that this version of Hestia does not know.",
                name,
                "Use the newer version of Hestia that wrote it.");
        }

        var flags = BinaryPrimitives.ReadUInt32LittleEndian(source[FlagsAt..]);
        var parent = new Guid(source.Slice(ParentAt, 16), bigEndian: true);
        var header = new ArchivePieceHeader
        {
            IndexId = new Guid(source.Slice(IndexIdAt, 16), bigEndian: true),
            Timeline = new Guid(source.Slice(TimelineAt, 16), bigEndian: true),
            HasLineage = (flags & LineageKnown) != 0,
            Parent = parent == Guid.Empty ? null : parent,
            BranchLsn = new Lsn(BinaryPrimitives.ReadUInt64LittleEndian(source[BranchAt..])),
            FirstLsn = new Lsn(BinaryPrimitives.ReadUInt64LittleEndian(source[FirstLsnAt..])),
            LastLsn = new Lsn(BinaryPrimitives.ReadUInt64LittleEndian(source[LastLsnAt..])),
            FirstCommit = BinaryPrimitives.ReadInt64LittleEndian(source[FirstCommitAt..]),
            LastCommit = BinaryPrimitives.ReadInt64LittleEndian(source[LastCommitAt..]),
            Records = BinaryPrimitives.ReadInt64LittleEndian(source[RecordsAt..]),
            RecordBytes = BinaryPrimitives.ReadInt64LittleEndian(source[RecordBytesAt..]),
            Salt = BinaryPrimitives.ReadUInt64LittleEndian(source[SaltAt..]),
            Offset = BinaryPrimitives.ReadInt64LittleEndian(source[OffsetAt..]),
            PreviousCrc = (flags & PreviousKnown) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(source[PreviousCrcAt..]) : null,
            Hash = source.Slice(HashAt, SHA256.HashSizeInBytes).ToArray(),
        };
        if (header.FirstLsn.Value == 0 || header.LastLsn < header.FirstLsn || header.Offset < WalFormat.FileHeaderBytes
            || header.Records < 1 || header.RecordBytes < WalFormat.RecordHeaderBytes)
            throw new InvalidDataException("its header contradicts itself.");
        return header;
    }
}
