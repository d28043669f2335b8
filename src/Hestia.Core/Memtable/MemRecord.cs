using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hestia.Core.Memtable;

/// <summary>
/// One version of one key in native memory: this header, the key bytes, the value bytes. Written once before it is published, never
/// changed afterwards. Previous leads to the next older version.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RecordHeader
{
    public RecordHeader* Previous;
    public ulong Lsn;
    public int ValueLength;
    public ushort KeyLength;
    public OperationKind Kind;

    public static int SizeOf(int keyLength, int valueLength) => sizeof(RecordHeader) + keyLength + valueLength;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* KeyStart(RecordHeader* record) => (byte*)(record + 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReadOnlySpan<byte> Key(RecordHeader* record) => new(record + 1, record->KeyLength);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReadOnlySpan<byte> Value(RecordHeader* record) => new((byte*)(record + 1) + record->KeyLength, record->ValueLength);

    /// <summary>The newest version with an LSN up to <paramref name="snapshotLsn"/>, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RecordHeader* VisibleAt(RecordHeader* newest, ulong snapshotLsn)
    {
        while (newest != null && newest->Lsn > snapshotLsn) newest = newest->Previous;
        return newest;
    }

    /// <summary>Length of the common prefix of two keys.</summary>
    public static int CommonPrefix(RecordHeader* left, RecordHeader* right) => Key(left).CommonPrefixLength(Key(right));
}

/// <summary>One version of one key. Valid while the memtable it came from is referenced.</summary>
internal readonly unsafe struct MemRecord
{
    private readonly RecordHeader* _record;

    public MemRecord(RecordHeader* record) => _record = record;

    public ulong Lsn => _record->Lsn;

    public OperationKind Kind => _record->Kind;

    public ReadOnlySpan<byte> Key => RecordHeader.Key(_record);

    /// <summary>Empty for a tombstone.</summary>
    public ReadOnlySpan<byte> Value => RecordHeader.Value(_record);
}
