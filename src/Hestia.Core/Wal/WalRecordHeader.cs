using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hestia.Core.Wal;

/// <summary>
/// The 40 bytes before a record's payload. Their checksum runs over salt, file offset and the 36 bytes after it: the same bytes
/// anywhere else, in a value or in another file, are no record.
/// </summary>
internal readonly struct WalRecordHeader
{
    private const int PayloadLengthAt = 4;
    private const int PayloadCrcAt = 8;
    private const int OperationsAt = 12;
    private const int FirstLsnAt = 16;
    private const int CommitTimeAt = 24;
    private const int SyncedOffsetAt = 32;

    public uint HeaderCrc { get; private init; }

    public int PayloadLength { get; init; }

    public uint PayloadCrc { get; init; }

    public int Operations { get; init; }

    public ulong FirstLsn { get; init; }

    /// <summary>UTC microseconds since the Unix epoch.</summary>
    public long CommitMicroseconds { get; init; }

    /// <summary>The file was synced up to here when the record was written. Never beyond the record's own offset.</summary>
    public long SyncedOffset { get; init; }

    public ulong LastLsn => FirstLsn + (ulong)Operations - 1;

    public int TotalBytes => WalFormat.RecordHeaderBytes + PayloadLength;

    /// <summary>Writes the header of a record that will stand at <paramref name="offset"/> of its file; returns its checksum.</summary>
    public uint Write(Span<byte> destination, long offset, uint seed)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PayloadLengthAt..], (uint)PayloadLength);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PayloadCrcAt..], PayloadCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[OperationsAt..], (uint)Operations);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[FirstLsnAt..], FirstLsn);
        BinaryPrimitives.WriteInt64LittleEndian(destination[CommitTimeAt..], CommitMicroseconds);
        BinaryPrimitives.WriteInt64LittleEndian(destination[SyncedOffsetAt..], SyncedOffset);
        var crc = Checksum(destination, offset, seed);
        BinaryPrimitives.WriteUInt32LittleEndian(destination, crc);
        return crc;
    }

    /// <summary>Reads the header of a record at <paramref name="offset"/>; false if the bytes are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> source, long offset, uint seed, out WalRecordHeader header)
    {
        source = source[..WalFormat.RecordHeaderBytes];
        header = Decode(source);
        return header.IsPlausible(offset) && Checksum(source, offset, seed) == header.HeaderCrc;
    }

    /// <summary>The fields as they stand there; nothing is checked. For <see cref="WalSeedRecovery"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WalRecordHeader Decode(ReadOnlySpan<byte> source) => new()
    {
        HeaderCrc = BinaryPrimitives.ReadUInt32LittleEndian(source),
        PayloadLength = BinaryPrimitives.ReadInt32LittleEndian(source[PayloadLengthAt..]),
        PayloadCrc = BinaryPrimitives.ReadUInt32LittleEndian(source[PayloadCrcAt..]),
        Operations = BinaryPrimitives.ReadInt32LittleEndian(source[OperationsAt..]),
        FirstLsn = BinaryPrimitives.ReadUInt64LittleEndian(source[FirstLsnAt..]),
        CommitMicroseconds = BinaryPrimitives.ReadInt64LittleEndian(source[CommitTimeAt..]),
        SyncedOffset = BinaryPrimitives.ReadInt64LittleEndian(source[SyncedOffsetAt..]),
    };

    /// <summary>
    /// Whether the fields can be those of a record at <paramref name="offset"/>. Cheap, and wrong for nearly all other bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsPlausible(long offset) =>
        (ulong)(SyncedOffset - WalFormat.FileHeaderBytes) <= (ulong)(offset - WalFormat.FileHeaderBytes)
        && (uint)(PayloadLength - 1) < WalFormat.MaxPayloadBytes
        && Operations >= 1
        && Operations <= PayloadLength / WalFormat.MinOperationBytes
        && FirstLsn - 1 < ulong.MaxValue - 1 - (uint)Operations;

    /// <summary>
    /// Whether the synced offset of a header that starts <paramref name="index"/> bytes from <paramref name="start"/> could be one: what a
    /// scan for the next record looks at first, as it is false for zeros and for nearly all data.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MayStartAt(ref byte start, int index, long offset)
    {
        var synced = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, index + SyncedOffsetAt));
        if (!BitConverter.IsLittleEndian) synced = BinaryPrimitives.ReverseEndianness(synced);
        return synced - WalFormat.FileHeaderBytes <= (ulong)(offset - WalFormat.FileHeaderBytes);
    }

    /// <summary>CRC-32C of salt, offset and the header behind its checksum field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Checksum(ReadOnlySpan<byte> header, long offset, uint seed)
    {
        var state = BitOperations.Crc32C(~seed, (ulong)offset);
        state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt32LittleEndian(header[4..]));
        state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(header[8..]));
        state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(header[16..]));
        state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(header[24..]));
        state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));
        return ~state;
    }
}
