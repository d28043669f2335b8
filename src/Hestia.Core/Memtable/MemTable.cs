using System.Runtime.CompilerServices;

namespace Hestia.Core.Memtable;

/// <summary>
/// The sorted writes not yet in a segment: every version of every key, outside the GC heap. One mutator at a time (the caller sees to it),
/// any number of readers beside it that take no lock. A key added before a read began is never missed by it.
/// Memory is given back when the last reference goes (<see cref="TryAcquire"/>, <see cref="Release"/>); it is created with one, which
/// <see cref="Dispose"/> releases. Readers and cursors do not take references: who uses them holds one.
/// </summary>
internal sealed unsafe class MemTable : IDisposable
{
    /// <summary>A quarter of what an operation takes in a memtable beside its key and value: header, alignment and its share of the tree.</summary>
    private const long OperationBytes = 16;

    private readonly NativeArena _arena = new();
    private readonly MemTableTree _tree;
    private long _dataBytes;
    private long _entryCount;
    private long _operationCount;
    private ulong _firstLsn;
    private ulong _lastLsn;
    private int _references = 1;
    private int _disposed;
    private bool _frozen;

    public MemTable()
    {
        try
        {
            _tree = new MemTableTree(_arena);
        }
        catch
        {
            _arena.Free();
            throw;
        }
    }

    /// <summary>Memory taken from the system, in bytes.</summary>
    public long AllocatedBytes => _arena.AllocatedBytes;

    /// <summary>Bytes of the keys and values of all operations.</summary>
    public long DataBytes => Volatile.Read(ref _dataBytes);

    /// <summary>Distinct keys, deleted ones included.</summary>
    public long EntryCount => Volatile.Read(ref _entryCount);

    /// <summary>Operations added.</summary>
    public long OperationCount => Volatile.Read(ref _operationCount);

    /// <summary>LSN of the first operation, 0 if there is none.</summary>
    public ulong FirstLsn => Volatile.Read(ref _firstLsn);

    /// <summary>LSN of the last operation, 0 if there is none.</summary>
    public ulong LastLsn => Volatile.Read(ref _lastLsn);

    /// <summary>Whether nothing is added any more.</summary>
    public bool IsFrozen => Volatile.Read(ref _frozen);

    /// <summary>
    /// Whether it is full at so many bytes. Memory counts, but memory comes in chunks: a table with little in it yet is not full. Tiny entries are little
    /// data and much memory.
    /// </summary>
    public bool Fills(long bytes) => AllocatedBytes >= bytes && DataBytes + (OperationCount * OperationBytes) >= bytes / 4;

    /// <summary>The mutator's: adds one operation, whose LSN is larger than all before.</summary>
    /// <exception cref="OutOfMemoryException">The system refused memory; the memtable is as it was.</exception>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong lsn, OperationKind kind)
    {
        if (_frozen || lsn <= _lastLsn || (uint)(key.Length - 1) >= Limits.MaxKeyBytes || value.Length > Limits.MaxValueBytes)
        {
            ThrowMisuse(key.Length, value.Length, lsn);
        }

        var record = (RecordHeader*)_arena.Allocate(RecordHeader.SizeOf(key.Length, value.Length), sizeof(ulong));
        record->Previous = null;
        record->Lsn = lsn;
        record->ValueLength = value.Length;
        record->KeyLength = (ushort)key.Length;
        record->Kind = kind;
        key.CopyTo(new Span<byte>(record + 1, key.Length));
        value.CopyTo(new Span<byte>((byte*)(record + 1) + key.Length, value.Length));

        if (_tree.Insert(record)) Volatile.Write(ref _entryCount, _entryCount + 1);
        if (_firstLsn == 0) Volatile.Write(ref _firstLsn, lsn);
        Volatile.Write(ref _lastLsn, lsn);
        Volatile.Write(ref _dataBytes, _dataBytes + key.Length + value.Length);
        Volatile.Write(ref _operationCount, _operationCount + 1);
    }

    /// <summary>The newest version of the key with an LSN up to <paramref name="snapshotLsn"/>, a tombstone included.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, ulong snapshotLsn, out MemRecord record)
    {
        fixed (byte* keyStart = key)
        {
            var visible = RecordHeader.VisibleAt(_tree.Find(keyStart, key.Length), snapshotLsn);
            record = new MemRecord(visible);
            return visible != null;
        }
    }

    /// <summary>A cursor over the newest version of each key with an LSN up to <paramref name="snapshotLsn"/>.</summary>
    public MemTableCursor CreateCursor(ulong snapshotLsn) => new(this, _tree, snapshotLsn);

    /// <summary>The mutator's: nothing is added from here on.</summary>
    public void Freeze() => Volatile.Write(ref _frozen, true);

    /// <summary>Takes a reference; false if the last one is gone already.</summary>
    public bool TryAcquire()
    {
        var references = Volatile.Read(ref _references);
        while (references > 0)
        {
            var seen = Interlocked.CompareExchange(ref _references, references + 1, references);
            if (seen == references) return true;
            references = seen;
        }

        return false;
    }

    /// <summary>Returns a reference taken with <see cref="TryAcquire"/>; the last one frees the memory.</summary>
    public void Release()
    {
        var left = Interlocked.Decrement(ref _references);
        if (left < 0) throw new InvalidOperationException("A memtable was released more often than it was acquired.");
        if (left > 0) return;
        _tree.Detach();
        _arena.Free();
    }

    /// <summary>Returns the first reference; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Release();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowMisuse(int keyLength, int valueLength, ulong lsn) => throw new InvalidOperationException(
        _frozen ? $"The memtable is frozen and was to take LSN {lsn}."
        : lsn <= _lastLsn ? $"LSN {lsn} does not follow LSN {_lastLsn}."
        : $"A key of {keyLength} bytes with a value of {valueLength} bytes is outside the limits.");
}
