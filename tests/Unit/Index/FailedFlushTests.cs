using Hestia.Core;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Index;

/// <summary>A segment that did not get its name has no claim on it: once it has been written and merged after all, its file goes like any other.</summary>
public sealed class FailedFlushTests : IndexTestBase
{
    [Fact]
    public void A_segment_that_failed_to_get_its_name_is_not_kept_for_ever()
    {
        var failures = 0;
        var files = new FaultyFileSystem(1, everAfter: true, trap: (operation, path) =>
        {
            if (failures > 0 && operation == "rename" && Path.GetFileName(Path.GetDirectoryName(path)) == "segments" && failures-- > 0) throw new IOException("not now");
        });
        var options = new IndexOptions { RetiredAge = TimeSpan.Zero, RetiredBytes = 0, BackgroundCompaction = false, FileSystem = files };
        using var index = HestiaIndex.Create(IndexPath, null, options);
        index.Put(Key(1), Bytes("one"));
        failures = 1;
        Assert.Equal(HestiaErrorCode.IoError, Assert.Throws<HestiaException>(() => index.Flush()).Code);
        Assert.Equal(0, failures);
        index.Flush();
        var written = Assert.Single(Directory.GetFiles(Path.Combine(IndexPath, "segments"), "*.seg"));
        index.Put(Key(2), Bytes("two"));
        index.Flush();
        index.Compact();
        Assert.False(File.Exists(written)); // rewritten without LSNs, under another name
        Assert.Equal("one", Text(index.Get(Key(1))));
    }
}
