using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Repair;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Repair;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.HestiaStore;

/// <summary>The power goes at each call of a repair, and the next repair ends it: every entry is there, and every byte that was found.</summary>
public sealed class StoreRepairKillTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(StoreFixture.Split, 0.0)]
    [InlineData(StoreFixture.Split, 0.5)]
    [InlineData(StoreFixture.Split, 1.0)]
    [InlineData(StoreFixture.WalCrashed, 0.0)]
    [InlineData(StoreFixture.WalCrashed, 0.5)]
    [InlineData(StoreFixture.WalCrashed, 1.0)]
    public void It_may_be_killed_at_every_call_and_run_again(string name, double survival)
    {
        var image = StoreImage.WithoutFilters(name);
        Harm(name, image);
        var whole = StoreImage.Disk(image, 1);
        var first = whole.Calls;
        Assert.Empty(StoreRepairer.Repair(new SimulatedFileSystem(whole), StoreImage.Root, new RepairOptions(), null, default).Lost);
        var calls = whole.Calls - first;
        output.WriteLine($"{calls} calls");
        Assert.True(calls > 20);
        for (var at = 0; at < calls; at += name == StoreFixture.Split ? 2 : 1)
        {
            var disk = StoreImage.Disk(image, at);
            disk.Survival = survival;
            disk.CrashAt = disk.Calls + at;
            Assert.Throws<PowerLossException>(() => StoreRepairer.Repair(new SimulatedFileSystem(disk), StoreImage.Root, new RepairOptions(), null, default));
            disk.PowerOn();
            var files = new SimulatedFileSystem(disk);
            // It names this process, which has not ended.
            files.DeleteFile(Path.Combine(StoreImage.Root, ".lock"));
            var report = StoreRepairer.Repair(files, StoreImage.Root, new RepairOptions(), null, default);
            Assert.True(report.Lost.Count == 0, $"killed at call {at}: {report.Lost.FirstOrDefault()?.Message}");
            Assert.True(StoreChecker.Check(files, StoreImage.Root).Healthy, $"killed at call {at}");
            AssertHolds(files, name, at);
            // A move between folders is one step on every journaling file system; this disk, at its worst, keeps half of it. Entries never hang on that.
            if (survival is 0 or 1) AssertNothingGone(image, files, at);
        }
    }

    private static void Harm(string name, SortedDictionary<string, byte[]> image)
    {
        if (name == StoreFixture.WalCrashed)
        {
            var log = (byte[])image["wal/00000000000000000001.wal"].Clone();
            log[5_000] ^= 0x10; // below the checkpoint
            image["wal/00000000000000000001.wal"] = log;
            image.Remove("index.map");
            return;
        }

        image["index.map"] = image["index.map"][..33];
        image.Remove("segment-00004/v01-scarce.sst");
        image["segment-00005/manifest.txt"] = new byte[424];
    }

    private static void AssertHolds(FileSystem files, string name, int at)
    {
        using var reader = StoreDirectory.Open(files, StoreImage.Root).ReadEntries();
        foreach (var (key, value) in StoreFixture.Expected(name))
            Assert.True(reader.Read() && reader.Key.SequenceEqual(key) && reader.Value.SequenceEqual(value), $"killed at call {at}");
        Assert.False(reader.Read());
    }

    private static void AssertNothingGone(SortedDictionary<string, byte[]> image, FileSystem files, int at)
    {
        var now = StoreDirectory.List(files, StoreImage.Root).ConvertAll(f => files.ReadAllBytes(Path.Combine(StoreImage.Root, f.RelativePath),
            int.MaxValue));
        foreach (var (file, bytes) in image)
            Assert.True(now.Exists(n => n.AsSpan().SequenceEqual(bytes)), $"killed at call {at}: {file} is gone");
    }
}
