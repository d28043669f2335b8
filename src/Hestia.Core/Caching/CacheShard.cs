using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hestia.Core.Caching;

/// <summary>One part of the cache: a chained hash table and a CLOCK ring under one spin lock, held for tens of nanoseconds.</summary>
internal sealed unsafe class CacheShard : IDisposable
{
    private const int InitialBuckets = 256;

    private static readonly nint EmptyTable = (nint)NativeMemory.AllocZeroed(1, (nuint)sizeof(void*));

    private readonly BlockCache _cache;
    private long _budget;
    private CachedBlock** _buckets;
    private int _bucketMask;
    private CachedBlock** _ring;
    private int _ringCapacity;
    private int _count;
    private int _hand;
    private long _used;
    private long _hits;
    private long _misses;
    private int _lock;

    public CacheShard(BlockCache cache, int index, long budget)
    {
        _cache = cache;
        Index = index;
        _budget = budget;
        _buckets = (CachedBlock**)NativeMemory.AllocZeroed(InitialBuckets, (nuint)sizeof(void*));
        _bucketMask = InitialBuckets - 1;
        _ring = (CachedBlock**)NativeMemory.Alloc(InitialBuckets, (nuint)sizeof(void*));
        _ringCapacity = InitialBuckets;
    }

    public int Index { get; }

    public long Hits => Volatile.Read(ref _hits);

    public long Misses => Volatile.Read(ref _misses);

    public long UsedBytes => Volatile.Read(ref _used);

    /// <summary>Finds and pins.</summary>
    public CachedBlock* Find(ulong hash, ulong segment, ulong offset)
    {
        Enter();
        var block = _buckets[(int)hash & _bucketMask];
        while (block != null && (block->Offset != offset || block->Segment != segment)) block = block->Next;
        if (block != null)
        {
            Interlocked.Increment(ref block->References);
            block->Recent = true;
            _hits++;
        }
        else
        {
            _misses++;
        }

        Exit();
        return block;
    }

    /// <summary>
    /// Memory for a block, by preference that of the block which has to make way for it: churn among blocks of one size then never
    /// goes through the allocator. What is taken counts only once it is inserted.
    /// </summary>
    public CachedBlock* Take(int chunkBytes)
    {
        CachedBlock* victim = null;
        Enter();
        if (_used + chunkBytes > _budget && chunkBytes <= _budget) victim = Evict();
        Exit();
        if (victim == null) return _cache.Allocate(chunkBytes);
        if (victim->ChunkBytes == chunkBytes) return victim;
        _cache.Free(victim);
        return _cache.Allocate(chunkBytes);
    }

    /// <summary>Puts a filled block, pinned by the caller, into the table if there is room or room can be made.</summary>
    public void Insert(ulong hash, CachedBlock* block)
    {
        CachedBlock* victims = null;
        Enter();
        try
        {
            var existing = _buckets[(int)hash & _bucketMask];
            while (existing != null && (existing->Offset != block->Offset || existing->Segment != block->Segment)) existing = existing->Next;
            if (existing == null && block->ChunkBytes <= _budget)
            {
                while (_used + block->ChunkBytes > _budget)
                {
                    var victim = Evict();
                    if (victim == null) break;
                    victim->Next = victims;
                    victims = victim;
                }

                if (_used + block->ChunkBytes <= _budget) Add(hash, block);
            }
        }
        finally
        {
            Exit();
        }

        while (victims != null)
        {
            var next = victims->Next;
            _cache.Free(victims);
            victims = next;
        }
    }

    public void Dispose()
    {
        if (_ring == null) return;
        Enter();
        for (var i = 0; i < _count; i++) _cache.Release(_ring[i]);
        _count = 0;
        _used = 0;
        NativeMemory.Free(_buckets);
        NativeMemory.Free(_ring);
        // What comes too late finds an empty table without room instead of freed memory.
        _buckets = (CachedBlock**)EmptyTable;
        _bucketMask = 0;
        _ring = null;
        _budget = 0;
        Exit();
    }

    private void Add(ulong hash, CachedBlock* block)
    {
        if (_count == _ringCapacity) GrowTables();
        var bucket = &_buckets[(int)hash & _bucketMask];
        block->Next = *bucket;
        *bucket = block;
        block->ClockIndex = _count;
        _ring[_count++] = block;
        _used += block->ChunkBytes;
        Interlocked.Increment(ref block->References);
    }

    /// <summary>
    /// Takes the next block that is neither pinned nor used since the hand last came by out of the table; null if all are pinned.
    /// Its memory belongs to the caller. Two rounds are enough: the first clears every mark.
    /// </summary>
    private CachedBlock* Evict()
    {
        for (var steps = 2 * _count; steps > 0; steps--)
        {
            if (_hand >= _count) _hand = 0;
            var block = _ring[_hand];
            if (Volatile.Read(ref block->References) != 1)
            {
                _hand++;
                continue;
            }

            if (block->Recent)
            {
                block->Recent = false;
                _hand++;
                continue;
            }

            Remove(block);
            return block;
        }

        return null;
    }

    private void Remove(CachedBlock* block)
    {
        var link = &_buckets[(int)BlockCache.Hash(block->Segment, block->Offset) & _bucketMask];
        while (*link != block) link = &(*link)->Next;
        *link = block->Next;
        _count--;
        var last = _ring[_count];
        _ring[block->ClockIndex] = last;
        last->ClockIndex = block->ClockIndex;
        _used -= block->ChunkBytes;
    }

    private void GrowTables()
    {
        var capacity = Math.Max(InitialBuckets, _ringCapacity * 2);
        var buckets = (CachedBlock**)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(void*));
        try
        {
            _ring = (CachedBlock**)NativeMemory.Realloc(_ring, (nuint)capacity * (nuint)sizeof(void*));
        }
        catch
        {
            NativeMemory.Free(buckets);
            throw;
        }

        _ringCapacity = capacity;
        NativeMemory.Free(_buckets);
        _buckets = buckets;
        _bucketMask = capacity - 1;
        for (var i = 0; i < _count; i++)
        {
            var block = _ring[i];
            var bucket = &buckets[(int)BlockCache.Hash(block->Segment, block->Offset) & _bucketMask];
            block->Next = *bucket;
            *bucket = block;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        if (Interlocked.CompareExchange(ref _lock, 1, 0) != 0) Wait();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Wait()
    {
        var spinner = default(SpinWait);
        do spinner.SpinOnce();
        while (Volatile.Read(ref _lock) != 0 || Interlocked.CompareExchange(ref _lock, 1, 0) != 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Exit() => Volatile.Write(ref _lock, 0);
}
