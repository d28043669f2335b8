using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Hestia.Core.Memtable;

/// <summary>
/// A node of the tree: this header, then for each slot an 8-byte key prefix, then for each slot a record (in a leaf the newest version of
/// a key, in an inner node the record whose key separates two children), then in an inner node the children, one more than slots.
/// <para>
/// A node holds keys of [Low, High), null standing for no bound; nodes split to the right and never merge, so Low never changes and High
/// only moves down. Skip is a number of leading bytes that all keys of the node share, prefixes are the 8 bytes after them, big-endian,
/// zero-padded. Between two bounds Skip is at most what the bounds share, so every key that belongs here shares it and nothing needs
/// checking; at the edges of the tree it is at most what the slots share and <see cref="TrySearch"/> checks the key against them.
/// </para>
/// <para>
/// Version is odd while the one mutator changes the node. A reader takes an even version, reads what it needs with volatile loads (which
/// stay in order on every processor), and trusts it only if the version is the same afterwards; a record or child pointer is followed only
/// after such a check. Two changes need no new version: a slot's record replaced by a newer version of the same key, and a slot appended
/// behind the last one, which Count publishes.
/// </para>
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TreeNode
{
    public const int Capacity = 64;
    public const int Alignment = 64;
    public const int LeafBytes = RecordsOffset + Capacity * sizeof(ulong);
    public const int InnerBytes = (ChildrenOffset + (Capacity + 1) * sizeof(ulong) + Alignment - 1) & ~(Alignment - 1);

    private const int PrefixesOffset = 64;
    private const int RecordsOffset = PrefixesOffset + Capacity * sizeof(ulong);
    private const int ChildrenOffset = RecordsOffset + Capacity * sizeof(ulong);

    public uint Version;
    public ushort Count;
    public ushort Skip;
    public RecordHeader* Low;
    public RecordHeader* High;

    /// <summary>Leaves only. A leaf at or left of the left neighbour: a split may be newer than this pointer.</summary>
    public TreeNode* Left;

    /// <summary>Leaves only. The leaf whose Low is this one's High; null in the last.</summary>
    public TreeNode* Right;

    public bool IsLeaf;

    /// <summary>The mutator's: Skip is as large as it may be, so equal prefixes are no reason to look again.</summary>
    public bool SkipIsLargest;

    /// <summary>The mutator's: inserts in a row behind the last slot (positive) or before the first (negative).</summary>
    public short Run;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong* Prefixes(TreeNode* node) => (ulong*)((byte*)node + PrefixesOffset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RecordHeader** Records(TreeNode* node) => (RecordHeader**)((byte*)node + RecordsOffset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TreeNode** Children(TreeNode* node) => (TreeNode**)((byte*)node + ChildrenOffset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RecordHeader* ReadRecord(RecordHeader** at) => (RecordHeader*)Volatile.Read(ref *(nint*)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TreeNode* ReadNode(TreeNode** at) => (TreeNode*)Volatile.Read(ref *(nint*)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAt(TreeNode* node, uint version) => Volatile.Read(ref node->Version) == version;

    /// <summary>The node's version once it is not being changed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint StableVersion(TreeNode* node)
    {
        var version = Volatile.Read(ref node->Version);
        return (version & 1) == 0 ? version : WaitForStableVersion(node);
    }

    /// <summary>Loads header and prefixes ahead of their use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(TreeNode* node)
    {
        if (!Sse.IsSupported) return;
        var at = (byte*)node;
        for (var line = 0; line < RecordsOffset; line += 64) Sse.Prefetch0(at + line);
    }

    /// <summary>Loads records ahead of their use: the mutator moves half of them on average.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchRecords(TreeNode* node)
    {
        if (!Sse.IsSupported) return;
        var at = (byte*)node;
        for (var line = RecordsOffset; line < ChildrenOffset; line += 64) Sse.Prefetch0(at + line);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasBothBounds(TreeNode* node) => ReadRecord(&node->Low) != null && ReadRecord(&node->High) != null;

    /// <summary>
    /// Finds the first slot whose key is at or after the key, and whether it is that key. False if the node is no longer at
    /// <paramref name="version"/>; the caller checks the version once more before it relies on the answer.
    /// </summary>
    public static bool TrySearch(TreeNode* node, uint version, byte* key, int keyLength, out int position, out bool exact)
    {
        int count = Volatile.Read(ref node->Count);
        int skip = Volatile.Read(ref node->Skip);
        exact = false;
        position = 0;
        if (skip != 0 && !HasBothBounds(node))
        {
            var first = ReadRecord(Records(node));
            if (!IsAt(node, version)) return false;
            var order = new ReadOnlySpan<byte>(key, Math.Min(keyLength, skip)).SequenceCompareTo(new(RecordHeader.KeyStart(first), skip));
            if (order != 0)
            {
                position = order < 0 ? 0 : count;
                return true;
            }
        }

        var prefix = PrefixOf(key, keyLength, skip);
        var prefixes = Prefixes(node);
        var length = count;
        while (length > 1)
        {
            var half = length >> 1;
            position += half & -Unsafe.BitCast<bool, byte>(Volatile.Read(ref prefixes[position + half - 1]) < prefix);
            length -= half;
        }

        if (length == 1 && Volatile.Read(ref prefixes[position]) < prefix) position++;
        if (position == count || Volatile.Read(ref prefixes[position]) != prefix) return true;

        // Equal prefixes: only whole keys decide. The slots after this one come next only if its key is smaller.
        var low = position;
        var high = position + 1;
        var wholeRun = false;
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (wholeRun && Volatile.Read(ref prefixes[middle]) != prefix)
            {
                high = middle;
                continue;
            }

            var record = ReadRecord(Records(node) + middle);
            if (!IsAt(node, version)) return false;
            var order = Compare(key, keyLength, record, skip);
            if (order == 0)
            {
                position = middle;
                exact = true;
                return true;
            }

            if (order < 0)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
                if (!wholeRun) high = count;
                wholeRun = true;
            }
        }

        position = low;
        return true;
    }

    /// <summary>
    /// Up to 8 bytes from <paramref name="skip"/> on as a number that orders as the bytes do (equal numbers decide nothing).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong PrefixOf(byte* key, int keyLength, int skip)
    {
        var left = keyLength - skip;
        if (left >= sizeof(ulong)) return ReadBigEndian(key + skip);
        if (left <= 0) return 0;
        return keyLength >= sizeof(ulong)
            ? ReadBigEndian(key + keyLength - sizeof(ulong)) << (8 * (sizeof(ulong) - left))
            : PrefixOfShort(key + skip, left);
    }

    /// <summary>Compares keys known to share their first <paramref name="skip"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Compare(byte* key, int keyLength, RecordHeader* record, int skip)
    {
        skip = Math.Min(skip, Math.Min(keyLength, record->KeyLength));
        return new ReadOnlySpan<byte>(key + skip, keyLength - skip)
            .SequenceCompareTo(new(RecordHeader.KeyStart(record) + skip, record->KeyLength - skip));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ReadBigEndian(byte* at)
    {
        var value = Unsafe.ReadUnaligned<ulong>(at);
        return BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
    }

    private static ulong PrefixOfShort(byte* at, int length)
    {
        ulong value = 0;
        for (var i = 0; i < length; i++) value = (value << 8) | at[i];
        return value << (8 * (sizeof(ulong) - length));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint WaitForStableVersion(TreeNode* node)
    {
        var wait = default(SpinWait);
        uint version;
        while (((version = Volatile.Read(ref node->Version)) & 1) != 0) wait.SpinOnce();
        return version;
    }
}
