using System.Buffers.Binary;
using Hestia.Core;

namespace Hestia.Unit.Index;

/// <summary>Entries so small that what stands around them is most of the memory they take.</summary>
public sealed class TinyEntryTests : IndexTestBase
{
    [Fact]
    public void A_memtable_of_tiny_operations_keeps_to_its_limit()
    {
        const long limit = 1 << 20;
        const int operations = 65_000; // of 32 bytes at the least, so twice the limit
        var options = new IndexOptions { MemtableBytes = limit, BackgroundCompaction = false, CacheBytes = 0 };
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, options);
        using var batch = new WriteBatch();
        var key = new byte[2];
        for (var i = 0; i < operations; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(key, (ushort)i);
            batch.Delete(key);
            if (batch.Count < 500) continue;
            index.Write(batch);
            batch.Clear();
        }

        index.WaitForBackgroundWork();
        var statistics = index.GetStatistics();
        Assert.True(statistics.Flushes >= 1);
        Assert.True(statistics.MemtableBytes <= 2 * limit, $"the memtable took {statistics.MemtableBytes:N0} bytes");
    }
}
