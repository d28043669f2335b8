using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Hestia.Core.Memtable;

/// <summary>How the tree changes; all of it is the mutator's.</summary>
internal sealed unsafe partial class MemTableTree
{
    private static void BeginChange(TreeNode* node)
    {
        node->Version++;
        Interlocked.MemoryBarrier(); // no store of the change before the odd version
    }

    private static void EndChange(TreeNode* node) => Volatile.Write(ref node->Version, node->Version + 1);

    private static bool HasBothBounds(TreeNode* node) => node->Low != null && node->High != null;

    private static bool IsBehind(RecordHeader* record, RecordHeader* other) =>
        RecordHeader.Key(record).SequenceCompareTo(RecordHeader.Key(other)) > 0;

    private TreeNode* NewNode(bool isLeaf)
    {
        var node = (TreeNode*)_arena.Allocate(isLeaf ? TreeNode.LeafBytes : TreeNode.InnerBytes, TreeNode.Alignment);
        *node = default;
        node->IsLeaf = isLeaf;
        return node;
    }

    private static void InsertIntoLeaf(TreeNode* leaf, int position, RecordHeader* record)
    {
        int count = leaf->Count;
        Debug.Assert(count < TreeNode.Capacity);
        CountRun(leaf, position, count);
        var skip = SkipWith(leaf, position, record, out var prefix);
        if (position == count && skip == leaf->Skip)
        {
            // Behind the last slot nothing moves: the new count publishes the slot.
            TreeNode.Prefixes(leaf)[count] = prefix;
            TreeNode.Records(leaf)[count] = record;
            Volatile.Write(ref leaf->Count, (ushort)(count + 1));
            return;
        }

        BeginChange(leaf);
        InsertSlot(leaf, position, record, skip, prefix);
        EndChange(leaf);
    }

    private static void CountRun(TreeNode* leaf, int position, int count)
    {
        int run = leaf->Run;
        run = position == count ? Math.Max(run, 0) + 1 : position == 0 ? Math.Min(run, 0) - 1 : 0;
        leaf->Run = (short)Math.Clamp(run, -SortedRun, SortedRun);
    }

    /// <summary>
    /// The bytes to skip once the record is in the node, and the record's prefix behind them: fewer than now if the record does not share
    /// them, more if its prefix equals a neighbour's and all keys share more.
    /// </summary>
    private static int SkipWith(TreeNode* node, int position, RecordHeader* record, out ulong prefix)
    {
        int count = node->Count;
        int skip = node->Skip;
        var wanted = skip;
        if (skip > 0 && !HasBothBounds(node))
        {
            wanted = Math.Min(skip, RecordHeader.CommonPrefix(record, TreeNode.Records(node)[0]));
        }

        prefix = TreeNode.PrefixOf(RecordHeader.KeyStart(record), record->KeyLength, wanted);
        if (wanted < skip || node->SkipIsLargest) return wanted;
        var prefixes = TreeNode.Prefixes(node);
        var tied = (position < count && prefixes[position] == prefix) || (position > 0 && prefixes[position - 1] == prefix);
        if (!tied) return skip;

        var records = TreeNode.Records(node);
        wanted = HasBothBounds(node)
            ? RecordHeader.CommonPrefix(node->Low, node->High)
            : RecordHeader.CommonPrefix(position == 0 ? record : records[0], position == count ? record : records[count - 1]);
        Debug.Assert(wanted >= skip);
        node->SkipIsLargest = true; // at the edges of the tree a later key that shares less makes it smaller, to what then is the largest
        prefix = TreeNode.PrefixOf(RecordHeader.KeyStart(record), record->KeyLength, wanted);
        return wanted;
    }

