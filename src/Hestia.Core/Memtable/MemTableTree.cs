using System.Runtime.CompilerServices;

namespace Hestia.Core.Memtable;

/// <summary>
/// The B+-tree of a memtable over records in its arena, see <see cref="TreeNode"/> for what nodes hold and how readers and the one mutator
/// share them. A reader goes down by checking, after it took the child's version, that the parent is still what led it there. A split marks
/// every node it will change before it changes the first, so no reader can combine a parent from before with a child from after.
/// </summary>
internal sealed unsafe partial class MemTableTree
{
    // A split costs every level at least half a node of inserts, so a tree of this height would hold more than any memory does.
    private const int MaxHeight = 16;

    // Inserts in a row at one end of a leaf between two others, after which a split takes them for a sorted run.
    private const int SortedRun = 8;

    private readonly NativeArena _arena;
    private readonly TreeNode* _firstLeaf;
    private nint _root; // TreeNode*, as a number for the volatile accesses
    private nint _lastLeaf;
    private int _height; // inner levels

    public MemTableTree(NativeArena arena)
    {
        _arena = arena;
        _firstLeaf = NewNode(true);
        _lastLeaf = _root = (nint)_firstLeaf;
    }

    /// <summary>The leaf without a lower bound: always the same one, since splits go to the right.</summary>
    public TreeNode* FirstLeaf => _firstLeaf;

    /// <summary>The last leaf, or one that was the last a moment ago: follow Right to be sure.</summary>
    public TreeNode* LastLeafHint => (TreeNode*)Volatile.Read(ref _lastLeaf);

    /// <summary>After the arena is freed a stray call fails with a null reference instead of reading foreign memory.</summary>
    public void Detach() => Volatile.Write(ref _root, 0);

    /// <summary>The newest version of the key, or null.</summary>
    public RecordHeader* Find(byte* key, int keyLength)
    {
        while (true)
        {
            var leaf = FindLeaf(key, keyLength, out var version);
            if (!TreeNode.TrySearch(leaf, version, key, keyLength, out var position, out var exact)) continue;
            var record = exact ? TreeNode.ReadRecord(TreeNode.Records(leaf) + position) : null;
            if (TreeNode.IsAt(leaf, version)) return record;
        }
    }

    /// <summary>The leaf to which the key belongs, and a version at which it did.</summary>
    public TreeNode* FindLeaf(byte* key, int keyLength, out uint version)
    {
        while (true)
        {
            var node = (TreeNode*)Volatile.Read(ref _root);
            version = TreeNode.StableVersion(node);
            if ((TreeNode*)Volatile.Read(ref _root) != node) continue;
            while (!node->IsLeaf)
            {
                if (!TreeNode.TrySearch(node, version, key, keyLength, out var position, out var exact)) break;
                var child = TreeNode.ReadNode(TreeNode.Children(node) + position + (exact ? 1 : 0));
                if (!TreeNode.IsAt(node, version)) break; // the pointer may be half of something else
                TreeNode.Prefetch(child);
                var childVersion = TreeNode.StableVersion(child);
                if (!TreeNode.IsAt(node, version)) break; // the child may have been split between the two looks
                node = child;
                version = childVersion;
            }

            if (node->IsLeaf) return node;
        }
    }

    /// <summary>The mutator's: makes the record the newest version of its key. True if the key is new.</summary>
    /// <exception cref="OutOfMemoryException">The system refused memory; the tree is as it was.</exception>
    [SkipLocalsInit]
    public bool Insert(RecordHeader* record)
    {
        var key = RecordHeader.KeyStart(record);
        int keyLength = record->KeyLength;
        Unsafe.SkipInit(out Path path);
        path.Depth = 0;

        var last = (TreeNode*)_lastLeaf;
        int lastCount = last->Count;
        if (lastCount > 0 && IsBehind(record, TreeNode.Records(last)[lastCount - 1]))
        {
            if (lastCount < TreeNode.Capacity)
            {
                InsertIntoLeaf(last, lastCount, record);
                return true;
            }

            for (var inner = (TreeNode*)_root; !inner->IsLeaf; inner = TreeNode.Children(inner)[inner->Count])
            {
                path.Add(inner, inner->Count);
            }

            SplitLeaf(ref path, last, lastCount, record);
            return true;
        }

        var node = (TreeNode*)_root;
        int position;
        bool exact;
        while (true)
        {
            // There is no other mutator, so this always succeeds.
            TreeNode.TrySearch(node, node->Version, key, keyLength, out position, out exact);
            if (node->IsLeaf) break;
            if (exact) position++;
            path.Add(node, position);
            node = TreeNode.Children(node)[position];
            TreeNode.Prefetch(node);
            if (path.Depth == _height) TreeNode.PrefetchRecords(node);
        }

        if (exact)
        {
            var slot = TreeNode.Records(node) + position;
            record->Previous = *slot;
            Volatile.Write(ref *(nint*)slot, (nint)record);
            return false;
        }

        if (node->Count < TreeNode.Capacity) InsertIntoLeaf(node, position, record);
        else SplitLeaf(ref path, node, position, record);
        return true;
    }
}
