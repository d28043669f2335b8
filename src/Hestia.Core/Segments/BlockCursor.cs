using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Hestia.Core.Caching;

namespace Hestia.Core.Segments;

/// <summary>
/// A position in one data block, both ways. Backwards, a whole restart interval is decoded at once, so that a reverse scan costs about
/// what a forward one does. Where the block turns out damaged, the cursor stands nowhere and <see cref="IsDamaged"/> says so.
/// </summary>
internal sealed unsafe class BlockCursor : IDisposable
{
    // Room for wide copies behind the longest key.
    private const int KeyBytes = Limits.MaxKeyBytes + 32;

    private readonly NativeBuffer _keyBuffer = new(KeyBytes);
    private readonly NativeBuffer _intervalKeys = new();
    private IntervalEntry[] _interval = [];
    private int _intervalRestart = -1;
    private BlockView _view;
    private byte* _key;
    private int _keyLength;
    private byte* _next;
    private BlockEntry _entry;
    private int _ordinal;

    public bool IsValid { get; private set; }

    public bool IsDamaged { get; private set; }

    public ReadOnlySpan<byte> Key => new(_key, _keyLength);

    /// <summary>The value, or the reference to a large one.</summary>
    public ReadOnlySpan<byte> StoredValue => new(_entry.Value, _entry.ValueLength);

    public bool IsLargeValue => _entry.Tag == SegmentFormat.TagLargeValue;

    public OperationKind Kind => _entry.Kind;

    public ulong Lsn => _view.Lsn(_ordinal);

    public int EntryCount => _view.EntryCount;

    /// <summary>Whether the last entry of the block ends where the entries do; the verifier wants no byte unaccounted for.</summary>
    public bool EndsAtEntriesEnd => _next == _view.EntriesEnd;

    /// <summary>The restart interval the block was built with.</summary>
    public int RestartInterval => _view.RestartInterval;

    /// <summary>Takes the payload of a block, which must stay where it is; stands nowhere.</summary>
    public bool Open(byte* payload, int length)
    {
        IsValid = false;
        _intervalRestart = -1;
        IsDamaged = !BlockView.TryOpen(payload, length, out _view);
        return !IsDamaged;
    }

    public bool First()
    {
        StartAt(0);
        return Next();
    }

    public bool Last()
    {
        if (IsDamaged) return false;
        _ordinal = _view.EntryCount;
        return Previous();
    }

    /// <summary>Forward; the first call after <see cref="StartAt"/> stands on the restart point itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Next()
    {
        if (++_ordinal >= _view.EntryCount || IsDamaged)
        {
            IsValid = false;
            return false;
        }

        var key = _keyBuffer.Pointer;
        if (_key != key) ContinueForwardFromInterval(key);
        var next = _view.Read(_next, out _entry);
        var length = _entry.Shared + _entry.Unshared;
        if (next == null || _entry.Shared > (uint)_keyLength || length - 1 >= Limits.MaxKeyBytes) return Fail();
        // Every entry has the 16 bytes of the block's tail behind it, so that one wide copy may read them.
        if (_entry.Unshared <= 16) Vector128.Load(_entry.Suffix).Store(key + _entry.Shared);
        else Unsafe.CopyBlockUnaligned(key + _entry.Shared, _entry.Suffix, _entry.Unshared);
        _keyLength = (int)length;
        _next = next;
        return IsValid = true;
    }

    /// <summary>As <see cref="First"/> and <see cref="Next"/>, and the restart points must lie where the entries say.</summary>
    public bool NextChecked(bool first)
    {
        if (first) StartAt(0);
        var start = _next;
        if (!Next()) return false;
        if (_ordinal == 0 && start != _view.Data) return Fail();
        if (_ordinal % _view.RestartInterval != 0) return true;
        return (_entry.Shared == 0 && _view.Restart(_ordinal / _view.RestartInterval) == start) || Fail();
    }

    public bool Previous()
    {
        if (_ordinal <= 0 || IsDamaged)
        {
            IsValid = false;
            _ordinal = -1;
            return false;
        }

        _ordinal--;
        var restart = _ordinal / _view.RestartInterval;
        if (restart != _intervalRestart && !DecodeInterval(restart)) return Fail();
        ref var entry = ref _interval[_ordinal - restart * _view.RestartInterval];
        _entry = entry.Entry;
        _next = entry.Next;
        _key = _intervalKeys.Pointer + entry.KeyOffset;
        _keyLength = entry.KeyLength;
        return IsValid = true;
    }

    /// <summary>Stands on the first entry at or after the key; false if there is none in this block.</summary>
    public bool Seek(ReadOnlySpan<byte> target)
    {
        if (IsDamaged) return false;
        fixed (byte* key = target)
        {
            int low = 0, high = _view.RestartCount - 1;
            while (low < high)
            {
                var middle = (low + high + 1) >> 1;
                var restart = _view.Restart(middle);
                if (restart == null || _view.Read(restart, out var entry) == null || entry.Shared != 0) return Fail();
                if (KeyOrder.Compare(entry.Suffix, (int)entry.Unshared, key, target.Length) <= 0) low = middle;
                else high = middle - 1;
            }

            StartAt(low);
            while (Next())
            {
                if (KeyOrder.Compare(_key, _keyLength, key, target.Length) >= 0) return true;
            }

            return false;
        }
    }

    public void Dispose()
    {
        _keyBuffer.Dispose();
        _intervalKeys.Dispose();
    }

    private void StartAt(int restart)
    {
        _ordinal = restart * _view.RestartInterval - 1;
        _key = _keyBuffer.Pointer;
        _keyLength = 0;
        if (!IsDamaged && (_next = _view.Restart(restart)) == null) Fail();
    }

    private void ContinueForwardFromInterval(byte* key)
    {
        Unsafe.CopyBlockUnaligned(key, _key, (uint)_keyLength);
        _key = key;
    }

    private bool DecodeInterval(int restart)
    {
        _intervalRestart = -1;
        if (_interval.Length < _view.RestartInterval) _interval = new IntervalEntry[_view.RestartInterval];
        var at = _view.Restart(restart);
        var stop = Math.Min(_view.RestartInterval, _view.EntryCount - restart * _view.RestartInterval);
        int used = 0, previousOffset = 0, previousLength = 0;
        for (var i = 0; i < stop; i++)
        {
            if (at == null || (at = _view.Read(at, out var entry)) == null) return false;
            var length = (int)(entry.Shared + entry.Unshared);
            if (entry.Shared > previousLength || (uint)(length - 1) >= Limits.MaxKeyBytes) return false;
            var keys = _intervalKeys.Grow(used + length + 32, used);
            Unsafe.CopyBlockUnaligned(keys + used, keys + previousOffset, entry.Shared);
            if (entry.Unshared <= 16) Vector128.Load(entry.Suffix).Store(keys + used + entry.Shared);
            else Unsafe.CopyBlockUnaligned(keys + used + entry.Shared, entry.Suffix, entry.Unshared);
            _interval[i] = new IntervalEntry { Entry = entry, Next = at, KeyOffset = used, KeyLength = length };
            previousOffset = used;
            previousLength = length;
            used += length;
        }

        _intervalRestart = restart;
        return stop > 0;
    }

    private bool Fail()
    {
        IsDamaged = true;
        IsValid = false;
        return false;
    }

    private struct IntervalEntry
    {
        public BlockEntry Entry;
        public byte* Next;
        public int KeyOffset;
        public int KeyLength;
    }
}
