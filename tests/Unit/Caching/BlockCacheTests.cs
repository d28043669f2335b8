using Hestia.Core.Caching;

namespace Hestia.Unit.Caching;

public sealed class BlockCacheTests
{
    [Fact]
    public void What_was_published_is_found_and_counted()
    {
        using var cache = new BlockCache(1 << 20);
        Assert.False(cache.TryGet(1, 100, out _));
        Put(cache, 1, 100, 1000).Release();
        Assert.True(cache.TryGet(1, 100, out var handle));
        Check(handle, 1, 100, 1000);
        handle.Release();
        Assert.False(cache.TryGet(2, 100, out _));
        Assert.Equal((1, 2), (cache.Hits, cache.Misses));
        Assert.InRange(cache.UsedBytes, 1064, 1150);
    }

    [Fact]
    public void The_budget_holds_and_recent_blocks_stay()
    {
        using var cache = new BlockCache(100_000);
        Put(cache, 1, 0, 4000).Release();
        for (ulong i = 1; i < 1000; i++)
        {
            Assert.True(cache.TryGet(1, 0, out var hot));
            hot.Release();
            Put(cache, 1, i, 3000 + (int)(i % 7) * 300).Release();
            Assert.InRange(cache.UsedBytes, 1, 100_000);
            Assert.Equal(cache.UsedBytes, cache.NativeBytes);
        }

        Assert.InRange(cache.UsedBytes, 85_000, 100_000);
    }

    [Fact]
    public void Pinned_blocks_stay_and_what_finds_no_room_lives_outside()
    {
        using var cache = new BlockCache(20_000);
        var pinned = new List<BlockHandle>();
        for (ulong i = 0; i < 20; i++) pinned.Add(Put(cache, 1, i, 3000));
        for (ulong i = 0; i < 20; i++) Check(pinned[(int)i], 1, i, 3000);
        Assert.InRange(cache.UsedBytes, 1, 20_000);
        Assert.InRange(cache.NativeBytes, 60_000, 70_000);
        foreach (var handle in pinned) handle.Release();
        Assert.Equal(cache.UsedBytes, cache.NativeBytes);
    }

    [Fact]
    public void A_block_larger_than_the_cache_and_a_cache_of_nothing_work()
    {
        using var small = new BlockCache(10_000);
        var large = Put(small, 1, 1, 50_000);
        Check(large, 1, 1, 50_000);
        large.Release();
        Assert.Equal(0, small.NativeBytes);
        using var none = new BlockCache(0);
        var handle = Put(none, 1, 1, 500);
        Check(handle, 1, 1, 500);
        Assert.False(none.TryGet(1, 1, out _));
        Assert.Equal(1, none.Misses);
        handle.Release();
        Assert.Equal(0, none.NativeBytes);
    }

    [Fact]
    public void Dispose_frees_everything_even_after_abandoned_reservations()
    {
        var cache = new BlockCache(64 << 20);
        for (ulong i = 0; i < 5000; i++) Put(cache, i, i * 4096, 4096).Release();
        cache.Reserve(7, 7, 1000).Release();
        var held = Put(cache, 8, 8, 1000);
        cache.Dispose();
        Check(held, 8, 8, 1000);
        held.Release();
        Assert.Equal(0, cache.NativeBytes);
        Assert.Equal(0, cache.UsedBytes);
        cache.Dispose();
        Put(cache, 9, 9, 100).Release();
        Assert.Equal(0, cache.NativeBytes);
    }

    [Fact]
    public void The_same_block_published_twice_is_kept_once()
    {
        using var cache = new BlockCache(1 << 20);
        var first = Put(cache, 1, 1, 1000);
        var second = Put(cache, 1, 1, 1000);
        var used = cache.UsedBytes;
        Check(second, 1, 1, 1000);
        second.Release();
        first.Release();
        Assert.Equal(used, cache.UsedBytes);
        Assert.Equal(used, cache.NativeBytes);
    }

    [Theory]
    [InlineData(50_000)]
    [InlineData(3_000_000)]
    [InlineData(40_000_000)]
    public void Many_threads_see_only_whole_blocks_within_the_budget(long budget)
    {
        var cache = new BlockCache(budget);
        Parallel.For(0, 8, thread =>
        {
            var random = new Random(thread);
            var held = new Queue<(BlockHandle Handle, ulong Segment, ulong Offset, int Length)>();
            for (var round = 0; round < 30_000; round++)
            {
                var segment = (ulong)random.Next(1, 4);
                var offset = (ulong)(Math.Pow(random.NextDouble(), 3) * 3000);
                var length = 100 + (int)(offset * 37 % 5000);
                if (!cache.TryGet(segment, offset, out var handle)) handle = Put(cache, segment, offset, length);
                held.Enqueue((handle, segment, offset, length));
                if (held.Count > random.Next(1, 12))
                {
                    var old = held.Dequeue();
                    Check(old.Handle, old.Segment, old.Offset, old.Length);
                    old.Handle.Release();
                }

                if (round % 1000 == 0) Assert.InRange(cache.UsedBytes, 0, budget);
            }

            foreach (var old in held)
            {
                Check(old.Handle, old.Segment, old.Offset, old.Length);
                old.Handle.Release();
            }
        });
        Assert.Equal(240_000, cache.Hits + cache.Misses);
        Assert.Equal(cache.UsedBytes, cache.NativeBytes);
        cache.Dispose();
        Assert.Equal(0, cache.NativeBytes);
    }

    private static unsafe BlockHandle Put(BlockCache cache, ulong segment, ulong offset, int length)
    {
        var handle = cache.Reserve(segment, offset, length);
        new Span<byte>(handle.Data, length).Fill(Pattern(segment, offset));
        cache.Publish(handle);
        return handle;
    }

    private static void Check(BlockHandle handle, ulong segment, ulong offset, int length)
    {
        Assert.Equal(length, handle.Length);
        Assert.False(handle.Span.ContainsAnyExcept(Pattern(segment, offset)));
    }

    private static byte Pattern(ulong segment, ulong offset) => (byte)(segment * 31 + offset * 7 + offset / 256);
}
