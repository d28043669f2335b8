using Hestia.Core;

namespace Hestia.Unit.Index;

/// <summary>Who may have an index open beside whom. On Windows the locks are other ones than elsewhere; what they do is the same.</summary>
public sealed class ReadOnlyLockTests : IndexTestBase
{
    [Fact]
    public void Readers_share_an_index_and_keep_writers_out()
    {
        var reading = new IndexOptions { ReadOnly = true };
        using (var index = HestiaIndex.Create(IndexPath))
        {
            index.Put(Key(1), Bytes("one"));
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => HestiaIndex.Open(IndexPath, reading)).Code);
        }

        using (var first = HestiaIndex.Open(IndexPath, reading))
        using (var second = HestiaIndex.Open(IndexPath, reading))
        {
            Assert.Equal("one", Text(first.Get(Key(1))));
            Assert.Equal("one", Text(second.Get(Key(1))));
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => HestiaIndex.Open(IndexPath)).Code);
        }

        using (var index = HestiaIndex.Open(IndexPath)) index.Put(Key(2), Bytes("two"));
    }
}
