using System.Runtime.CompilerServices;

namespace Hestia.Core.Segments;

/// <summary>
/// The restart keys of a block in short, made when the block enters the cache and kept behind it: their common prefix, and the next 8 bytes
/// of each side by side. A search in the block then reads two or three neighbouring cache lines where it would take a miss per restart
/// point it looks at (the misses are most of what a lookup in a warm cache costs). Only in memory: number of restarts (4 bytes), length of
/// the common prefix (4), the prefix padded to 8, then 8 bytes a restart.
/// </summary>
internal static unsafe class BlockGuide
{
    private const int MaxCommonBytes = 64;

    /// <summary>Bytes the guide of a block takes; 0 where none pays or the block is damaged.</summary>
    public static int Measure(in BlockView view)
    {
        var restarts = view.RestartCount;
        if (restarts < 3 || 64L * restarts > view.EntriesEnd - view.Data) return 0;
        if (!TryReadKey(view, 0, out var first) || !TryReadKey(view, restarts - 1, out var last)) return 0;
        var common = KeyOrder.CommonPrefix(first.Suffix, last.Suffix, (int)Math.Min(first.Unshared, last.Unshared));
        return common > MaxCommonBytes ? 0 : 8 + Padded(common) + 8 * restarts;
    }

    /// <summary>
    /// Writes the guide of a block that <see cref="Measure"/> gave a length for; false if the block is damaged after all.
    /// </summary>
    public static bool TryBuild(in BlockView view, byte* guide)
    {
        var restarts = view.RestartCount;
        if (!TryReadKey(view, 0, out var first) || !TryReadKey(view, restarts - 1, out var last)) return false;
        var common = KeyOrder.CommonPrefix(first.Suffix, last.Suffix, (int)Math.Min(first.Unshared, last.Unshared));
        ((int*)guide)[0] = restarts;
        ((int*)guide)[1] = common;
        Buffer.MemoryCopy(first.Suffix, guide + 8, Padded(common), common);
        var prefixes = (ulong*)(guide + 8 + Padded(common));
        for (var i = 0; i < restarts; i++)
        {
            // In a block whose keys ascend all share the prefix; where one does not, nothing of the guide may be believed.
            if (!TryReadKey(view, i, out var key) || key.Unshared < common) return false;
            if (KeyOrder.CommonPrefix(key.Suffix, first.Suffix, common) != common) return false;
            prefixes[i] = KeyOrder.Prefix(key.Suffix + common, (int)key.Unshared - common);
            if (i > 0 && prefixes[i] < prefixes[i - 1]) return false;
        }

        return true;
    }

    /// <summary>Narrows down which restart points the last one at or before the key can be among; most often to one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(byte* guide, byte* key, int keyLength, ref int low, ref int high)
    {
        var restarts = ((int*)guide)[0];
        var common = ((int*)guide)[1];
        if (common > 0)
        {
            var order = KeyOrder.Compare(key, Math.Min(keyLength, common), guide + 8, common);
            if (order != 0)
            {
                if (order < 0) high = low;
                else low = high;
                return;
            }
        }

        var prefixes = (ulong*)(guide + 8 + Padded(common));
        var prefix = KeyOrder.Prefix(key + common, keyLength - common);
        var from = prefixes;
        var n = restarts;
        while (n > 1)
        {
            var half = n >> 1;
            from += from[half - 1] < prefix ? half : 0;
            n -= half;
        }

        // Restarts below `equal` are smaller than the key; those with an equal prefix may be either.
        var equal = (int)(from - prefixes) + (*from < prefix ? 1 : 0);
        var above = equal;
        while (above < restarts && prefixes[above] == prefix) above++;
        low = Math.Max(equal - 1, 0);
        high = Math.Max(above - 1, 0);
    }

    private static int Padded(int length) => (length + 7) & ~7;

    private static bool TryReadKey(in BlockView view, int restart, out BlockEntry entry)
    {
        Unsafe.SkipInit(out entry);
        var at = view.Restart(restart);
        return at != null && view.Read(at, out entry) != null && entry.Shared == 0;
    }
}
