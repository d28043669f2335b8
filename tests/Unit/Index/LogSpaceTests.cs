using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Index;

/// <summary>The log on a disk that is full, or that fails for a moment: what can be written is written, and one failure does not go on as the next.</summary>
public sealed class LogSpaceTests : IndexTestBase
{
    private static readonly IndexOptions s_options = new() { MemtableBytes = 64 << 10, CacheBytes = 0, BackgroundCompaction = false };

    private string Wal => Path.Combine(IndexPath, "wal");

    [Fact]
    public void The_space_of_the_prepared_file_is_given_up_for_a_write()
    {
        var full = false;
        using var mayPrepare = new ManualResetEventSlim();
        var files = new FaultyFileSystem(1, everAfter: true, trap: (operation, path) =>
        {
            if (operation == "open" && path.StartsWith(Wal, StringComparison.Ordinal) && path.EndsWith(FileNames.TemporarySuffix, StringComparison.Ordinal)) mayPrepare.Wait();
        })
        {
            OnPreallocate = (path, _) =>
            {
                if (full && path.EndsWith(".wal", StringComparison.Ordinal) && Prepared) throw IOErrors.FromErrno(IOErrors.ENOSPC, "full");
            },
        };
        using var index = HestiaIndex.Create(IndexPath, null, s_options with { FileSystem = files });
        index.Put(Key(1), new byte[1000]);
        index.Flush();
        index.Put(Key(2), new byte[1000]); // a log file of its own, for the prepared one comes late
        mayPrepare.Set();
        Assert.True(SpinWait.SpinUntil(() => Prepared, TimeSpan.FromSeconds(30)), "no log file is made ahead of need");
        full = true;
        Assert.True(SpinWait.SpinUntil(() => TryPut(index), TimeSpan.FromSeconds(10)), "the space of the prepared file is not given up");
        Assert.False(Prepared);
        Assert.Equal(100_000, index.Get(Key(3))!.Length);
    }

    [Fact]
    public void A_file_that_could_not_be_begun_nor_deleted_is_in_nobodys_way_later()
    {
        var failing = false;
        var files = new FaultyFileSystem(1, everAfter: true, trap: (operation, path) =>
        {
            if (failing && operation is ("write" or "delete") && path.EndsWith(".wal", StringComparison.Ordinal)) throw new IOException("not now");
        });
        using (var index = HestiaIndex.Create(IndexPath, null, s_options with { FileSystem = files }))
        {
            failing = true;
            for (var i = 0; i < 2; i++) Assert.Equal(HestiaErrorCode.IoError, Assert.Throws<HestiaException>(() => index.Put(Key(1), Bytes("lost"))).Code);
            Assert.Single(Directory.GetFiles(Wal, "*.wal"));
            failing = false;
            index.Put(Key(1), Bytes("kept"));
        }

        using (var index = HestiaIndex.Open(IndexPath)) Assert.Equal("kept", Text(index.Get(Key(1))));
    }

    /// <summary>More than the log has reserved.</summary>
    private static bool TryPut(HestiaIndex index)
    {
        try
        {
            index.Put(Key(3), new byte[100_000]);
            return true;
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.DiskFull)
        {
            return false; // the prepared file is still being made
        }
    }

    private bool Prepared => Directory.GetFiles(Wal, "*" + FileNames.TemporarySuffix).Length > 0;
}
