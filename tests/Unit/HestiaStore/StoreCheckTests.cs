using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;
using Hestia.Unit.Backup;

namespace Hestia.Unit.HestiaStore;

/// <summary>Checking the directories of HestiaStore 1.0: what is whole is healthy, and what is not is named.</summary>
public sealed class StoreCheckTests
{
    [Theory]
    [InlineData(StoreFixture.Closed)]
    [InlineData(StoreFixture.Split)]
    [InlineData(StoreFixture.LongSnappy)]
    [InlineData(StoreFixture.WalClosed)]
    [InlineData(StoreFixture.WalCrashed)]
    public void What_HestiaStore_wrote_is_healthy_and_stays_as_it_is(string name)
    {
        using var fixture = new StoreFixture(name);
        var before = TemporaryFolder.Snapshot(fixture.Path);
        var report = StoreChecker.Check(fixture.Path);
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        Assert.Equal(StoreFixture.Expected(name).Count, report.Entries);
        Assert.Equal(name == StoreFixture.Split ? 4 : 1, report.Segments);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));
        if (name != StoreFixture.WalCrashed)
        {
            Assert.Empty(report.Findings);
            return;
        }

        Assert.Equal((12_000UL, 10_000UL), (report.LastLsn.Value, report.Checkpoint.Value));
        Assert.Single(report.Findings, static f => f.Code == StoreFindings.WalReplayPending);
        Assert.Contains(report.Findings, static f => f.Code is StoreFindings.StaleLock or StoreFindings.LockOwnerUnknown);
    }

    public static TheoryData<string, string, string> Harms => new()
    {
        { "segment-00004/v01-index.sst flip 5000", StoreFindings.BlockDamaged, "segment-00004/v01-index.sst" },
        { "segment-00004/v01-index.sst cut 0", StoreFindings.CountMismatch, "segment-00004/manifest.txt" },
        { "segment-00004/v01-index.sst cut 5000", StoreFindings.ChunkDamaged, "segment-00004/v01-index.sst" },
        { "segment-00004/v01-index.sst delete", StoreFindings.FileMissing, "segment-00004/v01-index.sst" },
        { "segment-00004/v01-delta-0000.cache delete", StoreFindings.FileMissing, "segment-00004/v01-delta-0000.cache" },
        { "segment-00004/v01-scarce.sst flip 20", StoreFindings.ScarceIndexDamaged, "segment-00004/v01-scarce.sst" },
        { "segment-00004/v01-scarce.sst delete", StoreFindings.ScarceIndexDamaged, "segment-00004/v01-scarce.sst" },
        { "segment-00004/v01-bloom-filter.bin zero", StoreFindings.BloomFilterDamaged, "segment-00004/v01-bloom-filter.bin" },
        { "segment-00004/v01-bloom-filter.bin cut 1000", StoreFindings.BloomFilterDamaged, "segment-00004/v01-bloom-filter.bin" },
        { "segment-00004/manifest.txt delete", StoreFindings.SegmentManifestDamaged, "segment-00004/manifest.txt" },
        { "segment-00004/manifest.txt zero", StoreFindings.SegmentManifestDamaged, "segment-00004/manifest.txt" },
        { "index.map delete", StoreFindings.RouteMapMissing, "index.map" },
        { "index.map cut 30", StoreFindings.OrphanSegment, "segment-00004" },
        { "index.map cut 33", StoreFindings.RouteMapDamaged, "index.map" },
        { "manifest.txt delete", StoreFindings.ManifestMissing, "manifest.txt" },
        { "manifest.txt zero", StoreFindings.ManifestDamaged, "manifest.txt" },
        { "segment-00004 delete", StoreFindings.SegmentMissing, "segment-00004" },
    };

    [Theory]
    [MemberData(nameof(Harms))]
    public void Damage_is_named(string harm, string code, string file)
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        StoreHarm.Do(fixture.Path, harm);
        var before = TemporaryFolder.Snapshot(fixture.Path);
        var report = StoreChecker.Check(fixture.Path);
        Assert.False(report.Healthy);
        var expected = file.Replace('/', Path.DirectorySeparatorChar);
        Assert.Contains(report.Findings, f => f.Code == code && f.File == expected && f.Severity == FindingSeverity.Error);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));
    }

    [Theory]
    [InlineData("index.map delete", 4)]
    [InlineData("index.map cut 30", 2)]
    [InlineData("segment-00004 delete", 1)]
    public void It_says_what_HestiaStore_would_do(string harm, int verdicts)
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        StoreHarm.Do(fixture.Path, harm);
        var would = StoreChecker.Check(fixture.Path).Findings.Where(static f => f.Code == StoreFindings.HestiaStoreWould).ToList();
        Assert.Equal(verdicts, would.Count);
        Assert.All(would, static f => Assert.Contains("delete", f.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void An_empty_folder_that_HestiaStore_left_is_no_fault()
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        Directory.CreateDirectory(fixture["segment-00000"]);
        var report = StoreChecker.Check(fixture.Path);
        Assert.True(report.Healthy);
        Assert.Equal(10_000, report.Entries);
        Assert.Single(report.Findings);
        Assert.False(Hestia.HestiaStore.Repair.StoreRepairer.Repair(fixture.Path).Changed);
    }

    [Fact]
    public void Every_damaged_block_is_reported()
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        foreach (var at in new[] { 5_000, 21_000, 40_000 }) StoreHarm.Do(fixture.Path, $"segment-00003/v01-index.sst flip {at}");
        Assert.Equal([4_096L, 20_480L, 36_864L],
            StoreChecker.Check(fixture.Path).Findings.Where(static f => f.Code == StoreFindings.BlockDamaged).Select(static f => f.Offset!.Value).Order());
    }

    [Theory]
    [InlineData("schema.version=2", "schema.version=3", "3")]
    [InlineData("TypeDescriptorShortString", "TypeDescriptorFloat", "TypeDescriptorFloat")]
    [InlineData("decodingChunkFilters=p\\=magic-number", "decodingChunkFilters=p\\=aes-gcm", "aes-gcm")]
    public void What_is_not_understood_is_refused_by_name(string was, string now, string named)
    {
        using var fixture = new StoreFixture(StoreFixture.Closed);
        File.WriteAllText(fixture["manifest.txt"], File.ReadAllText(fixture["manifest.txt"]).Replace(was, now, StringComparison.Ordinal));
        Assert.True(StoreDirectory.IsStoreDirectory(fixture.Path));
        var refused = Assert.Throws<HestiaException>(() => StoreDirectory.Open(fixture.Path));
        Assert.Equal(HestiaErrorCode.FormatUnsupported, refused.Code);
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Blooms_and_checksums_are_the_known_ones()
    {
        Assert.Equal(0xCBF43926u, Crc32.Compute("123456789"u8));
        Assert.Equal(0xCBF43926u, Crc32.Append(Crc32.Compute("1234"u8), "56789"u8));
        Assert.Equal(0xB3DD93FAu, StoreBloomFilter.Murmur3("abc"u8, 0));
    }

    [Fact]
    public void Properties_are_read_as_Java_does()
    {
        var properties = JavaProperties.Parse("#c\n! d\n a = 1_000\nb\\ c:x\\u0041\\n\\\n   y\nempty\nk=v\nk=w\n"u8);
        Assert.Equal(1000, properties.Number("a"));
        Assert.Equal("xA\ny", properties.Text("b c"));
        Assert.Equal("", properties.Text("empty"));
        Assert.Equal("w", properties.Text("k"));
        Assert.Throws<InvalidDataException>(() => JavaProperties.Parse("a=\\u00"u8));
        Assert.Throws<InvalidDataException>(() => properties.Number("k"));
    }
}
