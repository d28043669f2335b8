using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hestia.Core.Reading;

/// <summary>
/// References to the current view kept ready for point reads, one for each of a few groups of threads. Counting the view itself would make every
/// read write the same cache line twice: two readers then were no faster than one. A thread finds its slot by its number; where another thread
/// of its group is just using it, it counts the view as before.
/// <para>
/// Invariant: once <see cref="Clear"/> has returned, no slot gives out a view that was published before the call began. So a read that begins
/// after a write was acknowledged has a view with that write in it. A view in use at that moment is released by its reader.
/// </para>
/// </summary>
internal sealed class ViewSlots
{
    private const int SlotsPerProcessor = 4;
    private const int MostSlots = 128;

    private readonly Slot[] _slots;

    public ViewSlots()
    {
        var count = Math.Min(MostSlots, SlotsPerProcessor * Environment.ProcessorCount);
        _slots = new Slot[(int)BitOperations.RoundUpToPowerOf2((uint)count)];
        for (var i = 0; i < _slots.Length; i++) _slots[i] = new Slot();
    }

    /// <summary>The slot of this thread.</summary>
    public Slot Mine
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _slots[Environment.CurrentManagedThreadId & (_slots.Length - 1)];
    }

    /// <summary>Empties all slots.</summary>
    public void Clear()
    {
        foreach (var slot in _slots) slot.Clear();
    }

    /// <summary>One reference and who has it now; on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    internal sealed class Slot
    {
        private const int Empty = 0;
        private const int Ready = 1;  // View may be taken
        private const int InUse = 2;  // View belongs to a reader, or is being filled in by one
        private const int Stale = 3;  // as InUse, and the reader is to release it
        private const int Clearing = 4;

        [FieldOffset(64)]
        private IndexView? _view;

        [FieldOffset(72)]
        private int _state;

        /// <summary>Takes the view that is ready here; null if there is none.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public IndexView? Take() => Interlocked.CompareExchange(ref _state, InUse, Ready) == Ready ? _view : null;

        /// <summary>Begins to fill an empty slot; <see cref="Fill"/> or <see cref="CancelFill"/> follows.</summary>
        public bool TryBeginFill() => Interlocked.CompareExchange(ref _state, InUse, Empty) == Empty;

        public void Fill(IndexView view) => _view = view;

        public void CancelFill() => Volatile.Write(ref _state, Empty);

        /// <summary>Gives back what was taken or filled in.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Return()
        {
            if (Interlocked.CompareExchange(ref _state, Ready, InUse) != InUse) ReleaseStale();
        }

        public void Clear()
        {
            while (true)
            {
                switch (Interlocked.CompareExchange(ref _state, Clearing, Ready))
                {
                    case Ready:
                        ReleaseStale();
                        return;
                    case InUse:
                        if (Interlocked.CompareExchange(ref _state, Stale, InUse) == InUse) return;
                        break;
                    default:
                        return; // nothing here, or somebody is at it already
                }
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private void ReleaseStale()
        {
            var view = _view!;
            _view = null;
            Volatile.Write(ref _state, Empty);
            view.Release();
        }
    }
}

/// <summary>A view held for one point read. Dispose it exactly once.</summary>
internal readonly ref struct ViewLease
{
    private readonly ViewSlots.Slot? _slot;

    public ViewLease(IndexView view, ViewSlots.Slot? slot)
    {
        View = view;
        _slot = slot;
    }

    public IndexView View { get; }

    public void Dispose()
    {
        if (_slot is not null) _slot.Return();
        else View.Release();
    }
}
