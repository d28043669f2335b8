using Hestia.Core;
using Hestia.Core.Repair;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Repair;
using Hestia.HestiaStore.Wal;
using Hestia.Unit.Backup;

namespace Hestia.Unit.HestiaStore;

/// <summary>Repairing the directories of HestiaStore 1.0: nothing that is there is lost, nothing is deleted, and it can be done again.</summary>
public sealed class StoreRepairTests
{
    [Theory]
    [InlineData(StoreFixture.Split, "index.map delete")]
    [InlineData(StoreFixture.Split, "index.map cut 0")]
    [InlineData(StoreFixture.Split, "index.map cut 16")]
    [InlineData(StoreFixture.Split, "index.map cut 20")]
    [InlineData(StoreFixture.Split, "index.map cut 30")]
    [InlineData(StoreFixture.Split, "index.map cut 33")]
    [InlineData(StoreFixture.Split, "index.map zero")]
    [InlineData(StoreFixture.Split, "segment-00004/v01-scarce.sst delete")]
    [InlineData(StoreFixture.Split, "segment-00004/v01-scarce.sst flip 9")]
    [InlineData(StoreFixture.Split, "segment-00005/v01-bloom-filter.bin zero")]
    [InlineData(StoreFixture.Split, "segment-00005/manifest.txt delete")]
    [InlineData(StoreFixture.Split, "segment-00005/manifest.txt zero")]
    [InlineData(StoreFixture.Closed, "index.map delete")]
    [InlineData(StoreFixture.LongSnappy, "index.map delete")]
    [InlineData(StoreFixture.LongSnappy, "segment-00000/manifest.txt cut 100")]
    [InlineData(StoreFixture.WalClosed, "wal/format.meta delete")]
    [InlineData(StoreFixture.WalClosed, "wal/checkpoint.meta zero")]
    [InlineData(StoreFixture.WalCrashed, "wal/checkpoint.meta cut 12")]
    [InlineData(StoreFixture.WalCrashed, "index.map delete")]
    public void Without_loss_every_entry_is_there_again(string name, string harm)
    {
        using var fixture = new StoreFixture(name);
        File.Delete(fixture[".lock"]);
        foreach (var @lock in Directory.GetFiles(fixture.Path, ".lock", SearchOption.AllDirectories)) File.Delete(@lock);
        StoreHarm.Do(fixture.Path, harm);
        Assert.False(StoreChecker.Check(fixture.Path).Healthy);

        var before = TemporaryFolder.Snapshot(fixture.Path);
        var plan = StoreRepairer.Repair(fixture.Path, new RepairOptions { PlanOnly = true });
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));
        Assert.NotEmpty(plan.Actions);

        var report = StoreRepairer.Repair(fixture.Path);
        Assert.Empty(report.Lost);
        Assert.True(report.Changed);
        Assert.Equal(plan.Actions.Select(static a => a.Code), report.Actions.Select(static a => a.Code));
        AssertHolds(fixture, StoreFixture.Expected(name));
        AssertNothingGone(fixture, before);
        Assert.False(StoreRepairer.Repair(fixture.Path).Changed);
    }

    [Theory]
    [InlineData("segment-00004/v01-delta-0000.cache delete", 600)]
    [InlineData("segment-00004/v01-delta-0001.cache delete", 200)]
    [InlineData("segment-00004/v01-index.sst flip 5000", 300)]
    [InlineData("segment-00004/v01-index.sst cut 40960", 1500)]
    [InlineData("segment-00004/v01-index.sst delete", 2500)]
    [InlineData("segment-00004/v01-delta-0000.cache flip 5000", 500)]
    [InlineData("segment-00004 delete", 3000)]
    public void What_is_lost_is_said_and_needs_Force(string harm, int atMost)
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        StoreHarm.Do(fixture.Path, harm);
        var before = TemporaryFolder.Snapshot(fixture.Path);
        Assert.Equal(HestiaErrorCode.RepairWouldLoseData, Assert.Throws<HestiaException>(() => StoreRepairer.Repair(fixture.Path)).Code);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));

        var report = StoreRepairer.Repair(fixture.Path, new RepairOptions { AllowLoss = true });
        Assert.NotEmpty(report.Lost);
        AssertNothingGone(fixture, before);
        Assert.True(StoreChecker.Check(fixture.Path).Healthy);
        var all = StoreFixture.Expected(StoreFixture.Split).ToDictionary(static e => Convert.ToHexString(e.Key), static e => Convert.ToHexString(e.Value));
        var kept = Read(fixture.Path);
        Assert.InRange(all.Count - kept.Count, 1, atMost);
        Assert.All(kept, e => Assert.Equal(all[Convert.ToHexString(e.Key)], Convert.ToHexString(e.Value)));
    }

    [Fact]
    public void A_delta_file_that_is_not_counted_is_taken_in()
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        var path = fixture["segment-00003", "manifest.txt"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("DeltaFiles=2", "DeltaFiles=1", StringComparison.Ordinal));
        Assert.Contains(StoreChecker.Check(fixture.Path).Findings, static f => f.Code == StoreFindings.DeltaUncounted);
        Assert.Empty(StoreRepairer.Repair(fixture.Path).Lost);
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.Split));
    }

    [Fact]
    public void What_a_split_left_behind_goes_to_quarantine()
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        using (var other = new StoreFixture(StoreFixture.Split)) Directory.Move(other["segment-00004"],
            fixture["segment-00007"]); // as a child that never came into use
        var report = StoreRepairer.Repair(fixture.Path);
        Assert.Empty(report.Lost);
        Assert.Contains(report.Actions, static a => a.Code == StoreRepairActions.QuarantineSegment && a.File == "segment-00007");
        Assert.False(Directory.Exists(fixture["segment-00007"]));
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.Split));
    }

    [Fact]
    public void The_lock_of_a_dead_owner_is_taken_away_and_that_of_another_machine_is_not()
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        var body = StoreLock.Serialize(int.MaxValue - 1, null, StoreLock.HostName(), "s");
        File.WriteAllBytes(fixture[".lock"], body);
        File.WriteAllBytes(fixture["segment-00000", ".lock"], body);
        var report = StoreRepairer.Repair(fixture.Path);
        Assert.Equal(2, report.Actions.Count(static a => a.Code == StoreRepairActions.RemoveStaleLock));
        Assert.Equal(2, report.Quarantined.Count);
        Assert.DoesNotContain(Directory.GetFiles(fixture.Path, "*", SearchOption.AllDirectories), static f => Path.GetFileName(f) == ".lock");
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.WalCrashed));

        File.WriteAllBytes(fixture[".lock"], StoreLock.Serialize(7, null, "another-machine", "s"));
        Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => StoreRepairer.Repair(fixture.Path,
            new RepairOptions { AllowLoss = true })).Code);
    }

    [Theory]
    [InlineData(40, 12_000)]
    [InlineData(1, 12_000)]
    [InlineData(100, 11_998)]
    public void A_torn_tail_is_cut_and_kept(int cut, int lastLsn)
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        foreach (var @lock in Directory.GetFiles(fixture.Path, ".lock", SearchOption.AllDirectories)) File.Delete(@lock);
        var file = fixture["wal", "00000000000000000001.wal"];
        var bytes = File.ReadAllBytes(file);
        if (cut == 40) File.WriteAllBytes(file, [.. bytes, .. new byte[cut]]);
        else File.WriteAllBytes(file, bytes[..^cut]);
        if (cut != 40) lastLsn = cut == 1 ? 11_999 : 11_998;
        var report = StoreRepairer.Repair(fixture.Path);
        Assert.Empty(report.Lost);
        Assert.Equal((ulong)lastLsn, report.LastLsn.Value);
        Assert.Single(report.Quarantined);
        Assert.True(StoreWalInspector.Check(fixture.Path).Healthy);
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.WalCrashed)[..(lastLsn - 2_000)]);
    }

    [Theory]
    [InlineData("cut inside a record", StoreFindings.WalDamaged)]
    [InlineData("cut between records", StoreFindings.WalCheckpointAhead)]
    [InlineData("zeros from a record on", StoreFindings.WalDamaged)]
    [InlineData("zeros", StoreFindings.WalDamaged)]
    [InlineData("emptied", StoreFindings.WalCheckpointAhead)]
    [InlineData("taken away", StoreFindings.WalCheckpointAhead)]
    [InlineData("an empty file far behind", StoreFindings.WalGap)]
    [InlineData("an empty file far behind a torn one", StoreFindings.WalDamaged)]
    public void A_log_that_ends_below_its_checkpoint_is_no_torn_tail_and_a_loss(string harm, string code)
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        foreach (var @lock in Directory.GetFiles(fixture.Path, ".lock", SearchOption.AllDirectories)) File.Delete(@lock);
        var file = fixture["wal", "00000000000000000001.wal"];
        var bytes = File.ReadAllBytes(file);
        var (at, end) = (0, 0);
        foreach (var record in StoreWalInspector.ReadRecords(fixture.Path))
        {
            if (record.FirstLsn.Value == 4_552) at = (int)record.Offset;
            if (record.FirstLsn.Value == 10_500) end = (int)record.Offset;
        }

        File.Delete(file);
        byte[]? content = harm switch
        {
            "cut inside a record" => bytes[..(at + 20)],
            "cut between records" => bytes[..at],
            "zeros from a record on" => [.. bytes[..at], .. new byte[bytes.Length - at]],
            "zeros" => new byte[bytes.Length],
            "emptied" => [],
            "an empty file far behind" => bytes[..end],
            "an empty file far behind a torn one" => bytes[..(end + 20)],
            _ => null,
        };
        if (content is not null) File.WriteAllBytes(file, content);
        if (harm.StartsWith("an empty", StringComparison.Ordinal)) File.WriteAllBytes(fixture["wal", "00000000000000011001.wal"], []);

        var report = StoreChecker.Check(fixture.Path);
        var error = Assert.Single(report.Findings, static f => f.Severity == FindingSeverity.Error);
        Assert.Equal(code, error.Code);
        Assert.Equal(code == StoreFindings.WalGap ? HestiaErrorCode.WalGap : HestiaErrorCode.WalDamaged,
            Assert.Throws<HestiaException>(() => Read(fixture.Path)).Code);
        var before = TemporaryFolder.Snapshot(fixture.Path);
        Assert.Equal(HestiaErrorCode.RepairWouldLoseData, Assert.Throws<HestiaException>(() => StoreRepairer.Repair(fixture.Path)).Code);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));
        var isAbove = harm.StartsWith("an empty", StringComparison.Ordinal);
        var loss = Assert.Single(StoreRepairer.Repair(fixture.Path, new RepairOptions { AllowLoss = true }).Lost);
        Assert.Equal(isAbove ? (10_500UL, 11_000UL) : (10_001UL, null), (loss.FirstLsn!.Value.Value, loss.LastLsn?.Value));
        AssertHolds(fixture, isAbove ? StoreFixture.Expected(StoreFixture.WalClosed)[499..] : StoreFixture.Expected(StoreFixture.WalClosed));
        Assert.False(StoreRepairer.Repair(fixture.Path).Changed);
    }

    /// <summary>A new log file is made before its first record, and the ones before it go once their operations are in segments.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(300)]
    public void A_crash_may_leave_a_last_file_that_begins_behind_the_checkpoint_and_has_no_record(int zeros)
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        foreach (var @lock in Directory.GetFiles(fixture.Path, ".lock", SearchOption.AllDirectories)) File.Delete(@lock);
        File.Delete(fixture["wal", "00000000000000000001.wal"]);
        File.WriteAllBytes(fixture["wal", "00000000000000010001.wal"], new byte[zeros]);
        Assert.Equal(zeros == 0, StoreChecker.Check(fixture.Path).Healthy);
        Assert.Equal(10_000, Read(fixture.Path).Count);
        var report = StoreRepairer.Repair(fixture.Path);
        Assert.Empty(report.Lost);
        Assert.Equal(zeros > 0, report.Changed);
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.WalClosed));
    }

    /// <summary>What is good above the checkpoint may be nothing: the new log is empty then, and as whole as any.</summary>
    [Fact]
    public void A_log_without_operations_above_the_checkpoint_is_written_anew_as_an_empty_one()
    {
        using var fixture = new StoreFixture(StoreFixture.WalClosed);
        StoreHarm.Do(fixture.Path, "wal/" + Path.GetFileName(Directory.GetFiles(fixture["wal"], "*.wal").Single()) + " flip 5000");
        Assert.Empty(StoreRepairer.Repair(fixture.Path).Lost);
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.WalClosed));
    }

    [Fact]
    public void Damage_below_the_checkpoint_costs_nothing_and_damage_above_it_one_operation()
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        foreach (var @lock in Directory.GetFiles(fixture.Path, ".lock", SearchOption.AllDirectories)) File.Delete(@lock);
        StoreHarm.Do(fixture.Path, "wal/00000000000000000001.wal flip 5000");
        Assert.Equal(HestiaErrorCode.WalDamaged, Assert.Throws<HestiaException>(() => Read(fixture.Path)).Code);
        Assert.Empty(StoreRepairer.Repair(fixture.Path).Lost);
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.WalCrashed));

        // Of what is left, 2,000 operations, the last 1,000 are puts.
        var file = Directory.GetFiles(fixture["wal"], "*.wal").Single();
        StoreHarm.Do(fixture.Path, $"wal/{Path.GetFileName(file)} flip {new FileInfo(file).Length - 500}");
        Assert.Equal(HestiaErrorCode.RepairWouldLoseData, Assert.Throws<HestiaException>(() => StoreRepairer.Repair(fixture.Path)).Code);
        var report = StoreRepairer.Repair(fixture.Path, new RepairOptions { AllowLoss = true });
        Assert.Single(report.Lost);
        Assert.Equal(9_999, Read(fixture.Path).Count);
        Assert.True(StoreWalInspector.Check(fixture.Path).Healthy);
    }

    [Fact]
    public void A_repair_that_was_killed_between_the_two_logs_is_ended()
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        foreach (var @lock in Directory.GetFiles(fixture.Path, ".lock", SearchOption.AllDirectories)) File.Delete(@lock);
        Directory.Move(fixture["wal"], fixture["wal.repaired"]);
        Assert.Empty(StoreRepairer.Repair(fixture.Path).Lost);
        AssertHolds(fixture, StoreFixture.Expected(StoreFixture.WalCrashed));
    }

    [Fact]
    public void Without_its_manifest_nothing_is_touched()
    {
        using var fixture = new StoreFixture(StoreFixture.Split);
        File.Delete(fixture["manifest.txt"]);
        var before = TemporaryFolder.Snapshot(fixture.Path);
        Assert.Equal(HestiaErrorCode.NotRepairable, Assert.Throws<HestiaException>(() => StoreRepairer.Repair(fixture.Path,
            new RepairOptions { AllowLoss = true })).Code);
        Assert.Equal(before, TemporaryFolder.Snapshot(fixture.Path));
    }

    internal static List<(byte[] Key, byte[] Value)> Read(string path)
    {
        using var reader = StoreDirectory.Open(path).ReadEntries(new StoreReadOptions { AllowUnknownOwner = true });
        var entries = new List<(byte[], byte[])>();
        while (reader.Read()) entries.Add((reader.Key.ToArray(), reader.Value.ToArray()));
        return entries;
    }

    private static void AssertHolds(StoreFixture fixture, List<(byte[] Key, byte[] Value)> expected)
    {
        var report = StoreChecker.Check(fixture.Path);
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        Assert.Equal(expected.Count, report.Entries);
        var entries = Read(fixture.Path);
        Assert.Equal(expected.Count, entries.Count);
        for (var i = 0; i < entries.Count; i++)
        {
            Assert.True(entries[i].Key.AsSpan().SequenceEqual(expected[i].Key));
            Assert.True(entries[i].Value.AsSpan().SequenceEqual(expected[i].Value));
        }
    }

    /// <summary>Every byte that was there is still somewhere.</summary>
    private static void AssertNothingGone(StoreFixture fixture, SortedDictionary<string, string> before)
    {
        var now = TemporaryFolder.Snapshot(fixture.Path).Values.ToHashSet();
        foreach (var (name, hash) in before)
            Assert.True(now.Contains(hash), $"{name} is gone");
    }
}
