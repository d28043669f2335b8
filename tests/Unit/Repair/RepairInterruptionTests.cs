using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Repair;

namespace Hestia.Unit.Repair;

/// <summary>A repair that ends at any of its changes to the disk is completed by the next one, with the same entries in the end.</summary>
public sealed class RepairInterruptionTests : RepairTestBase
{
    public RepairInterruptionTests() => Build();

    public static TheoryData<Variant, int> Damages
    {
        get
        {
            var data = new TheoryData<Variant, int>();
            for (var damage = 0; damage < 6; damage++)
            {
                data.Add(Variant.Lean, damage);
                data.Add(Variant.Crashed, damage);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void Repair_killed_at_any_change_is_completed_by_the_next(Variant variant, int damage)
    {
        var damaged = Copy(SourceOf(variant), "damaged");
        Damage(damaged, damage);
        var whole = Copy(damaged, "whole");
        var counter = new InterruptedFileSystem();
        var report = IndexRepairer.Repair(counter, whole, new RepairOptions { AllowLoss = true });
        Assert.True(report.Changed);
        var expected = Entries(whole);
        for (var stop = 0; stop < counter.Changes; stop++)
        {
            var index = Copy(damaged, "interrupted");
            var before = Contents(index);
            Assert.ThrowsAny<HestiaException>(() =>
                IndexRepairer.Repair(new InterruptedFileSystem(stop), index, new RepairOptions { AllowLoss = true }));
            IndexRepairer.Repair(Disk, index, new RepairOptions { AllowLoss = true });
            var check = IndexChecker.Check(Disk, index, new CheckOptions { Deep = true });
            Assert.True(check.Healthy, $"stopped at {stop}: {string.Join('\n', check.Findings)}");
            foreach (var content in before.Except(Contents(index)))
                Assert.True(content.StartsWith(".wal", StringComparison.Ordinal), $"stopped at {stop}: {content} is gone");
            Assert.True(Same(expected, Entries(index)), $"stopped at {stop}: other entries");
            Assert.False(IndexRepairer.Repair(Disk, index).Changed, $"stopped at {stop}: repairing again changes something");
        }
    }

    private static Dictionary<string, byte[]> Entries(string index)
    {
        using var opened = HestiaIndex.Open(index, Tiny with { ReadOnly = true });
        return ReadAll(opened);
    }

    private static void Damage(string index, int damage)
    {
        var segments = Ordered(index, "segments");
        var logs = Ordered(index, "wal");
        var manifests = Ordered(index, "manifest");
        switch (damage)
        {
            case 0: // blocks of two segments and a record of the log
                Flip(segments[0], 60);
                Flip(segments[^1], 60);
                Flip(logs[0], 170);
                break;
            case 1:
                File.Delete(segments[segments.Count / 2]);
                foreach (var side in (string[])["archive.json", "backup.json"]) File.WriteAllText(Path.Combine(index, side), $"{side} it is not");
                Flip(Path.Combine(index, "index.json"), 200);
                break;
            case 2:
                Flip(manifests[^1], 100);
                Flip(logs[^1], 140);
                break;
            case 3:
                Directory.Delete(Path.Combine(index, "manifest"), recursive: true);
                File.Delete(logs[0]);
                break;
            case 4:
                File.Move(segments[0], segments[0] + ".swap");
                File.Move(segments[1], segments[0]);
                File.Move(segments[0] + ".swap", segments[1]);
                Flip(segments[2], (int)new FileInfo(segments[2]).Length - 10);
                break;
            default: // headers of the log
                foreach (var log in logs) Flip(log, 20);
                break;
        }
    }

    private static List<string> Ordered(string index, string folder) =>
        [.. Directory.GetFiles(Path.Combine(index, folder)).Order(StringComparer.Ordinal)];

    private static void Flip(string file, int at)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
    }
}
