using System.Numerics;

namespace Hestia.Core.Wal;

/// <summary>
/// Finds the seed of a file whose header, and with it the salt, is lost. A CRC can be run backwards: from a record's header and its
/// checksum follows the only seed it can have, and the payload's checksum then confirms or refutes it. So a damaged header is told
/// from a file that never took a record, and the records stay readable.
/// </summary>
internal static class WalSeedRecovery
{
    private static readonly uint[] Table = MakeTable();
    private static readonly byte[] Inverse = MakeInverse();

    /// <summary>The seed under which these 40 bytes are a record header at <paramref name="offset"/>.</summary>
    public static uint SeedOf(ReadOnlySpan<byte> header, long offset)
    {
        var state = ~WalRecordHeader.Decode(header).HeaderCrc;
        for (var i = WalFormat.RecordHeaderBytes - 1; i >= sizeof(uint); i--) state = StepBack(state, header[i]);
        for (var shift = 56; shift >= 0; shift -= 8) state = StepBack(state, (byte)((ulong)offset >> shift));
        return ~state;
    }

    /// <summary>
    /// Looks for a whole record that could have been written into the file of that name, and returns the seed it was written with.
    /// </summary>
    public static bool TryFind(WalWindow window, Lsn nameLsn, CancellationToken cancellationToken, out uint seed)
    {
        var budget = 4 * window.Length + WalFormat.MaxPayloadBytes; // as in WalReader: never quadratic
        long position = WalFormat.FileHeaderBytes;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var bytes = window.Get(position, WalFormat.RecordHeaderBytes);
            if (bytes.Length < WalFormat.RecordHeaderBytes) break;
            var found = FindCandidate(bytes, position, nameLsn, out var header);
            if (found < 0)
            {
                position += bytes.Length - WalFormat.RecordHeaderBytes + 1;
                continue;
            }

            seed = SeedOf(bytes.Slice(found, WalFormat.RecordHeaderBytes), position + found);
            position += found;
            if (header.TotalBytes <= window.Length - position && header.PayloadLength <= budget)
            {
                budget -= header.PayloadLength;
                bytes = window.Get(position, header.TotalBytes);
                if (bytes.Length >= header.TotalBytes
                    && WalFormat.PayloadChecksum(seed, bytes.Slice(WalFormat.RecordHeaderBytes, header.PayloadLength)) == header.PayloadCrc)
                {
                    return true;
                }
            }

            position++;
        }

        seed = 0;
        return false;
    }

    private static int FindCandidate(ReadOnlySpan<byte> bytes, long position, Lsn nameLsn, out WalRecordHeader header)
    {
        ref var start = ref System.Runtime.InteropServices.MemoryMarshal.GetReference(bytes);
        for (var i = 0; i <= bytes.Length - WalFormat.RecordHeaderBytes; i++)
        {
            if (!WalRecordHeader.MayStartAt(ref start, i, position + i)) continue;
            header = WalRecordHeader.Decode(bytes[i..]);
            // No more operations can stand before it than fit there.
            var before = (ulong)(position + i) / WalFormat.MinOperationBytes;
            if (header.IsPlausible(position + i) && header.FirstLsn >= nameLsn.Value && header.FirstLsn - nameLsn.Value <= before) return i;
        }

        header = default;
        return -1;
    }

    private static uint StepBack(uint state, byte value)
    {
        // The top bytes of the table's entries are all different, so the new state's top byte names the entry that made it.
        var index = Inverse[state >> 24];
        return ((state ^ Table[index]) << 8) | (uint)(index ^ value);
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var i = 0; i < 256; i++) table[i] = BitOperations.Crc32C((uint)i, (byte)0);
        return table;
    }

    private static byte[] MakeInverse()
    {
        var inverse = new byte[256];
        for (var i = 0; i < 256; i++) inverse[Table[i] >> 24] = (byte)i;
        return inverse;
    }
}
