using System.Text;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Types;
using Hestia.Unit.Backup;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.HestiaStore;

/// <summary>Findings of a check, each with its file, how bad it is, and what HestiaStore would do where that is said.</summary>
public sealed class StoreFindingTests
{
    private const string NotOpen = "HestiaStore would not open the index.";

    public static TheoryData<string, string, string, string, FindingSeverity, string?> Harms => new()
    {
        { StoreFixture.WalClosed, "wal delete", StoreFindings.WalMissing, "wal", FindingSeverity.Error, null },
        { StoreFixture.WalClosed, "wal/checkpoint.meta zero", StoreFindings.WalCheckpointDamaged, "wal/checkpoint.meta", FindingSeverity.Error, NotOpen },
        { StoreFixture.WalClosed, "wal/checkpoint.meta flip 5", StoreFindings.WalCheckpointDamaged, "wal/checkpoint.meta", FindingSeverity.Error, NotOpen },
        { StoreFixture.WalClosed, "wal/format.meta flip 12", StoreFindings.WalFormatDamaged, "wal/format.meta", FindingSeverity.Error, NotOpen },
        { StoreFixture.WalClosed, "wal/format.meta delete", StoreFindings.WalFormatDamaged, "wal/format.meta", FindingSeverity.Error, null },
        { StoreFixture.WalClosed, "wal/1.wal make", StoreFindings.WalFileName, "wal/1.wal", FindingSeverity.Error, NotOpen },
        { StoreFixture.Split, "notes.txt make", StoreFindings.UnknownFile, "notes.txt", FindingSeverity.Warning, null },
        { StoreFixture.Split, "notes/of.txt make", StoreFindings.UnknownFile, "notes", FindingSeverity.Warning, null },
        { StoreFixture.Split, "segment-00004/notes.txt make", StoreFindings.UnknownFile, "segment-00004/notes.txt", FindingSeverity.Warning, null },
        { StoreFixture.Split, "index.map.tmp make", StoreFindings.UnfinishedFile, "index.map.tmp", FindingSeverity.Information, null },
        { StoreFixture.Split, "segment-00004/v02-index.sst.tmp make", StoreFindings.UnfinishedFile, "segment-00004/v02-index.sst.tmp",
            FindingSeverity.Information, null },
        { StoreFixture.WalClosed, "wal.repairing/format.meta make", StoreFindings.UnfinishedFile, "wal.repairing", FindingSeverity.Information, null },
        { StoreFixture.Split, "segment-00004/v02-index.sst make", StoreFindings.OldVersionFile, "segment-00004/v02-index.sst",
            FindingSeverity.Information, null },
        { StoreFixture.Split, "segment-00004/v00-delta-0000.cache make", StoreFindings.OldVersionFile, "segment-00004/v00-delta-0000.cache",
            FindingSeverity.Information, null },
    };

