using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Repair;

namespace Hestia.Unit.Repair;

/// <summary>Every kind of damage to every kind of file, on a crashed and on a closed index.</summary>
public sealed class RepairDamageTests : RepairTestBase
{
    public static TheoryData<bool> Both => [true, false];

    public RepairDamageTests() => Build();

    [Theory]
    [MemberData(nameof(Both))]
    public void Healthy_index_is_left_alone(bool crashed)
    {
        var index = Copy(crashed ? Crashed : Clean, "copy");
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
    [MemberData(nameof(Both))]
    public void Deleted_files(bool crashed)
    {
        foreach (var file in Names(crashed)) Run(crashed, $"delete {file}", index => File.Delete(Path.Combine(index, file)));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public void Truncated_files(bool crashed)
    {
        foreach (var file in Names(crashed))
        {
            var length = new FileInfo(Path.Combine(crashed ? Crashed : Clean, file)).Length;
            // Each file in two of these ways.
            var lengths = new[] { 0, length / 3, length - 1, 1, length / 2, length - 30 };
            var first = file.Length + (int)(length % 3);
            foreach (var to in new[] { lengths[first % 6], lengths[(first + 2) % 6] })
                Run(crashed, $"truncate {file} to {to}", index => Cut(Path.Combine(index, file), Math.Max(0, to)));
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public void Zeroed_pages_and_garbage(bool crashed)
    {
        foreach (var file in Names(crashed))
        {
            var length = new FileInfo(Path.Combine(crashed ? Crashed : Clean, file)).Length;
            for (long at = 0; at < length; at += Math.Max(4096, length / 2 / 4096 * 4096))
            {
                Run(crashed, $"zero {file} at {at}", index => Change(Path.Combine(index, file), bytes => bytes.AsSpan((int)at, (int)Math.Min(4096, bytes.Length - at)).Clear()));
            }

            Run(crashed, $"append to {file}", index => File.AppendAllText(Path.Combine(index, file), "some garbage at the end"));
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public void Swapped_files(bool crashed)
    {
        var names = Names(crashed).ToList();
        for (var i = 0; i < names.Count; i++)
        {
            for (var j = i + 1; j < names.Count; j++)
            {
                if (Path.GetExtension(names[i]) != Path.GetExtension(names[j]) || (i + j) % 5 != 0) continue;
                Run(crashed, $"swap {names[i]} and {names[j]}", index => Swap(Path.Combine(index, names[i]), Path.Combine(index, names[j])));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public void Flipped_bytes_are_reported_or_without_effect(bool crashed)
    {
        var index = Copy(crashed ? Crashed : Clean, "flip");
        var flips = 0;
        foreach (var name in Names(crashed))
        {
            var file = Path.Combine(index, name);
            var bytes = File.ReadAllBytes(file);
            var used = UsedLength(bytes);
            var step = Math.Max(7, used / 60);
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

        Assert.True(flips > 500, $"{flips} flips");
        Assert.True(IndexChecker.Check(Disk, index).Healthy);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public void Flipped_bytes_are_repaired(bool crashed)
    {
        var random = new Random(crashed ? 1 : 2);
        foreach (var name in Names(crashed))
        {
            var used = UsedLength(File.ReadAllBytes(Path.Combine(crashed ? Crashed : Clean, name)));
            for (var i = 0; i < 2; i++)
            {
                var at = random.Next(used);
                Run(crashed, $"flip {name}@{at}", index => Change(Path.Combine(index, name), bytes => bytes[at] ^= 0x10));
            }
        }
    }

    [Fact]
    public void Several_damages_at_once()
    {
        var random = new Random(5);
        var names = Names(crashed: true).ToList();
        for (var round = 0; round < 25; round++)
        {
            var seed = random.Next();
            Run(crashed: true, $"several {seed}", index =>
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
    [MemberData(nameof(Both))]
    public void All_manifests_gone(bool crashed)
    {
        Run(crashed, "all manifests", index => Directory.Delete(Path.Combine(index, "manifest"), recursive: true));
        Run(crashed, "all manifests and the log", index =>
        {
            Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
            foreach (var file in Directory.GetFiles(Path.Combine(index, "wal"))) File.Delete(file);
        });
        Run(crashed, "all manifests and index.json", index =>
        {
            Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
            Cut(Path.Combine(index, "index.json"), 100);
        });
        Run(crashed, "newest manifest and half the log", index =>
        {
            Cut(Directory.GetFiles(Path.Combine(index, "manifest")).Order(StringComparer.Ordinal).Last(), 50);
            var log = Directory.GetFiles(Path.Combine(index, "wal")).Order(StringComparer.Ordinal).ToList();
            File.Delete(log[log.Count / 2]);
        });
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
        Assert.Contains(IndexRepairer.Repair(Disk, index).Actions, a => a.Code == RepairActions.RebuildSettings && a.Message.Contains("keyEncoding", StringComparison.Ordinal));
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
        Assert.Equal(HestiaErrorCode.PathNotFound, Assert.Throws<HestiaException>(() => IndexRepairer.Repair(Path.Combine(Root, "none"))).Code);
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

    private IEnumerable<string> Names(bool crashed)
    {
        var root = crashed ? Crashed : Clean;
        return Files(root).Select(f => Path.GetRelativePath(root, f));
    }

    private void Run(bool crashed, string what, Action<string> damage)
    {
        var source = crashed ? Crashed : Clean;
        var index = Copy(source, "damaged");
        damage(index);
        what = $"{(crashed ? "crashed" : "clean")}, {what}";
        var opening = Copy(index, "opening");
        AssertReportedOrHarmless(opening, what);
        AssertOpensRightOrRefuses(opening, what);
        if (!File.Exists(Path.Combine(index, "index.json")) && Directory.GetFiles(index).Length == 0) return;
        AssertRepairs(index, what);
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
        Assert.True(report.Entries == ModelAt(report.LastLsn.Value).Count && !Directory.Exists(Path.Combine(index, "none")), $"{what}: not reported\n{string.Join('\n', report.Findings)}");
        Assert.True(what.Contains(".wal", StringComparison.Ordinal) || what.Contains("several", StringComparison.Ordinal), $"{what}: not reported");
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
