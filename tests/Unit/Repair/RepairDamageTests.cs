using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Repair;

namespace Hestia.Unit.Repair;

/// <summary>Every kind of damage to every kind of file, on a crashed and on a closed index.</summary>
public sealed class RepairDamageTests : RepairTestBase
{
    public static TheoryData<Variant> All => [Variant.Crashed, Variant.Clean, Variant.Lean];

    public static TheoryData<Variant> Killed => [Variant.Crashed, Variant.Lean];

    public RepairDamageTests() => Build();

    [Theory]
    [MemberData(nameof(All))]
    public void Healthy_index_is_left_alone(Variant variant)
    {
        var index = Copy(SourceOf(variant), "copy");
        var before = Contents(index);
        var report = IndexRepairer.Repair(Disk, index);
        Assert.False(report.Changed);
        Assert.Empty(report.Actions);
        Assert.Empty(report.Lost);
        Assert.True(before.SetEquals(Contents(index)));
        Assert.Equal(ModelAt(ulong.MaxValue).Count, report.EntriesKept);
        AssertHoldsAllButLost(index, report, "healthy");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Deleted_files(Variant variant)
    {
        foreach (var file in Names(variant)) Run(variant, $"delete {file}", index => File.Delete(Path.Combine(index, file)));
    }

    [Theory]
    [MemberData(nameof(Killed))]
    public void Truncated_files(Variant variant)
    {
        foreach (var file in Names(variant))
        {
            var length = new FileInfo(Path.Combine(SourceOf(variant), file)).Length;
            // Each file in two of these ways.
            var lengths = new[] { 0, length / 3, length - 1, 1, length / 2, length - 30 };
            var first = file.Length + (int)(length % 3);
            foreach (var to in variant == Variant.Lean ? [lengths[first % 6], lengths[(first + 2) % 6]] : (long[])[lengths[first % 6]])
                Run(variant, $"truncate {file} to {to}", index => Cut(Path.Combine(index, file), Math.Max(0, to)));
        }
    }

    [Theory]
    [MemberData(nameof(Killed))]
    public void Zeroed_pages_and_garbage(Variant variant)
    {
        foreach (var file in Names(variant))
        {
            var length = new FileInfo(Path.Combine(SourceOf(variant), file)).Length;
            for (long at = 0; at < length; at += Math.Max(4096, (variant == Variant.Lean ? length / 2 : length) / 4096 * 4096))
            {
                Run(variant, $"zero {file} at {at}", index =>
                    Change(Path.Combine(index, file), bytes => bytes.AsSpan((int)at, (int)Math.Min(4096, bytes.Length - at)).Clear()));
            }

            Run(variant, $"append to {file}", index => File.AppendAllText(Path.Combine(index, file), "some garbage at the end"));
        }
    }

    [Theory]
    [MemberData(nameof(Killed))]
    public void Swapped_files(Variant variant)
    {
        var names = Names(variant).ToList();
        for (var i = 0; i < names.Count; i++)
        {
            for (var j = i + 1; j < names.Count; j++)
            {
                if (Path.GetExtension(names[i]) != Path.GetExtension(names[j]) || (i + j) % 5 != 0) continue;
                Run(variant, $"swap {names[i]} and {names[j]}", index =>
                    Swap(Path.Combine(index, names[i]), Path.Combine(index, names[j])));
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Flipped_bytes_are_reported_or_without_effect(Variant variant)
    {
        var index = Copy(SourceOf(variant), "flip");
        var flips = 0;
        foreach (var name in Names(variant))
        {
            var file = Path.Combine(index, name);
            var bytes = File.ReadAllBytes(file);
            var used = UsedLength(bytes);
            var step = Math.Max(7, used / (variant == Variant.Lean ? 60 : 25));
            for (var at = 0; at < used; at += at < 24 || at > used - 24 ? 5 : step)
            {
                var bit = (byte)(1 << (at % 8));
                bytes[at] ^= bit;
                File.WriteAllBytes(file, bytes);
                AssertReportedOrHarmless(index, $"flip {name}@{at}");
                bytes[at] ^= bit;
                flips++;
            }

            File.WriteAllBytes(file, bytes);
        }

        Assert.True(flips > 300, $"{flips} flips");
        Assert.True(IndexChecker.Check(Disk, index).Healthy);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Flipped_bytes_are_repaired(Variant variant)
    {
        var random = new Random((int)variant);
        foreach (var name in Names(variant))
        {
            var used = UsedLength(File.ReadAllBytes(Path.Combine(SourceOf(variant), name)));
            for (var i = 0; i < (variant == Variant.Lean ? 3 : 1); i++)
            {
                var at = random.Next(used);
                Run(variant, $"flip {name}@{at}", index => Change(Path.Combine(index, name), bytes => bytes[at] ^= 0x10));
            }
        }
    }

    [Fact]
    public void Losses_are_told_to_the_block_and_the_record()
    {
        var live = ManifestSurvey.Make(Disk, Lean).All[0].Document!;
        foreach (var segment in live.Segments)
        {
            var name = Path.Combine("segments", segment.Id + ".seg");
            var report = Run(Variant.Lean, $"block of {name}", index => Change(Path.Combine(index, name), bytes => bytes[60] ^= 1));
            // The first block, or the large value in front of it.
            Assert.NotEmpty(report.Lost);
            var kept = ModelAt(ulong.MaxValue).Count - report.EntriesKept;
            Assert.InRange(kept, -60, 60);
            foreach (var loss in report.Lost)
            {
                Assert.Equal(segment.MinLsn, loss.FirstLsn);
                Assert.Equal(segment.MaxLsn, loss.LastLsn);
                if (segment.Entries > 100) Assert.True(loss.LastKey.AsSpan().SequenceCompareTo(segment.UpperBound) < 0, loss.Message);
            }

            Assert.Contains(report.Actions, a => a.Code == RepairActions.SalvageSegment);
        }

        var first = Directory.GetFiles(Path.Combine(Lean, "wal")).Order(StringComparer.Ordinal).First();
        var damaged = Run(Variant.Lean, "record", index =>
            Change(Path.Combine(index, "wal", Path.GetFileName(first)), bytes => bytes[128 + 50] ^= 1));
        var lost = Assert.Single(damaged.Lost);
        Assert.Equal(live.Checkpoint.Next, lost.FirstLsn);
        Assert.Equal(4UL, lost.LastLsn!.Value.Value - lost.FirstLsn!.Value.Value + 1);
        Assert.Null(lost.FirstKey);
        Assert.Equal(History[^1].Lsn, damaged.LastLsn.Value);
        Assert.Contains(damaged.Actions, a => a.Code == RepairActions.SalvageLog);
    }

    [Fact]
    public void Every_way_of_repairing_is_taken()
    {
        foreach (var name in Names(Variant.Lean))
        {
            Run(Variant.Lean, $"delete {name}", index => File.Delete(Path.Combine(index, name)));
            Run(Variant.Lean, $"half of {name}", index =>
                Cut(Path.Combine(index, name), new FileInfo(Path.Combine(index, name)).Length / 2));
        }

        var segments = Directory.GetFiles(Path.Combine(Lean, "segments")).Select(Path.GetFileName).ToList();
        Run(Variant.Lean, "swap", index =>
            Swap(Path.Combine(index, "segments", segments[0]!), Path.Combine(index, "segments", segments[1]!)));
        Run(Variant.Lean, "no manifests", index => Directory.Delete(Path.Combine(index, "manifest"), recursive: true));
        Run(Variant.Crashed, "old manifest", index =>
            Cut(Directory.GetFiles(Path.Combine(index, "manifest")).Order(StringComparer.Ordinal).Last(), 9));
        Run(Variant.Crashed, "old manifest and torn log", index =>
        {
            Cut(Directory.GetFiles(Path.Combine(index, "manifest")).Order(StringComparer.Ordinal).Last(), 9);
            foreach (var log in Directory.GetFiles(Path.Combine(index, "wal"))) Cut(log, new FileInfo(log).Length / 3);
        });
        var log = Directory.GetFiles(Path.Combine(Lean, "wal")).Order(StringComparer.Ordinal).Last();
        var end = UsedLength(File.ReadAllBytes(log));
        Run(Variant.Lean, "torn tail", index => Cut(Path.Combine(index, "wal", Path.GetFileName(log)), end - 3));
        Run(Variant.Lean, "archive.json is not one", index => File.WriteAllText(Path.Combine(index, "archive.json"), "{}"));
        var missing = typeof(RepairActions).GetFields().Select(f => (string)f.GetValue(null)!).Except(ActionsTaken).ToList();
        Assert.True(missing.Count == 0, $"never taken: {string.Join(", ", missing)}");
    }

    [Fact]
    public void Several_damages_at_once()
    {
        var random = new Random(5);
        var names = Names(Variant.Lean).ToList();
        for (var round = 0; round < 25; round++)
        {
            var seed = random.Next();
            Run(Variant.Lean, $"several {seed}", index =>
            {
                var dice = new Random(seed);
                for (var i = 0; i < 3; i++)
                {
                    var file = Path.Combine(index, names[dice.Next(names.Count)]);
                    if (!File.Exists(file)) continue;
                    switch (dice.Next(4))
                    {
                        case 0:
                            File.Delete(file);
                            break;
                        case 1:
                            Cut(file, dice.Next((int)new FileInfo(file).Length + 1));
                            break;
                        default:
                            Change(file, bytes => bytes[dice.Next(UsedLength(bytes))] ^= 0x01);
                            break;
                    }
                }
            });
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void All_manifests_gone(Variant variant)
    {
        Run(variant, "all manifests", index => Directory.Delete(Path.Combine(index, "manifest"), recursive: true));
        Run(variant, "all manifests and the log", index =>
        {
            Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
            foreach (var file in Directory.GetFiles(Path.Combine(index, "wal"))) File.Delete(file);
        });
        Run(variant, "all manifests and index.json", index =>
        {
            Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
            Cut(Path.Combine(index, "index.json"), 100);
        });
        Run(variant, "newest manifest and half the log", index =>
        {
            Cut(Directory.GetFiles(Path.Combine(index, "manifest")).Order(StringComparer.Ordinal).Last(), 50);
            var log = Directory.GetFiles(Path.Combine(index, "wal")).Order(StringComparer.Ordinal).ToList();
            File.Delete(log[log.Count / 2]);
        });
    }

    [Fact]
    public void Without_any_manifest_the_lsn_of_each_entry_ranks_it()
    {
        // Nothing retired lies about, so what the segments and the log hold is the index, to the last entry.
        var index = Copy(Lean, "copy");
        Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
        var report = IndexRepairer.Repair(Disk, index, new RepairOptions { AllowLoss = true });
        Assert.Contains(report.Actions, a => a.Code == RepairActions.MergeSegments);
        Assert.Contains(report.Actions, a => a.Code == RepairActions.AdoptSegments);
        using (var opened = HestiaIndex.Open(index, Tiny)) Assert.True(Same(ModelAt(ulong.MaxValue), ReadAll(opened)));

        // And without the log, the index as of the last flush.
        var checkpoint = ManifestSurvey.Make(Disk, Lean).All[0].Document!.Checkpoint;
        index = Copy(Lean, "copy");
        Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
        Directory.Delete(Path.Combine(index, "wal"), recursive: true);
        IndexRepairer.Repair(Disk, index, new RepairOptions { AllowLoss = true });
        using (var opened = HestiaIndex.Open(index, Tiny)) Assert.True(Same(ModelAt(checkpoint.Value), ReadAll(opened)));
    }

    [Fact]
    public void Settings_keep_what_can_be_read_of_them()
    {
        var index = Copy(Clean, "copy");
        Change(Path.Combine(index, "index.json"), bytes => bytes[^10] ^= 1);
        var report = IndexRepairer.Repair(Disk, index);
        Assert.Empty(report.Lost);
        Assert.Equal("damaged", report.Name);
        using (var opened = HestiaIndex.Open(index, Tiny)) Assert.Equal(DataEncoding.Utf8, opened.Settings.KeyEncoding);
        File.Delete(Path.Combine(index, "index.json"));
        Assert.Contains(IndexRepairer.Repair(Disk, index).Actions, a => a.Code == RepairActions.RebuildSettings
            && a.Message.Contains("keyEncoding", StringComparison.Ordinal));
        using (var opened = HestiaIndex.Open(index, Tiny)) Assert.Equal(DataEncoding.Bytes, opened.Settings.KeyEncoding);
    }

    [Fact]
    public void Lossy_repair_begins_a_new_timeline_and_others_do_not()
    {
        var index = Copy(Crashed, "copy");
        var before = Timeline(index);
        var manifests = Directory.GetFiles(Path.Combine(index, "manifest")).Order(StringComparer.Ordinal).ToList();
        Cut(manifests[^1], 10);
        Assert.Empty(IndexRepairer.Repair(Disk, index).Lost);
        Assert.Equal(before, Timeline(index));
        foreach (var log in Directory.GetFiles(Path.Combine(index, "wal"))) Cut(log, new FileInfo(log).Length / 3);
        foreach (var segment in Directory.GetFiles(Path.Combine(index, "segments"))) Cut(segment, new FileInfo(segment).Length / 2);
        Assert.NotEmpty(IndexRepairer.Repair(Disk, index, new RepairOptions { AllowLoss = true }).Lost);
        Assert.NotEqual(before, Timeline(index));
    }

    [Fact]
    public void Refusals()
    {
        Assert.Equal(HestiaErrorCode.NotAnIndex, Assert.Throws<HestiaException>(() => IndexRepairer.Repair(Root)).Code);
        Assert.Equal(HestiaErrorCode.PathNotFound,
            Assert.Throws<HestiaException>(() => IndexRepairer.Repair(Path.Combine(Root, "none"))).Code);
        var index = Copy(Clean, "copy");
        using (HestiaIndex.Open(index, Tiny))
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => IndexRepairer.Repair(Disk, index)).Code);
    }

    private static string Timeline(string index)
    {
        var text = File.ReadAllText(Directory.GetFiles(Path.Combine(index, "manifest")).Order(StringComparer.Ordinal).Last());
        var at = text.IndexOf("\"timeline\"", StringComparison.Ordinal);
        return text.Substring(at, 60);
    }

    private IEnumerable<string> Names(Variant variant)
    {
        var root = SourceOf(variant);
        return Files(root).Select(f => Path.GetRelativePath(root, f));
    }

    private RepairReport Run(Variant variant, string what, Action<string> damage)
    {
        var source = SourceOf(variant);
        var index = Copy(source, "damaged");
        damage(index);
        what = $"{variant}, {what}";
        var opening = Copy(index, "opening");
        AssertReportedOrHarmless(opening, what);
        AssertOpensRightOrRefuses(opening, what);
        return AssertRepairs(index, what);
    }

    /// <summary>Either the check reports it, or a reader sees every acknowledged write all the same.</summary>
    private void AssertReportedOrHarmless(string index, string what)
    {
        CheckReport report;
        try
        {
            report = IndexChecker.Check(Disk, index);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.NotAnIndex)
        {
            return;
        }

        if (report.Findings.Any(f => f.Severity != FindingSeverity.Information || f.Code is "WalTornTail")) return;
        if (report.LastLsn.Value == History[^1].Lsn && report.Entries == ModelAt(ulong.MaxValue).Count) return;
        // The log's last files gone whole leave no trace: it is what a crash before those writes leaves.
        Assert.True(report.Entries == ModelAt(report.LastLsn.Value).Count,
            $"{what}: not reported\n{string.Join('\n', report.Findings)}");
        Assert.True(what.Contains(".wal", StringComparison.Ordinal) || what.Contains("several", StringComparison.Ordinal),
            $"{what}: not reported");
    }

    private static int UsedLength(byte[] bytes) => Math.Max(1, bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1);

    private static void Cut(string file, long to)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Write);
        stream.SetLength(to);
    }

    private static void Change(string file, Action<byte[]> change)
    {
        var bytes = File.ReadAllBytes(file);
        if (bytes.Length == 0) return;
        change(bytes);
        File.WriteAllBytes(file, bytes);
    }

    private static void Swap(string one, string other)
    {
        File.Move(one, one + ".swap");
        File.Move(other, one);
        File.Move(one + ".swap", other);
    }
}
