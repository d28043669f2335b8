using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Hestia.Core.Reading;

namespace Hestia.Core.Memtable;

/// <summary>
/// Walks a memtable beside its mutator. On entering a leaf it copies the leaf's records and bounds as they are at one version, and goes on
/// from there to the leaf that begins, or ends, at exactly that bound; so each key is met once, in order, whatever splits in between. A key
/// added to a leaf after it was copied has a later LSN than the cursor may show. In a frozen memtable it reads the leaves in place.
/// </summary>
internal sealed unsafe class MemTableCursor : EntryCursor
{
    private const int PrefetchDistance = 6;

    private readonly MemTable _table;
    private readonly MemTableTree _tree;
    private readonly ulong _snapshotLsn;
    private RecordHeader* _current;
    private TreeNode* _inPlace; // the leaf, if it is read in place
    private TreeNode* _left;
    private TreeNode* _right;
    private RecordHeader* _low;
    private RecordHeader* _high;
    private int _count;
    private int _index;
    private SlotCopy _slots;

    public MemTableCursor(MemTable table, MemTableTree tree, ulong snapshotLsn)
    {
        _table = table;
        _tree = tree;
        _snapshotLsn = snapshotLsn;
    }

    public override ReadOnlySpan<byte> Key
    {
        get
        {
            Debug.Assert(IsValid);
            return RecordHeader.Key(_current);
        }
    }

    public override ReadOnlySpan<byte> Value
    {
        get
        {
            Debug.Assert(IsValid);
            return RecordHeader.Value(_current);
        }
    }

    public override ulong Lsn => _current->Lsn;

    public override OperationKind Kind => _current->Kind;

    public override void SeekToFirst()
    {
        Enter(_tree.FirstLeaf);
        _index = -1;
        Forward();
    }

    public override void SeekToLast()
    {
        for (var leaf = _tree.LastLeafHint; leaf != null; leaf = _right) Enter(leaf);
        _index = _count;
        Backward();
    }

    public override void Seek(ReadOnlySpan<byte> key)
    {
        EnterLeafOf(key, out _);
        _index--;
        Forward();
    }

    public override void SeekForPrevious(ReadOnlySpan<byte> key)
    {
        EnterLeafOf(key, out var exact);
        if (exact) _index++;
        Backward();
    }

    public override void Next()
    {
        Debug.Assert(IsValid);
        Forward();
    }

    public override void Previous()
    {
        Debug.Assert(IsValid);
        Backward();
    }

    private void Forward()
    {
        while (true)
        {
            while (++_index < _count)
            {
                if (Sse.IsSupported && _index + PrefetchDistance < _count) Sse.Prefetch0(Slot(_index + PrefetchDistance));
                if (Show(Slot(_index))) return;
            }

            if (_right == null) break;
            Enter(_right);
            _index = -1;
        }

        IsValid = false;
        _current = null;
    }

    private void Backward()
    {
        while (true)
        {
            while (--_index >= 0)
            {
                if (Sse.IsSupported && _index >= PrefetchDistance) Sse.Prefetch0(Slot(_index - PrefetchDistance));
                if (Show(Slot(_index))) return;
            }

            if (_low == null) break;

            // The left neighbour may have been split since: the leaf wanted is the one that ends where this one begins.
            var end = _low;
            Enter(_left);
            while (_high != end) Enter(_right);
            _index = _count;
        }

        IsValid = false;
        _current = null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Show(RecordHeader* newest)
    {
        _current = RecordHeader.VisibleAt(newest, _snapshotLsn);
        return IsValid = _current != null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RecordHeader* Slot(int index) => _inPlace != null ? TreeNode.Records(_inPlace)[index] : (RecordHeader*)_slots[index];

    private void EnterLeafOf(ReadOnlySpan<byte> key, out bool exact)
    {
        fixed (byte* keyStart = key)
        {
            while (true)
            {
                var leaf = _tree.FindLeaf(keyStart, key.Length, out var version);
                int count = Volatile.Read(ref leaf->Count);
                if (!TreeNode.TrySearch(leaf, version, keyStart, key.Length, out _index, out exact)) continue;

                // A slot appended since has no new version, but the position found may be wrong with it.
                if (TryEnter(leaf, version) && _count == count) return;
            }
        }
    }

    private void Enter(TreeNode* leaf)
    {
        while (!TryEnter(leaf, TreeNode.StableVersion(leaf)))
        {
            // The mutator was faster.
        }
    }

    private bool TryEnter(TreeNode* leaf, uint version)
    {
        var frozen = _table.IsFrozen; // what is read after this is final
        var count = Volatile.Read(ref leaf->Count);
        var low = TreeNode.ReadRecord(&leaf->Low);
        var high = TreeNode.ReadRecord(&leaf->High);
        var left = TreeNode.ReadNode(&leaf->Left);
        var right = TreeNode.ReadNode(&leaf->Right);
        if (!frozen)
        {
            var records = TreeNode.Records(leaf);
            for (var i = 0; i < count; i++) _slots[i] = (nint)TreeNode.ReadRecord(records + i);
        }

        if (!TreeNode.IsAt(leaf, version)) return false;
        _inPlace = frozen ? leaf : null;
        _count = count;
        _low = low;
        _high = high;
        _left = left;
        _right = right;
        return true;
    }

    [InlineArray(TreeNode.Capacity)]
    private struct SlotCopy
    {
        private nint _first;
    }
}
