using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Repair;
using Hestia.Unit.Crashes;
using Hestia.Unit.Index;

namespace Hestia.Unit.Repair;

/// <summary>
/// A process that repairs is killed at random moments, often several times over the same index; the next repair ends with what one that was
/// left alone ends with, and not a byte of the damaged index is gone.
/// </summary>
public sealed class RepairKillTests(ITestOutputHelper output) : IndexTestBase
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static IndexOptions Options => new() { MemtableBytes = 1 << 20, Level1Bytes = 2 << 20, SegmentBytes = 512 << 10, RetiredAge = TimeSpan.Zero };

    [Fact]
    public void Killed_repair_is_completed_by_the_next()
    {
        var seed = CrashSettings.Seed;
        var random = new Random(seed);
        var damaged = Build();
        var whole = Path.Combine(Root, "whole");
        CopyDirectory(damaged, whole);
        var alone = IndexRepairer.Repair(whole, new RepairOptions { AllowLoss = true });
        Assert.NotEmpty(alone.Lost);
        var expected = Entries(whole);

        // How long it takes a process of its own, from its first word on.
        var timed = Path.Combine(Root, "timed");
        CopyDirectory(damaged, timed);
        var length = Repair(timed, null, out var finished);
        Assert.True(finished);

        int kills = 0, late = 0, changed = 0;
        var began = Stopwatch.GetTimestamp();
        var before = Contents(damaged);
        for (var round = 0; round < CrashSettings.Rounds; round++)
        {
            var what = $"seed {seed}, round {round}";
            var index = Path.Combine(Root, "round");
            CopyDirectory(damaged, index);
            for (var i = 1 + random.Next(3); i > 0; i--)
            {
                Repair(index, length * random.NextDouble(), out finished);
                if (finished) late++;
                else kills++;
            }

            // What a killed repair left is the damage as it was, or the repaired index with the damage beside it.
            if (!before.SetEquals(Contents(index))) changed++;
            var report = IndexRepairer.Repair(index, new RepairOptions { AllowLoss = true });
            var check = IndexChecker.Check(index, new CheckOptions { Deep = true });
            Assert.True(check.Healthy, $"{what}: {string.Join('\n', check.Findings)}");
            Assert.Equal(check.Entries, report.EntriesKept);
            var after = Contents(index);
            foreach (var content in before) Assert.True(after.Contains(content), $"{what}: {content} is gone");
            Assert.False(IndexRepairer.Repair(index).Changed, $"{what}: repairing again changes something");
            var found = Entries(index);
            Assert.True(expected.Count == found.Count && expected.All(e => found.TryGetValue(e.Key, out var value) && value == e.Value),
                $"{what}: other entries than a repair that was left alone gives");
            Directory.Delete(index, recursive: true);
        }

        output.WriteLine($"{kills} kills during repair in {CrashSettings.Rounds} rounds ({late} came too late, {changed} indexes had been changed), "
            + $"a repair takes {length.TotalMilliseconds:F0} ms; {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        Assert.True(kills >= CrashSettings.Rounds / 2, $"only {kills} kills came in time");
    }

    /// <summary>Repairs in a child; with a time, kills it so long after its first word. Returns how long it took, or was let live.</summary>
    private static TimeSpan Repair(string index, TimeSpan? killAfter, out bool finished)
    {
        var start = new ProcessStartInfo(WriterProcess.Dotnet)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "Hestia.CrashWriter.dll"), "repair", index])
            start.ArgumentList.Add(argument);
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync();
        string? line;
        while ((line = child.StandardOutput.ReadLine()) is not null and not "m")
        {
        }

        if (line != "m") Assert.Fail($"The child did not begin: {errors.Result}"); // the text waits for the child's end
        var clock = Stopwatch.StartNew();
        if (killAfter is { } time)
        {
            while (clock.Elapsed < time && !child.HasExited) Thread.Sleep(1);
            child.Kill();
        }

        var rest = child.StandardOutput.ReadToEnd();
        clock.Stop();
        Assert.True(child.WaitForExit(Patience), "The child did not end.");
        finished = rest.StartsWith("d ", StringComparison.Ordinal);
        Assert.DoesNotContain("! ", rest, StringComparison.Ordinal);
        Assert.Equal("", errors.Result);
        return clock.Elapsed;
    }

    /// <summary>Damage of every kind in an index as a killed process leaves it: blocks, a missing segment, settings, the log.</summary>
    private string Build()
    {
        var random = new Random(3);
        var index = HestiaIndex.Create(IndexPath, new IndexSettings { Name = "killed", Durability = Durability.Async, KeyEncoding = DataEncoding.Utf8 }, Options);
        var value = new byte[300];
        for (var i = 0; i < 12_000; i++)
        {
            random.NextBytes(value);
            index.Put(Key(random.Next(8000)), value);
            if (i is 6000) index.Compact();
            if (i is 9000 or 11_000) index.Flush();
        }

        var damaged = CopyAsIs(index, "damaged");
        index.Dispose();
        Directory.Delete(IndexPath, recursive: true);
        var segments = Ordered(damaged, "segments");
        Flip(segments[0], 5000);
        Flip(segments[1], 9000);
        File.Move(segments[2], segments[2] + ".swap");
        File.Move(segments[3], segments[2]);
        File.Move(segments[2] + ".swap", segments[3]);
        File.Delete(segments[^1]);
        Flip(Ordered(damaged, "wal")[^1], 2000);
        Flip(Path.Combine(damaged, "index.json"), 100);
        return damaged;
    }

    private static Dictionary<string, string> Entries(string index)
    {
        using var opened = HestiaIndex.Open(index, Options with { ReadOnly = true });
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        using var cursor = opened.Scan();
        while (cursor.MoveNext()) result.Add(Text(cursor.Key), Convert.ToHexString(cursor.Value));
        return result;
    }

    private static List<string> Ordered(string index, string folder) =>
        [.. Directory.GetFiles(Path.Combine(index, folder)).Order(StringComparer.Ordinal)];

    private static HashSet<string> Contents(string index) =>
        [.. Directory.GetFiles(index, "*", SearchOption.AllDirectories).Where(static f => !f.EndsWith(".lock", StringComparison.Ordinal))
            .Select(static f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))))];

    private static void Flip(string file, int at)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
    }
}
