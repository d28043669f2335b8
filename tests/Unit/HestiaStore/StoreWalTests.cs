using System.Text.Json;
using Hestia.Core;
using Hestia.Core.Wal;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Wal;
using Hestia.Unit.Backup;

namespace Hestia.Unit.HestiaStore;

/// <summary>The log of HestiaStore beside the verdicts of its own verifier.</summary>
public sealed class StoreWalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public StoreWalTests() => StoreFixture.Extract("wal-damage", _folder.Path);

    public static TheoryData<string> Cases =>
    [
        "clean", "checkpoint-bad-checksum", "duplicate-lsn", "flip-body-middle-first-file", "flip-crc-last-file", "flip-length", "format-version-2",
        "garbage-appended", "missing-first-file", "torn-tail", "zero-tail",
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_agrees_with_HestiaStores_verifier_where_that_is_right(string name)
    {
        var folder = _folder["waldamage", name];
        var before = TemporaryFolder.Snapshot(folder);
        var report = StoreWalInspector.Check(Path.Combine(folder, "wal"));
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "wal_verify.json")));
        var theirs = json.RootElement;
        var ok = theirs.GetProperty("ok").GetBoolean();
        Assert.Equal(before, TemporaryFolder.Snapshot(folder));
        if (name == "missing-first-file")
        {
            Assert.True(ok); // which is where it is wrong
            var gap = Assert.Single(report.Findings);
            Assert.Equal(StoreFindings.WalGap, gap.Code);
            Assert.Equal((10_001UL, 11_028UL), (gap.FirstLsn!.Value.Value, gap.LastLsn!.Value.Value));
            Assert.False(report.Healthy);
            return;
        }

        Assert.Equal(ok, report.Healthy);
        if (ok) Assert.Empty(report.Findings);
        else
        {
            var finding = Assert.Single(report.Findings, static f => f.Severity == FindingSeverity.Error);
            Assert.Equal(theirs.GetProperty("errorFile").GetString(), finding.File);
            var offset = theirs.GetProperty("errorOffset").GetInt64();
            Assert.Equal(offset < 0 ? null : offset, finding.Offset);
            if (offset >= 0) Assert.StartsWith(theirs.GetProperty("errorMessage").GetString()!, finding.Message, StringComparison.Ordinal);
        }

        if (theirs.GetProperty("files").GetInt32() == 0) return; // it ended at the metadata, and this goes on
        Assert.Equal(theirs.GetProperty("files").GetInt32(), report.Files);
        Assert.Equal(theirs.GetProperty("records").GetInt64(), report.Records);
        Assert.Equal((ulong)theirs.GetProperty("maxLsn").GetInt64(), report.LastLsn.Value);
    }

    [Theory]
    [InlineData("flip-body-middle-first-file", StoreFindings.WalDamaged, 10_066UL, 10_066UL)]
    [InlineData("flip-crc-last-file", StoreFindings.WalDamaged, 11_353UL, 11_353UL)]
    [InlineData("flip-length", StoreFindings.WalDamaged, 11_353UL, 11_353UL)]
    [InlineData("torn-tail", StoreFindings.WalTornTail, 12_000UL, null)]
    [InlineData("zero-tail", StoreFindings.WalTornTail, 12_001UL, null)]
    [InlineData("garbage-appended", StoreFindings.WalTornTail, 12_001UL, null)]
    public void It_says_what_is_behind_the_damage(string name, string code, ulong first, ulong? last)
    {
        var finding = Assert.Single(StoreWalInspector.Check(_folder["waldamage", name, "wal"]).Findings);
        Assert.Equal(code, finding.Code);
        Assert.Equal(first, finding.FirstLsn?.Value);
        Assert.Equal(last, finding.LastLsn?.Value);
    }

    [Fact]
    public void It_says_that_HestiaStore_refuses_a_log_of_another_version() =>
        Assert.Equal("HestiaStore would refuse to open the index.", StoreWalInspector.Check(_folder["waldamage", "format-version-2", "wal"]).OpenWould);

    [Fact]
    public void An_index_without_a_log_is_said_to_be_one()
    {
        using var fixture = new StoreFixture(StoreFixture.Closed);
        if (Directory.Exists(fixture["wal"])) Directory.Delete(fixture["wal"], recursive: true);
        Assert.Equal(HestiaErrorCode.PathNotFound, Assert.Throws<HestiaException>(() => StoreWalInspector.Check(fixture.Path)).Code);
    }

    [Fact]
    public void Records_are_read_behind_damage_and_damage_is_marked()
    {
        var records = StoreWalInspector.ReadRecords(_folder["waldamage", "flip-length", "wal"]).ToList();
        var damage = Assert.Single(records, static r => r.Damage is not null);
        Assert.Equal((21_708L, 67L, 11_353UL), (damage.Offset, damage.Bytes, damage.FirstLsn.Value));
        Assert.Equal(2_896, records.Count - 1);
        Assert.Equal(12_000UL, records[^1].LastLsn.Value);
    }

    [Fact]
    public void Records_of_an_index_are_chosen_by_LSN_key_and_number()
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        var types = StoreWalInspector.TypesNear(fixture["wal"])!.Value;
        Assert.Equal("ShortString", types.Keys.Name);
        var last = StoreWalInspector.ReadRecords(fixture.Path, new WalReadOptions { Last = 2 }).ToList();
        Assert.Equal([11_999UL, 12_000UL], last.Select(static r => r.LastLsn.Value));
        Assert.Equal("key-0000010999", types.Keys.Decode(last[1].Operations[0].Key));
        var range = StoreWalInspector.ReadRecords(fixture.Path, new WalReadOptions { FromLsn = new Lsn(10_001), ToLsn = new Lsn(10_003) }).ToList();
        Assert.All(range, static r => Assert.Equal(OperationKind.Delete, r.Operations[0].Kind));
        Assert.Equal(3, range.Count);
        var key = types.Keys.Encode("key-0000000007");
        Assert.Equal([2_158UL, 10_008UL], StoreWalInspector.ReadRecords(fixture.Path, new WalReadOptions { Key = key }).Select(static r => r.LastLsn.Value));
    }

    [Fact]
    public void A_log_that_does_not_fit_into_memory_is_merged_from_disk()
    {
        var type = Hestia.HestiaStore.Types.StoreType.Find("Long");
        using var overlay = new WalOverlay(type, null, budget: 4096);
        var random = new Random(7);
        var expected = new SortedDictionary<long, long?>();
        for (var i = 0; i < 5_000; i++)
        {
            var key = random.Next(-500, 500);
            var isDelete = i % 5 == 0;
            expected[key] = isDelete ? null : i;
            overlay.Add(type.Encode(key), isDelete ? [] : type.Encode((long)i), isDelete);
        }

        var sources = overlay.TakeSources();
        Assert.True(sources.Count > 10);
        using var merged = new Hestia.HestiaStore.Reading.MergedSource(type, sources);
        foreach (var (key, value) in expected)
        {
            Assert.True(merged.MoveNext());
            Assert.Equal(key, type.Decode(merged.Key));
            Assert.Equal(value is null, merged.IsTombstone);
            if (value is not null) Assert.Equal(value, type.Decode(merged.Value));
        }

        Assert.False(merged.MoveNext());
    }
}
