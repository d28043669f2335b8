using System.Buffers;
using System.Buffers.Binary;
using Hestia.Core;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Wal;

/// <summary>
/// The operations of a log in the order of their keys, the last of each key only. What does not fit into memory goes sorted into scratch
/// files, which only this user can read and which go with their handles.
/// </summary>
internal sealed class WalOverlay : IDisposable
{
    private const int DefaultBudget = 32 << 20;
    private const int DeletedLength = -1;

    private readonly StoreType _keyType;
    private readonly string _scratch;
    private readonly int _budget;
    private readonly List<EntrySource> _runs = [];
    private readonly List<Operation> _operations = [];
    private byte[] _arena;
    private int _used;

    public WalOverlay(StoreType keyType, string? scratch, int budget = DefaultBudget)
    {
        _keyType = keyType;
        _scratch = scratch ?? Path.GetTempPath();
        _budget = budget;
        _arena = ArrayPool<byte>.Shared.Rent(Math.Min(1 << 20, budget));
    }

    /// <summary>Adds the next operation in order of LSN.</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isDelete)
    {
        var bytes = key.Length + value.Length;
        if (_used > 0 && _used + bytes + _operations.Count * Operation.Bytes > _budget) Spill();
        Reserve(bytes);
        key.CopyTo(_arena.AsSpan(_used));
        value.CopyTo(_arena.AsSpan(_used + key.Length));
        _operations.Add(new Operation(_used, key.Length, isDelete ? DeletedLength : value.Length));
        _used += bytes;
    }

    /// <summary>Takes what was added as sources, oldest first, which then own it.</summary>
    public List<EntrySource> TakeSources()
    {
        var sources = new List<EntrySource>(_runs);
        if (_operations.Count > 0) sources.Add(new MemoryRun(_arena, Sorted()));
        _runs.Clear();
        _operations.Clear();
        _arena = [];
        return sources;
    }

    public void Dispose()
    {
        foreach (var run in _runs) run.Dispose();
        _runs.Clear();
        Return(ref _arena);
    }

    private static void Return(ref byte[] arena)
    {
        var taken = arena;
        arena = [];
        if (taken.Length > 0) ArrayPool<byte>.Shared.Return(taken);
    }

    private void Reserve(int bytes)
    {
        if (_arena.Length - _used >= bytes) return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_used + bytes, Math.Min(_budget, _arena.Length * 2)));
        _arena.AsSpan(0, _used).CopyTo(larger);
        Return(ref _arena);
        _arena = larger;
    }

    private Operation[] Sorted()
    {
        var arena = _arena;
        var all = _operations.ToArray();
        try
        {
            Array.Sort(all, (a, b) =>
            {
                var order = _keyType.Compare(a.Key(arena), b.Key(arena));
                return order != 0 ? order : a.At.CompareTo(b.At);
            });
        }
        catch (InvalidOperationException e) when (e.InnerException is HestiaException refused)
        {
            throw refused;
        }

        var count = 0;
        for (var i = 0; i < all.Length; i++)
        {
            if (i + 1 < all.Length && _keyType.Compare(all[i].Key(arena), all[i + 1].Key(arena)) == 0) continue; // a later one follows
            all[count++] = all[i];
        }

        Array.Resize(ref all, count);
        return all;
    }

    private void Spill()
    {
        var path = Path.Combine(_scratch, $"hestia-wal-{Guid.NewGuid():N}.tmp");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 256 << 10, Options = FileOptions.DeleteOnClose,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, options);
            Span<byte> header = stackalloc byte[8];
            foreach (var operation in Sorted())
            {
                BinaryPrimitives.WriteInt32LittleEndian(header, operation.KeyLength);
                BinaryPrimitives.WriteInt32LittleEndian(header[4..], operation.ValueLength);
                stream.Write(header);
                stream.Write(operation.Key(_arena));
                stream.Write(operation.Value(_arena));
            }

            stream.Position = 0;
            _runs.Add(new FileRun(stream));
        }
        catch (Exception e)
        {
            stream?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "writing the scratch file");
            throw;
        }

        _operations.Clear();
        _used = 0;
    }

    /// <summary>Where an operation is in the arena.</summary>
    private readonly record struct Operation(int At, int KeyLength, int ValueLength)
    {
        public const int Bytes = 12;

        public ReadOnlySpan<byte> Key(byte[] arena) => arena.AsSpan(At, KeyLength);

        public ReadOnlySpan<byte> Value(byte[] arena) => arena.AsSpan(At + KeyLength, Math.Max(0, ValueLength));
    }

    private sealed class MemoryRun(byte[] arena, Operation[] operations) : EntrySource
    {
        private byte[] _arena = arena;
        private int _at = -1;

        public override ReadOnlySpan<byte> Key => operations[_at].Key(_arena);

        public override ReadOnlySpan<byte> Value => operations[_at].Value(_arena);

        public override bool IsTombstone => operations[_at].ValueLength == DeletedLength;

        public override bool MoveNext() => _at + 1 < operations.Length && ++_at >= 0;

        protected override void Dispose(bool disposing) => Return(ref _arena);
    }

    private sealed class FileRun(FileStream stream) : EntrySource
    {
        private byte[] _entry = new byte[1024];
        private int _keyLength;
        private int _valueLength;

        public override ReadOnlySpan<byte> Key => _entry.AsSpan(0, _keyLength);

        public override ReadOnlySpan<byte> Value => _entry.AsSpan(_keyLength, Math.Max(0, _valueLength));

        public override bool IsTombstone => _valueLength == DeletedLength;

        public override bool MoveNext()
        {
            if (stream.Position == stream.Length) return false;
            Span<byte> header = stackalloc byte[8];
            stream.ReadExactly(header);
            _keyLength = BinaryPrimitives.ReadInt32LittleEndian(header);
            _valueLength = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
            var bytes = _keyLength + Math.Max(0, _valueLength);
            if (_entry.Length < bytes) _entry = new byte[Math.Max(bytes, Math.Min(_entry.Length * 2, Array.MaxLength))];
            stream.ReadExactly(_entry.AsSpan(0, bytes));
            return true;
        }

        protected override void Dispose(bool disposing) => stream.Dispose();
    }
}
