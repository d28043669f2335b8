using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.Index;

/// <summary>However fast manifests follow one another, the grace period is as long as it says, and they do not pile up.</summary>
public sealed class GracePeriodTests
{
    [Fact]
    public void Old_manifests_reach_back_as_far_as_the_grace_period_and_are_bounded()
    {
        var disk = new SimulatedDisk(1);
        var files = new SimulatedFileSystem(disk);
        files.CreateDirectory("/disk");
        var age = TimeSpan.FromMinutes(15);
        using var index = HestiaIndex.Create(
            "/disk/index", options: new IndexOptions { FileSystem = files, Scheduler = new SimulatedScheduler(new Random(1)), MemtableBytes = 64 << 10, RetiredAge = age, BackgroundCompaction = false, Level0Slowdown = 1024 });
        var written = new List<DateTimeOffset>();
        for (var i = 0; i < 900; i++)
        {
            disk.Now += TimeSpan.FromSeconds(2);
            index.Put(BitConverter.GetBytes(i % 20), new byte[10]);
            index.Flush();
            written.Add(disk.Now);
            if (i % 25 == 24) index.Compact();
        }

        var kept = new ManifestStore(files, "/disk/index").List();
        Assert.InRange(kept.Count, 140, 170);
        var times = kept.Select(static file => new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero)).Order().ToList();
        Assert.True(disk.Now - times[0] >= age - TimeSpan.FromSeconds(40), $"the oldest is of {times[0]}, now is {disk.Now}");
        Assert.All(times.Zip(times.Skip(1)), static pair => Assert.True(pair.Second - pair.First <= TimeSpan.FromSeconds(60), $"nothing between {pair.First} and {pair.Second}"));

        // Each of them is a state that opens: all it names is there, and the log from its checkpoint on.
        foreach (var file in kept)
        {
            var document = new ManifestStore(files, "/disk/index").Read(file, out _);
            foreach (var segment in document.Segments)
                Assert.True(files.FileExists($"/disk/index/segments/{segment.Id}.seg"), $"{file.Path} names {segment.Id}");
            Assert.True(files.FileExists($"/disk/index/wal/{document.NextLsn.Value:D20}.wal") || document.NextLsn > index.LastLsn, $"the log from {document.NextLsn} on is missing");
        }
    }
}
