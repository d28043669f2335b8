using Hestia.Core;
using Hestia.Core.Segments;

namespace Hestia.Unit.Index;

/// <summary>What compaction leaves: every level compressed, and those above the deepest small beside it.</summary>
public sealed class LevelShapeTests : IndexTestBase
{
    private const int Entries = 120_000;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_level_is_compressed_and_those_above_the_deepest_stay_small(bool random)
    {
        var options = Small with { Level1Bytes = 64 << 10, SegmentBytes = 16 << 10, RetiredBytes = 0 };
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, options);
        var value = new byte[23];
        for (var i = 0; i < Entries; i++) index.Put(Key(random ? (int)(i * 2654435761L % Entries) : i), value);
        index.Flush();
        index.WaitForBackgroundWork();

        using (var pin = index.Pin())
        {
            var manifest = Core.Manifest.ManifestDocument.Parse(pin.ManifestBytes.Span);
            Assert.All(manifest.Segments, segment => Assert.Equal(BlockCodec.Snappy, segment.Codec));
            var bytes = manifest.Segments.GroupBy(s => s.Level).ToDictionary(g => g.Key, g => g.Sum(s => s.Size));
            var deepest = bytes.Keys.Max();
            Assert.True(deepest >= 2, $"the deepest level is {deepest}");
            for (var level = 1; level < deepest; level++)
            {
                var ceiling = options.Level1Bytes * (long)Math.Pow(10, level - 1);
                var share = bytes[deepest] / (long)Math.Pow(10, deepest - level);
                Assert.True(
                    bytes.GetValueOrDefault(level) <= Math.Clamp(share, ceiling / 4, ceiling),
                    $"level {level} has {bytes.GetValueOrDefault(level):N0} bytes, the deepest ({deepest}) {bytes[deepest]:N0}");
            }
        }

        Assert.Equal(Entries, index.Scan().Count());
    }
}

file static class CursorCount
{
    public static int Count(this Core.Reading.IndexCursor cursor)
    {
        using (cursor)
        {
            var count = 0;
            while (cursor.MoveNext()) count++;
            return count;
        }
    }
}
