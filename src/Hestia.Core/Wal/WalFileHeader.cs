using System.Buffers.Binary;
using Hestia.Core.Checksums;

namespace Hestia.Core.Wal;

/// <summary>What the first bytes of a log file are.</summary>
internal enum WalHeaderStatus
{
    /// <summary>A header of this version.</summary>
    Valid,

    /// <summary>No bytes, or only zeros: creation never got as far as the header.</summary>
    Blank,

    /// <summary>Neither a header nor nothing.</summary>
    Damaged,

    /// <summary>Whole, but of a version, or with fields, that only a newer Hestia understands.</summary>
    TooNew,
}

/// <summary>The last record of the file before, as its successor's header names it. All zero if there was none.</summary>
internal readonly record struct WalPredecessor(Lsn FirstLsn, Lsn LastLsn, uint LastRecordHeaderCrc);

/// <summary>The first 128 bytes of a log file.</summary>
internal sealed record WalFileHeader
{
    private const int VersionAt = 8;
    private const int LengthAt = 12;
    private const int IndexIdAt = 16;
    private const int TimelineIdAt = 32;
    private const int FirstLsnAt = 48;
    private const int SaltAt = 56;
    private const int CreatedAt = 64;
    private const int PredecessorFirstAt = 72;
    private const int PredecessorLastAt = 80;
    private const int PredecessorCrcAt = 88;
    private const int ReservedAt = 92;
    private const int CrcAt = WalFormat.FileHeaderBytes - sizeof(uint);

    public required Guid IndexId { get; init; }

    public required Guid TimelineId { get; init; }

    /// <summary>LSN of the first operation of the first record.</summary>
    public required Lsn FirstLsn { get; init; }

    /// <summary>Random; goes into every record's checksums, so that records of another file are none of this one's.</summary>
    public ulong Salt { get; init; } = NewSalt();

    /// <summary>UTC microseconds since the Unix epoch.</summary>
    public required long CreatedMicroseconds { get; init; }

    public WalPredecessor Predecessor { get; init; }

    public uint Seed => WalFormat.SeedOf(Salt);

    public void Write(Span<byte> destination)
    {
        destination = destination[..WalFormat.FileHeaderBytes];
        destination.Clear();
        WalFormat.Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[VersionAt..], WalFormat.Version);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[LengthAt..], WalFormat.FileHeaderBytes);
        IndexId.TryWriteBytes(destination[IndexIdAt..], bigEndian: true, out _);
        TimelineId.TryWriteBytes(destination[TimelineIdAt..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[FirstLsnAt..], FirstLsn.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[SaltAt..], Salt);
        BinaryPrimitives.WriteInt64LittleEndian(destination[CreatedAt..], CreatedMicroseconds);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[PredecessorFirstAt..], Predecessor.FirstLsn.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[PredecessorLastAt..], Predecessor.LastLsn.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PredecessorCrcAt..], Predecessor.LastRecordHeaderCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[CrcAt..], Crc32C.Compute(destination[..CrcAt]));
    }

    /// <summary>
    /// Reads the header from the front of a file; <paramref name="source"/> holds its first
    /// <see cref="WalFormat.MaxLaterHeaderBytes"/> bytes, or all of a shorter file.
    /// </summary>
    public static WalHeaderStatus Read(ReadOnlySpan<byte> source, out WalFileHeader? header)
    {
        header = null;
        if (!source[..Math.Min(source.Length, WalFormat.FileHeaderBytes)].ContainsAnyExcept((byte)0)) return WalHeaderStatus.Blank;
        if (source.Length < WalFormat.FileHeaderBytes || !source.StartsWith(WalFormat.Magic)) return WalHeaderStatus.Damaged;

        // Every version keeps magic, version, length and the checksum at the end, so a flipped bit is told from a newer version.
        var length = BinaryPrimitives.ReadUInt32LittleEndian(source[LengthAt..]);
        if (length < WalFormat.FileHeaderBytes || length > WalFormat.MaxLaterHeaderBytes || length > source.Length)
            return WalHeaderStatus.Damaged;
        var crcAt = (int)length - sizeof(uint);
        if (BinaryPrimitives.ReadUInt32LittleEndian(source[crcAt..]) != Crc32C.Compute(source[..crcAt])) return WalHeaderStatus.Damaged;
        if (BinaryPrimitives.ReadUInt32LittleEndian(source[VersionAt..]) != WalFormat.Version
            || length != WalFormat.FileHeaderBytes
            || source[ReservedAt..CrcAt].ContainsAnyExcept((byte)0))
        {
            return WalHeaderStatus.TooNew;
        }

        var firstLsn = BinaryPrimitives.ReadUInt64LittleEndian(source[FirstLsnAt..]);
        if (firstLsn == 0) return WalHeaderStatus.Damaged;
        header = new WalFileHeader
        {
            IndexId = new Guid(source.Slice(IndexIdAt, 16), bigEndian: true),
            TimelineId = new Guid(source.Slice(TimelineIdAt, 16), bigEndian: true),
            FirstLsn = new Lsn(firstLsn),
            Salt = BinaryPrimitives.ReadUInt64LittleEndian(source[SaltAt..]),
            CreatedMicroseconds = BinaryPrimitives.ReadInt64LittleEndian(source[CreatedAt..]),
            Predecessor = new WalPredecessor(
                new Lsn(BinaryPrimitives.ReadUInt64LittleEndian(source[PredecessorFirstAt..])),
                new Lsn(BinaryPrimitives.ReadUInt64LittleEndian(source[PredecessorLastAt..])),
                BinaryPrimitives.ReadUInt32LittleEndian(source[PredecessorCrcAt..])),
        };
        return WalHeaderStatus.Valid;
    }

    private static ulong NewSalt()
    {
        Span<byte> bytes = stackalloc byte[8];
        System.Security.Cryptography.RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }
}
