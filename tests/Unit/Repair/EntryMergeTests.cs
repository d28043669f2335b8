using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Repair;
using Hestia.Core.Segments;
using Hestia.Unit.Index;

namespace Hestia.Unit.Repair;

/// <summary>The merge by LSN against a map, for segments whose ranges of keys and LSNs overlap in every way.</summary>
public sealed class EntryMergeTests : IndexTestBase
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(3, 500)]
    [InlineData(4, 900)]
    public void Newest_entry_of_each_key_is_given_once_in_order(int seed, int after)
    {
        var random = new Random(seed);
        var expected = new SortedDictionary<string, (ulong Lsn, string Value)>(StringComparer.Ordinal);
        var paths = new List<string>();
        for (var segment = 0; segment < 12; segment++)
        {
            var entries = new SortedDictionary<string, (ulong Lsn, string Value)>(StringComparer.Ordinal);
            var from = random.Next(400);
            for (var i = random.Next(1, 120); i > 0; i--)
            {
                var lsn = (ulong)random.Next(1, 1000);
                entries[$"{random.Next(from, from + 150):D4}"] = (lsn, $"of {lsn} in {segment}");
            }

            using var writer = new SegmentWriter(FileSystem.Physical, Root, new SegmentWriterOptions { BlockBytes = 1024 });
            foreach (var (key, entry) in entries)
            {
                writer.Add(Bytes(key), entry.Lsn, OperationKind.Put, Bytes(entry.Value));
                // Of two with one LSN the file that ranks first counts.
                if (entry.Lsn > (ulong)after && (!expected.TryGetValue(key, out var known) || known.Lsn < entry.Lsn)) expected[key] = entry;
            }

            paths.Add(Path.Combine(Root, writer.Finish().Id + FileNames.SegmentExtension));
        }

        using var merge = new EntryMerge(FileSystem.Physical, paths, new Lsn((ulong)after), CancellationToken.None);
        foreach (var (key, entry) in expected)
        {
            Assert.True(merge.Next());
            Assert.Equal(key, Text(merge.Key));
            Assert.Equal(entry.Lsn, merge.Lsn);
            Assert.Equal(entry.Value, Text(merge.Value));
        }

        Assert.False(merge.Next());
        Assert.True(expected.Count > 10);
    }
}
