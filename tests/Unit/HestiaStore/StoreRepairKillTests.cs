using System.Text;
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
    private const string Log = "wal/00000000000000000001.wal";

    public static TheoryData<string, double> Repairs
    {
        get
        {
            var data = new TheoryData<string, double>();
            foreach (var harm in (string[])["map and segments", "log and map", "torn log", "checkpoint", "log below its checkpoint", "lossy segment"])
                foreach (var survival in (double[])[0, 0.5, 1])
                    data.Add(harm, survival);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Repairs))]
    public void It_may_be_killed_at_every_call_and_run_again(string harm, double survival)
    {
        var (image, actions) = Harm(harm);
        var options = new RepairOptions { AllowLoss = harm is "log below its checkpoint" or "lossy segment" };
        var whole = StoreImage.Disk(image, 1);
        var first = whole.Calls;
        var uninterrupted = StoreRepairer.Repair(new SimulatedFileSystem(whole), StoreImage.Root, options, null, default);
        Assert.Equal(options.AllowLoss, uninterrupted.Lost.Count > 0);
        Assert.All(actions, code => Assert.Contains(uninterrupted.Actions, a => a.Code == code));
        var expected = Read(new SimulatedFileSystem(whole));
        if (!options.AllowLoss)
        {
            var all = StoreFixture.Expected(harm == "map and segments" ? StoreFixture.Split : StoreFixture.WalCrashed);
            Assert.Equal(all.Take(all.Count - (harm == "torn log" ? 1 : 0)).Select(static e => Text(e.Key, e.Value)), expected);
        }

        var calls = whole.Calls - first;
        output.WriteLine($"{calls} calls");
        Assert.True(calls >= 8);
        for (var at = 0; at < calls; at += calls > 60 ? 2 : 1)
        {
            var disk = StoreImage.Disk(image, at);
            disk.Survival = survival;
            disk.CrashAt = disk.Calls + at;
            Assert.Throws<PowerLossException>(() => StoreRepairer.Repair(new SimulatedFileSystem(disk), StoreImage.Root, options, null, default));
            disk.PowerOn();
            var files = new SimulatedFileSystem(disk);
            // It names this process, which has not ended.
            files.DeleteFile(Path.Combine(StoreImage.Root, ".lock"));
            var report = StoreRepairer.Repair(files, StoreImage.Root, options, null, default);
            Assert.True(options.AllowLoss || report.Lost.Count == 0, $"killed at call {at}: {report.Lost.FirstOrDefault()?.Message}");
            Assert.True(StoreChecker.Check(files, StoreImage.Root).Healthy, $"killed at call {at}");
            var entries = Read(files);
            Assert.True(entries.SequenceEqual(expected), $"killed at call {at}: {entries.Count} entries, {expected.Count} without");
            // A move between folders is one step on every journaling file system; this disk, at its worst, keeps half of it. Entries never hang on that.
            if (survival is 0 or 1) AssertNothingGone(image, files, at);
        }
    }

    private static (SortedDictionary<string, byte[]> Image, string[] Actions) Harm(string harm)
    {
        var isOfLog = harm is not ("map and segments" or "lossy segment");
        var image = StoreImage.WithoutFilters(isOfLog ? StoreFixture.WalCrashed : StoreFixture.Split);
        var log = isOfLog ? (byte[])image[Log].Clone() : [];
        switch (harm)
        {
            case "map and segments":
                image["index.map"] = image["index.map"][..33];
                image.Remove("segment-00004/v01-scarce.sst");
                image["segment-00005/manifest.txt"] = new byte[424];
                return (image, [StoreRepairActions.WriteRouteMap, StoreRepairActions.RewriteSegment, StoreRepairActions.RewriteSegmentManifest]);
            case "log and map":
                log[5_000] ^= 0x10; // below the checkpoint
                image[Log] = log;
                image.Remove("index.map");
                return (image, [StoreRepairActions.RewriteLog, StoreRepairActions.WriteRouteMap]);
            case "torn log":
                image[Log] = log[..^1];
                return (image, [StoreRepairActions.CutLogTail]);
            case "checkpoint":
                image["wal/checkpoint.meta"] = new byte[30];
                return (image, [StoreRepairActions.WriteCheckpoint]);
            case "log below its checkpoint":
                image[Log] = [.. log[..(log.Length / 3)], .. new byte[700]];
                return (image, [StoreRepairActions.CutLogTail, StoreRepairActions.WriteCheckpoint]);
            default:
                var main = (byte[])image["segment-00004/v01-index.sst"].Clone();
                main[9_000] ^= 0x10;
                image["segment-00004/v01-index.sst"] = main;
                image.Remove("segment-00004/v01-delta-0001.cache");
                return (image, [StoreRepairActions.RewriteSegment]);
        }
    }

    private static List<string> Read(FileSystem files)
    {
        using var reader = StoreDirectory.Open(files, StoreImage.Root).ReadEntries();
        var entries = new List<string>();
        while (reader.Read()) entries.Add(Text(reader.Key, reader.Value));
        return entries;
    }

    private static string Text(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => $"{Encoding.Latin1.GetString(key)}={Encoding.Latin1.GetString(value)}";

    /// <summary>Every file is somewhere, or both parts of a log that was cut; zeros at the end of what was cut off are not kept.</summary>
    private static void AssertNothingGone(SortedDictionary<string, byte[]> image, FileSystem files, int at)
    {
        var now = StoreDirectory.List(files, StoreImage.Root).ConvertAll(f => files.ReadAllBytes(Path.Combine(StoreImage.Root, f.RelativePath),
            int.MaxValue));
        foreach (var (file, bytes) in image)
        {
            if (now.Exists(n => n.AsSpan().SequenceEqual(bytes))) continue;
            var head = now.Find(n => file == Log && n.Length > 0 && n.Length < bytes.Length && bytes.AsSpan().StartsWith(n));
            Assert.True(head is not null && now.Exists(n => IsRest(bytes.AsSpan(head.Length), n)), $"killed at call {at}: {file} is gone");
        }
    }

    private static bool IsRest(ReadOnlySpan<byte> rest, byte[] tail) => rest.StartsWith(tail) && !rest[tail.Length..].ContainsAnyExcept((byte)0);
}
