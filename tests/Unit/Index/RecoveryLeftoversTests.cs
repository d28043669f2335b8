using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Recovery;
using Hestia.Unit.Wal;

namespace Hestia.Unit.Index;

/// <summary>What recovery itself leaves lying about.</summary>
public sealed class RecoveryLeftoversTests : IndexTestBase
{
    [Fact]
    public void A_copy_to_quarantine_that_fails_leaves_no_part_of_it()
    {
        var files = new WalTestFiles();
        var log = Path.Combine(Root, FileNames.Wal, "torn.wal");
        files[log] = [1, 2, 3, 4, 5];
        files.FailWrite = static (_, _, _) => 2;
        for (var i = 0; i < 3; i++) Assert.Throws<IOException>(() => new Quarantine(files, Root).CopyTail(log, 1));
        Assert.Equal([log], files.Names);

        files.FailWrite = null;
        Assert.Equal((byte[])[2, 3, 4, 5], files[new Quarantine(files, Root).CopyTail(log, 1)]);
        Assert.Equal((byte[])[1, 2, 3, 4, 5], files[log]);
    }

    [Fact]
    public void A_log_that_fits_into_a_memtable_is_not_written_out()
    {
        string crashed;
        using (var index = HestiaIndex.Create(IndexPath, null, Small))
        {
            for (var i = 0; i < 50; i++) index.Put(Key(i), new byte[10]);
            crashed = CopyAsIs(index, "crashed");
        }

        using var opened = HestiaIndex.Open(crashed, new IndexOptions { MemtableBytes = 64 << 10 });
        Assert.Equal((Lsn.None, new Lsn(50)), (opened.Checkpoint, opened.LastLsn));
        Assert.Empty(Directory.GetFiles(Path.Combine(crashed, FileNames.Segments)));
    }

    [Fact]
    public void Manifests_written_while_the_log_was_read_are_retired_like_others()
    {
        string crashed;
        using (var index = HestiaIndex.Create(IndexPath, null, new IndexOptions { BackgroundCompaction = false }))
        {
            using var batch = new WriteBatch();
            for (var i = 0; i < 1000; i++)
            {
                batch.Put(Key(i), new byte[100]);
                if (batch.Count < 100) continue;
                index.Write(batch);
                batch.Clear();
            }

            crashed = CopyAsIs(index, "crashed");
        }

        // A memtable begins with 128 KiB, so it is full with a quarter of its limit in it: two batches, written out with a manifest of their own.
        var options = new IndexOptions { MemtableBytes = 64 << 10, BackgroundCompaction = false, RetiredAge = TimeSpan.Zero, RetiredBytes = 0 };
        using var opened = HestiaIndex.Open(crashed, options);
        Assert.Equal(5, opened.GetStatistics().Levels[0].Segments);
        Assert.Single(Directory.GetFiles(Path.Combine(crashed, "manifest")));
    }
}
