using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hestia.Core.Caching;

/// <summary>
/// Decoded blocks in native memory, found by the process-wide number of their segment reader and their offset in the file.
/// Sharded; each shard keeps its part of the budget by CLOCK. Pinned blocks are never evicted and are counted; where they leave no
/// room, a block lives outside the cache until it is released. Thread-safe. Dispose after the last handle was released.
/// </summary>
internal sealed unsafe class BlockCache : IDisposable
{
    private const int MaxShards = 16;
    private const long MinShardBytes = 2 << 20;

    private static ulong _lastSegment;

    private readonly CacheShard[] _shards;
    private readonly int _shardShift;
    private long _nativeBytes;
    private long _uncachedReads;

    public BlockCache(long budgetBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(budgetBytes);
        BudgetBytes = budgetBytes;
        var shards = 1;
        while (shards < MaxShards && budgetBytes / (shards * 2) >= MinShardBytes) shards *= 2;
        _shardShift = 64 - System.Numerics.BitOperations.Log2((uint)shards);
        _shards = new CacheShard[budgetBytes == 0 ? 0 : shards];
        for (var i = 0; i < _shards.Length; i++) _shards[i] = new CacheShard(this, i, budgetBytes / shards);
    }

    public long BudgetBytes { get; }

    /// <summary>Lookups that found their block.</summary>
    public long Hits
    {
        get
        {
            long sum = 0;
            foreach (var shard in _shards) sum += shard.Hits;
            return sum;
        }
    }

    /// <summary>Lookups that did not.</summary>
    public long Misses
    {
        get
        {
            var sum = Volatile.Read(ref _uncachedReads);
            foreach (var shard in _shards) sum += shard.Misses;
            return sum;
        }
    }

    /// <summary>Bytes of the blocks in the cache, their headers and rounding included; never above the budget.</summary>
    public long UsedBytes
    {
        get
        {
            long sum = 0;
            foreach (var shard in _shards) sum += shard.UsedBytes;
            return sum;
        }
    }

    /// <summary>Native bytes held for blocks, those outside the cache included, tables not.</summary>
    public long NativeBytes => Volatile.Read(ref _nativeBytes);

    /// <summary>A number no other segment reader of this process has.</summary>
    public static ulong NextSegmentNumber() => Interlocked.Increment(ref _lastSegment);

    /// <summary>Pins the block if it is here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGet(ulong segment, ulong offset, out BlockHandle handle)
    {
        if (_shards.Length != 0)
        {
            var hash = Hash(segment, offset);
            var block = ShardOf(hash).Find(hash, segment, offset);
            handle = new BlockHandle(this, block);
            return block != null;
        }

        Interlocked.Increment(ref _uncachedReads);
        handle = default;
        return false;
    }

    /// <summary>
    /// Memory for a block about to be filled, pinned once and found by nobody. Fill it, then <see cref="Publish"/>; or release it.
    /// </summary>
    public BlockHandle Reserve(ulong segment, ulong offset, int length)
    {
        var chunk = ChunkBytes(length);
        CachedBlock* block;
        if (_shards.Length != 0)
        {
            var shard = ShardOf(Hash(segment, offset));
            block = shard.Take(chunk);
            block->Shard = shard.Index;
        }
        else
        {
            block = Allocate(chunk);
            block->Shard = -1;
        }

        block->Segment = segment;
        block->Offset = offset;
        block->Next = null;
        block->References = 1;
        block->Length = length;
        block->ChunkBytes = chunk;
        block->ClockIndex = -1;
        block->Recent = false;
        return new BlockHandle(this, block);
    }

    /// <summary>
    /// Lets others find a filled block. Where another thread was faster, or nothing can make way, it stays the caller's own.
    /// The pin goes on either way.
    /// </summary>
    public void Publish(BlockHandle handle)
    {
        var block = handle.Block;
        if (block->Shard >= 0) _shards[block->Shard].Insert(Hash(block->Segment, block->Offset), block);
    }

    public void Dispose()
    {
        foreach (var shard in _shards) shard.Dispose();
    }

    internal void Release(CachedBlock* block)
    {
        if (Interlocked.Decrement(ref block->References) == 0) Free(block);
    }

    internal CachedBlock* Allocate(int chunkBytes)
    {
        var block = (CachedBlock*)NativeMemory.AlignedAlloc((nuint)chunkBytes, CachedBlock.Size);
        block->ChunkBytes = chunkBytes;
        Interlocked.Add(ref _nativeBytes, chunkBytes);
        return block;
    }

    internal void Free(CachedBlock* block)
    {
        Interlocked.Add(ref _nativeBytes, -block->ChunkBytes);
        NativeMemory.AlignedFree(block);
    }

    /// <summary>Sixteen sizes per doubling: at most a sixteenth is lost, and an evicted chunk nearly always fits the next block.</summary>
    private static int ChunkBytes(int length)
    {
        var size = (uint)checked(length + CachedBlock.Size);
        var step = Math.Max(64u, 1u << Math.Max(0, System.Numerics.BitOperations.Log2(size) - 4));
        return checked((int)((size + step - 1) & ~(step - 1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Hash(ulong segment, ulong offset)
    {
        var hash = (segment * 0x9E3779B97F4A7C15) ^ offset;
        hash ^= hash >> 32;
        hash *= 0xD6E8FEB86659FD93;
        return hash ^ (hash >> 29);
    }

    // A shift by 64 would be one by 0, so the single shard has its own answer.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private CacheShard ShardOf(ulong hash) => _shards[_shards.Length == 1 ? 0 : (int)(hash >> _shardShift)];
}