    /// <summary>Puts the record into a node that is marked, or that no reader knows yet.</summary>
    private static void InsertSlot(TreeNode* node, int position, RecordHeader* record, int skip, ulong prefix)
    {
        if (skip != node->Skip) SetSkip(node, skip);
        int count = node->Count;
        var prefixes = TreeNode.Prefixes(node) + position;
        var records = TreeNode.Records(node) + position;
        var moved = (count - position) * sizeof(ulong);
        Buffer.MemoryCopy(prefixes, prefixes + 1, moved, moved);
        moved = (count - position) * sizeof(nint);
        Buffer.MemoryCopy(records, records + 1, moved, moved);
        *prefixes = prefix;
        *records = record;
        node->Count = (ushort)(count + 1);
    }

    private static void SetSkip(TreeNode* node, int skip)
    {
        node->Skip = (ushort)skip;
        var prefixes = TreeNode.Prefixes(node);
        var records = TreeNode.Records(node);
        for (var i = 0; i < node->Count; i++)
        {
            var record = records[i];
            prefixes[i] = TreeNode.PrefixOf(RecordHeader.KeyStart(record), record->KeyLength, skip);
        }
    }

    /// <summary>After a node's bounds or slots were cut down: what it skips must be shared by all that may come.</summary>
    private static void FitSkip(TreeNode* node)
    {
        node->SkipIsLargest = false;
        if (HasBothBounds(node))
        {
            var shared = RecordHeader.CommonPrefix(node->Low, node->High);
            if (node->Skip > shared) SetSkip(node, shared);
        }
        else if (node->Count == 0)
        {
            node->Skip = 0;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SplitLeaf(ref Path path, TreeNode* leaf, int position, RecordHeader* record)
    {
        // Memory first: it may be refused, and then nothing may have changed.
        var right = NewNode(true);
        var full = 0;
        while (full < path.Depth && path.Node(path.Depth - 1 - full)->Count == TreeNode.Capacity) full++;
        var grows = full == path.Depth;
        var spare = stackalloc TreeNode*[MaxHeight];
        for (var i = 0; i < full; i++) spare[i] = NewNode(false);
        var newRoot = grows ? NewNode(false) : null;
        if (grows && path.Depth + 1 >= MaxHeight) throw new InvalidOperationException("The memtable's tree is too high.");

        // Sorted input leaves full nodes behind: then only the new record goes to the other side.
        int count = leaf->Count;
        var cut = count / 2;
        if (position == count && (leaf->High == null || leaf->Run >= SortedRun)) cut = count;
        else if (position == 0 && (leaf->Low == null || leaf->Run <= -SortedRun)) cut = 0;
        var separator = cut == count ? record : TreeNode.Records(leaf)[cut];

        var changed = full + (grows ? 0 : 1);
        leaf->Version++;
        for (var i = 0; i < changed; i++) path.Node(path.Depth - 1 - i)->Version++;
        Interlocked.MemoryBarrier(); // as in BeginChange, for all of them

        right->Low = separator;
        right->High = leaf->High;
        right->Left = leaf;
        right->Right = leaf->Right;
        right->Run = leaf->Run;
        right->Skip = leaf->Skip;
        MoveSlots(leaf, cut, right);
        leaf->Count = (ushort)cut;
        leaf->High = separator;
        leaf->Right = right;
        FitSkip(leaf);
        FitSkip(right);
        var target = cut == count || position > cut ? right : leaf;
        var slot = target == leaf ? position : position - cut;
        var skip = SkipWith(target, slot, record, out var prefix);
        InsertSlot(target, slot, record, skip, prefix);

        // From here on a reader going left may come upon the new leaf, which is complete.
        if (right->Right != null) Volatile.Write(ref *(nint*)&right->Right->Left, (nint)right);
        else Volatile.Write(ref _lastLeaf, (nint)right);

        var child = right;
        for (var i = 0; i < full; i++)
        {
            var level = path.Depth - 1 - i;
            SplitInner(path.Node(level), path.Position(level), spare[i], ref separator, ref child);
        }

        if (grows)
        {
            TreeNode.Children(newRoot)[0] = (TreeNode*)_root;
            InsertChild(newRoot, 0, separator, child);
            Volatile.Write(ref _root, (nint)newRoot);
            _height++;
        }
        else
        {
            var level = path.Depth - 1 - full;
            InsertChild(path.Node(level), path.Position(level), separator, child);
        }

        for (var i = 0; i < changed; i++) EndChange(path.Node(path.Depth - 1 - i));
        EndChange(leaf);
    }

    private static void MoveSlots(TreeNode* from, int cut, TreeNode* to)
    {
        var moved = from->Count - cut;
        Unsafe.CopyBlock(TreeNode.Prefixes(to), TreeNode.Prefixes(from) + cut, (uint)(moved * sizeof(ulong)));
        Unsafe.CopyBlock(TreeNode.Records(to), TreeNode.Records(from) + cut, (uint)(moved * sizeof(nint)));
        to->Count = (ushort)moved;
    }

    /// <summary>Puts a separator and the child right of it into an inner node with room.</summary>
    private static void InsertChild(TreeNode* inner, int position, RecordHeader* separator, TreeNode* child)
    {
        int count = inner->Count;
        var skip = SkipWith(inner, position, separator, out var prefix);
        InsertSlot(inner, position, separator, skip, prefix);
        var children = TreeNode.Children(inner) + position + 1;
        var moved = (count - position) * sizeof(nint);
        Buffer.MemoryCopy(children, children + 1, moved, moved);
        *children = child;
    }

    /// <summary>
    /// Splits a full inner node that is to take a separator and a child; on return they are what the parent is to take. One separator goes
    /// up and stays in neither half: the new one itself where sorted input extends the tree at an edge, so that full nodes stay behind.
    /// </summary>
    private static void SplitInner(TreeNode* inner, int position, TreeNode* right, ref RecordHeader* separator, ref TreeNode* child)
    {
        const int Slots = TreeNode.Capacity + 1;
        var records = stackalloc RecordHeader*[Slots];
        var children = stackalloc TreeNode*[Slots + 1];
        CopyWithGap((nint*)TreeNode.Records(inner), TreeNode.Capacity, position, (nint)separator, (nint*)records);
        CopyWithGap((nint*)TreeNode.Children(inner), TreeNode.Capacity + 1, position + 1, (nint)child, (nint*)children);

        var up = position == TreeNode.Capacity && inner->High == null ? Slots - 1
            : position == 0 && inner->Low == null ? 0
            : Slots / 2;
        right->Low = records[up];
        right->High = inner->High;
        inner->High = records[up];
        Fill(inner, records, children, up);
        Fill(right, records + up + 1, children + up + 1, Slots - 1 - up);
        separator = records[up];
        child = right;
    }

    private static void CopyWithGap(nint* from, int count, int gap, nint inserted, nint* to)
    {
        Unsafe.CopyBlock(to, from, (uint)(gap * sizeof(nint)));
        to[gap] = inserted;
        Unsafe.CopyBlock(to + gap + 1, from + gap, (uint)((count - gap) * sizeof(nint)));
    }

    private static void Fill(TreeNode* inner, RecordHeader** records, TreeNode** children, int count)
    {
        Unsafe.CopyBlock(TreeNode.Records(inner), records, (uint)(count * sizeof(nint)));
        Unsafe.CopyBlock(TreeNode.Children(inner), children, (uint)((count + 1) * sizeof(nint)));
        inner->Count = (ushort)count;
        inner->SkipIsLargest = false;
        var skip = HasBothBounds(inner) ? RecordHeader.CommonPrefix(inner->Low, inner->High)
            : count > 1 ? RecordHeader.CommonPrefix(records[0], records[count - 1])
            : 0;
        SetSkip(inner, skip);
    }

    /// <summary>The inner nodes on the way to a leaf, each with the number of the child taken.</summary>
    private struct Path
    {
        public int Depth;
        private fixed long _nodes[MaxHeight];
        private fixed int _positions[MaxHeight];

        public readonly TreeNode* Node(int level) => (TreeNode*)_nodes[level];

        public readonly int Position(int level) => _positions[level];

        public void Add(TreeNode* node, int position)
        {
            _nodes[Depth] = (long)node;
            _positions[Depth++] = position;
        }
    }
}
