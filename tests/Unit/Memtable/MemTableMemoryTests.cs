using Hestia.Core;
using Hestia.Core.Memtable;

namespace Hestia.Unit.Memtable;

/// <summary>Alone in its time, since the counter of native bytes belongs to the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class NativeMemoryCollection
{
    public const string Name = "native memory";
}

[Collection(NativeMemoryCollection.Name)]
public sealed class MemTableMemoryTests
{
    [Fact]
    public void Memory_is_proportional_and_all_given_back()
    {
        var before = NativeArena.OutstandingBytes;
        var table = new MemTable();
        var random = new Random(1);
        var key = new byte[16];
        var value = new byte[100];
        for (ulong lsn = 1; lsn <= 200_000; lsn++)
        {
            random.NextBytes(key);
            table.Add(key, value, lsn, OperationKind.Put);
        }

        Assert.Equal(before + table.AllocatedBytes, NativeArena.OutstandingBytes);
        Assert.InRange(table.AllocatedBytes, table.DataBytes, (table.DataBytes * 3 / 2) + (4 << 20));
        table.Dispose();
        Assert.Equal(before, NativeArena.OutstandingBytes);
        Assert.Equal(0, table.AllocatedBytes);
    }

    [Fact]
    public void A_small_table_takes_little_and_a_large_value_only_itself()
    {
        var before = NativeArena.OutstandingBytes;
        using (var table = new MemTable())
        {
            Assert.InRange(table.AllocatedBytes, 1, 128 << 10);
            var large = new byte[9 << 20];
            new Random(2).NextBytes(large);
            var small = table.AllocatedBytes;
            table.Add([1], large, 1, OperationKind.Put);
            table.Add([2], [2], 2, OperationKind.Put);
            Assert.InRange(table.AllocatedBytes - small, large.Length, large.Length + 1024);
            Assert.True(table.TryGet([1], 2, out var record));
            Assert.True(record.Value.SequenceEqual(large));
        }

        Assert.Equal(before, NativeArena.OutstandingBytes);
    }

    [Fact]
    public void The_largest_key_and_value_come_back_whole()
    {
        var before = NativeArena.OutstandingBytes;
        using (var table = new MemTable())
        {
            var key = new byte[Limits.MaxKeyBytes];
            var value = new byte[Limits.MaxValueBytes];
            new Random(3).NextBytes(key);
            value[0] = 1;
            value[^1] = 2;
            table.Add(key, value, 1, OperationKind.Put);
            Assert.True(table.TryGet(key, 1, out var record));
            Assert.True(record.Key.SequenceEqual(key));
            Assert.True(record.Value.SequenceEqual(value));
        }

        Assert.Equal(before, NativeArena.OutstandingBytes);
    }

    [Fact]
    public void The_last_reference_frees()
    {
        var before = NativeArena.OutstandingBytes;
        var table = new MemTable();
        table.Add([1], [2], 1, OperationKind.Put);
        Assert.True(table.TryAcquire());
        table.Dispose();
        table.Dispose();
        Assert.True(NativeArena.OutstandingBytes > before);
        Assert.True(table.TryGet([1], 1, out _));
        Assert.True(table.TryAcquire());
        table.Release();
        table.Release();
        Assert.Equal(before, NativeArena.OutstandingBytes);
        Assert.False(table.TryAcquire());
        Assert.Throws<InvalidOperationException>(table.Release);
        Assert.False(table.TryAcquire());
    }

    [Fact]
    public async Task Many_threads_acquire_and_release_and_it_is_freed_once()
    {
        var before = NativeArena.OutstandingBytes;
        for (var round = 0; round < 200; round++)
        {
            var table = new MemTable();
            table.Add([1], [2], 1, OperationKind.Put);
            var users = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
            {
                for (var i = 0; i < 200 && table.TryAcquire(); i++)
                {
                    Assert.True(table.TryGet([1], 1, out var record));
                    Assert.Equal(2, record.Value[0]);
                    table.Release();
                }
            })).ToArray();
            await Task.Yield();
            table.Dispose();
            await Task.WhenAll(users);
            Assert.False(table.TryAcquire());
        }

        Assert.Equal(before, NativeArena.OutstandingBytes);
    }
}
