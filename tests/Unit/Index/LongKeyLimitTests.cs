using System.Buffers.Binary;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Unit.Index;

/// <summary>What the longest keys do to what is kept of keys: the index of a segment, and the bounds in a manifest.</summary>
public sealed class LongKeyLimitTests : IndexTestBase
{
    [Fact]
    public void A_merge_ends_a_segment_whose_index_has_become_large()
    {
        const int count = 1200;
        var options = new IndexOptions { MemtableBytes = 256 << 20, SegmentBytes = 64 << 20, BackgroundCompaction = false, CacheBytes = 0 };
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, options);
        var key = new byte[64_000];
        key.AsSpan().Fill((byte)'k');
        for (var i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(key.Length - 4), i);
            index.Put(key, [1]);
        }

        index.Compact();
        // 77 MB of keys stand between the blocks, and the blocks themselves shrink to a few MB.
        Assert.Equal(2, index.GetStatistics().Levels.Sum(level => level.Segments));
        var shown = 0;
        using var cursor = index.Scan();
        while (cursor.MoveNext()) Assert.Equal(shown++, BinaryPrimitives.ReadInt32BigEndian(cursor.Key[^4..]));
        Assert.Equal(count, shown);
    }

    [Fact]
    public void A_manifest_that_could_not_be_read_back_is_not_written()
    {
        Directory.CreateDirectory(Path.Combine(Root, FileNames.Manifests));
        var store = new ManifestStore(FileSystem.Physical, Root);
        var key = new byte[Limits.MaxKeyBytes];
        key.AsSpan().Fill(0xFF);
        var segments = new List<ManifestSegment>();
        for (var i = 0; i < 245; i++) segments.Add(ManifestSegment.From(new SegmentInfo(default, 1, 1, 0, key, key, new Lsn(1), new Lsn(1), BlockCodec.None), 0));
        var document = new ManifestDocument
        {
            Number = 1,
            IndexId = Guid.NewGuid(),
            Timeline = Timeline.First(),
            Checkpoint = new Lsn(1),
            NextLsn = new Lsn(2),
            LastCommitTime = 0,
            Segments = segments,
        };
        store.Write(document, out _);
        Assert.Equal(245, store.Read(Assert.Single(store.List())).Segments.Count);
        for (var i = 0; i < 20; i++) segments.Add(segments[0]);
        var refused = Assert.Throws<HestiaException>(() => store.Write(document with { Number = 2 }, out _));
        Assert.Equal(HestiaErrorCode.SegmentLimit, refused.Code);
        Assert.Equal(1UL, Assert.Single(store.List()).Number);
    }
}