    [Theory]
    [MemberData(nameof(Harms))]
    public void It_is_found_and_placed_and_weighed(string name, string harm, string code, string file, FindingSeverity severity, string? would)
    {
        using var fixture = new StoreFixture(name);
        var words = harm.Split(' ');
        if (words[1] == "make")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(fixture[words[0]])!);
            File.WriteAllText(fixture[words[0]], "x");
        }
        else
        {
            StoreHarm.Do(fixture.Path, harm);
        }

        var before = TemporaryFolder.Snapshot(fixture.Path);
        var report = StoreChecker.Check(fixture.Path);
        var found = Assert.Single(report.Findings, static f => f.Code != StoreFindings.HestiaStoreWould);
        Assert.Equal((code, file.Replace('/', Path.DirectorySeparatorChar), severity), (found.Code, found.File, found.Severity));
        Assert.Equal(severity != FindingSeverity.Error, report.Healthy);
        if (report.Healthy) Assert.Equal(10_000, report.Entries);
        AssertWould(report, would);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));
    }

    [Fact]
    public void A_key_that_is_looked_for_in_another_segment()
    {
        var image = StoreImage.WithoutFilters(StoreFixture.Split);
        var routes = RouteMap.Parse(image["index.map"], StoreType.Find("ShortString"));
        var was = int.Parse(Encoding.Latin1.GetString(routes[0].LastKey)[4..], System.Globalization.CultureInfo.InvariantCulture);
        routes[0] = routes[0] with { LastKey = Encoding.Latin1.GetBytes($"key-{was - 3:D10}") };
        image["index.map"] = RouteMap.Serialize(routes);
        var files = StoreImage.Load(image);
        var report = StoreChecker.Check(files, StoreImage.Root);
        var folder = StoreFileNames.Segment(routes[0].Segment) + Path.DirectorySeparatorChar;
        Assert.All(report.Findings, f => Assert.True(f is { Code: StoreFindings.Routing, Severity: FindingSeverity.Error }
            && f.File!.StartsWith(folder, StringComparison.Ordinal), f.ToString()));
        // The last keys of the segment are in its main file, or in the delta file that has them.
        Assert.InRange(report.Findings.Count, 1, 2);
        Assert.Contains(report.Findings, static f => f.Message.StartsWith("3 of its keys", StringComparison.Ordinal));
        AssertWould(report, null);
        Refused(HestiaErrorCode.SegmentDamaged, files, "belongs to segment");
    }

    [Fact]
    public void Keys_that_are_not_in_order()
    {
        (byte[], byte[])[] entries = [.. new[] { 1L, 3, 2, 4 }.Select(static n => (StoreType.Find("Long").Encode(n), StoreType.Find("Long").Encode(n)))];
        var files = StoreImage.Load(new StoreWriter("Long", "Long", "crc32").Image(entries));
        var report = StoreChecker.Check(files, StoreImage.Root);
        var found = Assert.Single(report.Findings);
        Assert.Equal((StoreFindings.KeyOrder, StoreWriter.Main, FindingSeverity.Error), (found.Code, found.File, found.Severity));
        Assert.Equal(entries[1].Item1, found.FirstKey); // the last one before
        AssertWould(report, null);
        Refused(HestiaErrorCode.SegmentDamaged, files, "not above the key before it");
    }

    [Theory]
    [InlineData("")]
    [InlineData("segment-00004")]
    public void Somebody_who_has_it_open(string folder)
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        File.WriteAllBytes(fixture[folder, ".lock"], StoreLock.Serialize(Environment.ProcessId, null, StoreLock.HostName(), "s"));
        var report = StoreChecker.Check(fixture.Path);
        var found = Assert.Single(report.Findings);
        Assert.Equal((StoreFindings.InUse, Path.Combine(folder, ".lock"), FindingSeverity.Warning), (found.Code, found.File, found.Severity));
        Assert.Contains($"pid {Environment.ProcessId}", found.Message, StringComparison.Ordinal);
        Assert.Equal((true, 10_000L), (report.Healthy, report.Entries));
    }

    [Fact]
    public void Files_that_change_meanwhile()
    {
        var disk = StoreImage.Disk(StoreImage.WithoutFilters(StoreFixture.Split), 1);
        var files = new SimulatedFileSystem(disk);
        var changed = false;
        disk.Fault = (call, path) =>
        {
            if (call != DiskCall.Read || changed || !path.EndsWith("v01-index.sst", StringComparison.Ordinal)) return null;
            changed = true;
            using var file = files.Open(Path.Combine(StoreImage.Root, "index.map.tmp"), FileOpenMode.CreateNew);
            file.Write(0, "x"u8);
            return null;
        };
        var report = StoreChecker.Check(files, StoreImage.Root);
        Assert.True(changed);
        var found = Assert.Single(report.Findings, static f => f.Code == StoreFindings.ChangedMeanwhile);
        Assert.Equal((null, FindingSeverity.Warning), (found.File, found.Severity));
        AssertWould(report, null);
    }

    [Theory]
    [InlineData("segment-00004/v01-index.sst")]
    [InlineData("segment-00005/v01-delta-0001.cache")]
    public void A_file_that_the_device_does_not_give(string unreadable)
    {
        var disk = StoreImage.Disk(StoreImage.WithoutFilters(StoreFixture.Split), 1);
        var files = new SimulatedFileSystem(disk);
        disk.Fault = (call, path) => call == DiskCall.Read && path.EndsWith(unreadable, StringComparison.Ordinal)
            ? new IOException("Input/output error") : null;
        var report = StoreChecker.Check(files, StoreImage.Root);
        var found = Assert.Single(report.Findings, static f => f.Severity == FindingSeverity.Error);
        Assert.Equal((StoreFindings.FileUnreadable, unreadable), (found.Code, found.File));
        Assert.Contains("Input/output error", found.Message, StringComparison.Ordinal);
        Assert.False(report.Healthy);
        Refused(HestiaErrorCode.IoError, files, "Input/output error");
    }

    /// <summary>A backup does not ask for the number of entries, which takes a second reading.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_check_reads_every_block_once_and_again_to_count(bool count)
    {
        var image = StoreImage.WithoutFilters(StoreFixture.Split);
        var disk = StoreImage.Disk(image, 1);
        var reads = new Dictionary<string, int>();
        disk.Fault = (call, path) =>
        {
            if (call == DiskCall.Read) reads[path] = reads.GetValueOrDefault(path) + 1;
            return null;
        };
        var report = StoreChecker.Check(new SimulatedFileSystem(disk), StoreImage.Root, countEntries: count);
        Assert.Equal((true, count ? 10_000L : 0L), (report.Healthy, report.Entries));
        foreach (var (name, bytes) in image)
            if (name.EndsWith("-index.sst", StringComparison.Ordinal))
                Assert.Equal((bytes.Length / 4096 + 1) * (count ? 2 : 1), reads[Path.Combine(StoreImage.Root, name)]); // one asks for its length
    }

    /// <summary>
    /// HestiaStore deletes a last log file without a record when it opens the index. What stays, a checkpoint and no log file, is also what stays where somebody
    /// took the log away: it is refused with both said, and taken as it is once somebody says so.
    /// </summary>
    [Fact]
    public void A_log_without_a_file_may_be_one_that_HestiaStore_left()
    {
        using var fixture = new StoreFixture(StoreFixture.WalClosed);
        foreach (var file in Directory.GetFiles(fixture["wal"], "*.wal")) File.Delete(file);
        var report = StoreChecker.Check(fixture.Path);
        var found = Assert.Single(report.Findings);
        Assert.Equal((StoreFindings.WalCheckpointAhead, Path.Combine("wal", "checkpoint.meta"), FindingSeverity.Error), (found.Code, found.File, found.Severity));
        Assert.Contains("nothing is missing: one write there makes a new file", found.Message, StringComparison.Ordinal);
        var refused = Assert.Throws<HestiaException>(() => StoreRepairTests.Read(fixture.Path));
        Assert.Equal(HestiaErrorCode.WalDamaged, refused.Code);
        Assert.Contains("Repair-HestiaIndex -Force takes the index as it is", refused.Message, StringComparison.Ordinal);

        // One write in HestiaStore makes the next file.
        var before = TemporaryFolder.Snapshot(fixture.Path);
        File.WriteAllBytes(fixture["wal", "00000000000000010001.wal"], Record(10_001, "key-0000000000", "new"));
        Assert.True(StoreChecker.Check(fixture.Path).Healthy);
        Assert.Equal("new", Encoding.Latin1.GetString(StoreRepairTests.Read(fixture.Path)[0].Value));
        File.Delete(fixture["wal", "00000000000000010001.wal"]);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));

        Hestia.HestiaStore.Repair.StoreRepairer.Repair(fixture.Path, new Hestia.Core.Repair.RepairOptions { AllowLoss = true });
        Assert.True(StoreChecker.Check(fixture.Path).Healthy);
        Assert.Equal(10_000, StoreRepairTests.Read(fixture.Path).Count);
    }

    private static byte[] Record(long lsn, string key, string value)
    {
        var record = new byte[25 + key.Length + value.Length];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(record, record.Length - 4);
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(record.AsSpan(8), lsn);
        record[16] = 1;
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(17), key.Length);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(21), value.Length);
        Encoding.Latin1.GetBytes(key + value).CopyTo(record, 25);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(record.AsSpan(4), Crc32.Compute(record.AsSpan(8)));
        return record;
    }

    private static void AssertWould(CheckReport report, string? would)
    {
        if (would is null) Assert.DoesNotContain(report.Findings, static f => f.Code == StoreFindings.HestiaStoreWould);
        else
        {
            var verdict = Assert.Single(report.Findings, static f => f.Code == StoreFindings.HestiaStoreWould);
            Assert.Equal((would, FindingSeverity.Warning), (verdict.Message, verdict.Severity));
        }
    }

    private static void Refused(HestiaErrorCode code, FileSystem files, string named)
    {
        var refused = Assert.Throws<HestiaException>(() =>
        {
            using var reader = StoreDirectory.Open(files, StoreImage.Root).ReadEntries();
            while (reader.Read())
            {
            }
        });
        Assert.Equal(code, refused.Code);
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }
}
