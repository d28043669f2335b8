using Hestia.Core;
using Hestia.Core.Reading;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Index;

/// <summary>A scan that met an error is over: whoever goes on regardless is told again, and is shown neither an entry twice nor an end that is none.</summary>
public sealed class FailedScanTests : IndexTestBase
{
    private const int Count = 400;

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void Going_on_after_an_error_is_refused(int segments, bool reverse)
    {
        var broken = false;
        var files = new FaultyFileSystem(1, everAfter: true, trap: (operation, path) =>
        {
            if (broken && operation == "read" && path.EndsWith(".seg", StringComparison.Ordinal)) throw new IOException("The device did not answer.");
        });
        var options = new IndexOptions { BackgroundCompaction = false, CacheBytes = 0, FileSystem = files };
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, options);
        var value = new byte[4000];
        for (var segment = 0; segment < segments; segment++)
        {
            for (var i = segment; i < Count; i += segments)
            {
                new Random(i).NextBytes(value);
                index.Put(Key(i), value);
            }

            index.Flush();
        }

        using var cursor = index.Scan(new ScanOptions { Reverse = reverse });
        for (var i = 0; i < 10; i++) Assert.True(cursor.MoveNext());
        broken = true;
        var first = Assert.Throws<HestiaException>(() =>
        {
            for (var i = 10; i < Count; i++) cursor.MoveNext();
        });
        Assert.Equal(HestiaErrorCode.IoError, first.Code);
        Assert.Throws<InvalidOperationException>(() => _ = cursor.Key);

        broken = false;
        Assert.Same(first, Assert.Throws<HestiaException>(() => cursor.MoveNext()));
        Assert.Throws<InvalidOperationException>(() => _ = cursor.Key);
        using var again = index.Scan(new ScanOptions { Reverse = reverse });
        for (var i = 0; i < Count; i++) Assert.True(again.MoveNext());
        Assert.False(again.MoveNext());
    }
}
