using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Repair;
using Hestia.Unit.Index;

namespace Hestia.Unit.Repair;

/// <summary>What was damaged.</summary>
public enum Variant
{
    /// <summary>As a killed process leaves it.</summary>
    Crashed,

    /// <summary>Closed.</summary>
    Clean,

    /// <summary>As a killed process leaves it, with nothing retained.</summary>
    Lean,
}

/// <summary>A small index with every kind of file in it and its whole history, and what may hold after damage.</summary>
public abstract class RepairTestBase() : IndexTestBase(Memory)
{
    /// <summary>Thousands of copies of an index need no device.</summary>
    private static string? Memory => Directory.Exists("/dev/shm") ? "/dev/shm" : null;

    /// <summary>One write.</summary>
    protected sealed record Operation(ulong Lsn, string Key, byte[]? Value);

    protected List<Operation> History { get; } = [];

    /// <summary>As a killed process leaves it: several levels, retained manifests, a log in several files.</summary>
    protected string Crashed => Path.Combine(Root, "crashed");

    /// <summary>The same index, closed.</summary>
    protected string Clean => Path.Combine(Root, "clean");

    protected static IndexOptions Tiny => new()
    {
        MemtableBytes = 4 << 20,
        Level1Bytes = 64 << 10,
        SegmentBytes = 16 << 10,
        CacheBytes = 64 << 10,
        MaxOpenFiles = 16,
        BackgroundCompaction = false,
        FileSystem = Disk,
    };

    private protected static FileSystem Disk { get; } = new InterruptedFileSystem();

    /// <summary>The crashed index without anything retained: what is damaged in it has no second source.</summary>
    protected string Lean => Path.Combine(Root, "lean");

    /// <summary>Every code of an action that repairs here took.</summary>
    protected HashSet<string> ActionsTaken { get; } = [];

    protected string SourceOf(Variant variant) => variant switch
    {
        Variant.Crashed => Crashed,
        Variant.Clean => Clean,
        _ => Lean,
    };

    protected void Build()
    {
        var random = new Random(11);
        var index = HestiaIndex.Create(IndexPath,
            new IndexSettings { Name = "damaged", KeyEncoding = DataEncoding.Utf8, BlockBytes = 1024 }, Tiny);
        Write(index, random, 300, 0, 300);
        index.Compact();
        Write(index, random, 150, 100, 300);
        index.Compact();
        for (var i = 0; i < 3; i++)
        {
            Write(index, random, 60, i * 50, 250);
            index.Flush();
        }

        // Killed twice with a log not yet flushed: the log then has several files that recovery needs.
        for (var i = 0; i < 2; i++)
        {
            Write(index, random, 40, i * 100, 400);
            var killed = Path.Combine(Root, "killed" + i);
            CopyDirectory(index.Path, killed);
            index.Dispose();
            index = HestiaIndex.Open(killed, Tiny);
        }

        Write(index, random, 40, 200, 400);
        CopyDirectory(index.Path, Crashed);
        index.Close();
        Directory.Move(index.Path, Clean);
        MakeLean();
    }

    protected string Copy(string source, string name)
    {
        var target = Path.Combine(Root, name);
        if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
        CopyDirectory(source, target);
        return target;
    }

    protected static List<string> Files(string index) =>
        [.. Directory.GetFiles(index, "*", SearchOption.AllDirectories).Where(f =>
            !f.EndsWith(".lock", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>The state after the write of an LSN.</summary>
    protected Dictionary<string, byte[]> ModelAt(ulong lsn, Func<Operation, bool>? isLost = null)
    {
        var model = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var operation in History)
        {
            if (operation.Lsn > lsn) break;
            if (isLost?.Invoke(operation) == true) continue;
            if (operation.Value is null) model.Remove(operation.Key);
            else model[operation.Key] = operation.Value;
        }

        return model;
    }

    protected static Dictionary<string, byte[]> ReadAll(HestiaIndex index)
    {
        var result = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using var cursor = index.Scan();
        while (cursor.MoveNext()) result.Add(Text(cursor.Key), cursor.Value.ToArray());
        foreach (var (key, value) in result) Assert.True(value.AsSpan().SequenceEqual(index.Get(Bytes(key))), key);
        return result;
    }

    protected static bool Same(Dictionary<string, byte[]> one, Dictionary<string, byte[]> other) =>
        one.Count == other.Count && one.All(p => other.TryGetValue(p.Key, out var value) && p.Value.AsSpan().SequenceEqual(value));

    /// <summary>
    /// Opening a damaged index either refuses, or shows a state that the index had: the last one, unless the end of the log itself is gone.
    /// </summary>
    protected void AssertOpensRightOrRefuses(string index, string what)
    {
        try
        {
            using var opened = HestiaIndex.Open(index, Tiny);
            var shown = ReadAll(opened);
            Assert.True(Same(ModelAt(opened.LastLsn.Value), shown), $"{what}: opened at LSN {opened.LastLsn} and shows what never was");
            var touchesLog = what.Contains(".wal", StringComparison.Ordinal) || what.Contains("log", StringComparison.Ordinal)
                || what.Contains("several", StringComparison.Ordinal) || what.Contains("record", StringComparison.Ordinal)
                || what.Contains("torn", StringComparison.Ordinal);
            Assert.True(touchesLog || opened.LastLsn.Value == History[^1].Lsn, $"{what}: opened at LSN {opened.LastLsn}, which is not the last");
        }
        catch (HestiaException e)
        {
            Assert.NotEqual(HestiaErrorCode.InternalError, e.Code);
        }
    }

    /// <summary>What a repair leaves: everything outside the damage, nothing that never was, healthy, writable, and no file
    /// deleted.</summary>
    protected RepairReport AssertRepairs(string index, string what)
    {
        var before = Contents(index);
        RepairReport report;
        try
        {
            var plan = IndexRepairer.Repair(Disk, index, new RepairOptions { PlanOnly = true });
            Assert.True(before.SetEquals(Contents(index)), $"{what}: planning changed something");
            if (plan.Lost.Count > 0)
            {
                Assert.Equal(HestiaErrorCode.RepairWouldLoseData,
                    Assert.Throws<HestiaException>(() => IndexRepairer.Repair(Disk, index)).Code);
                Assert.True(before.SetEquals(Contents(index)), $"{what}: a refused repair changed something");
            }

            report = IndexRepairer.Repair(Disk, index, new RepairOptions { AllowLoss = true });
            Assert.Equal(plan.Actions, report.Actions);
            foreach (var action in report.Actions) ActionsTaken.Add(action.Code);
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException)
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }

        var after = Contents(index);
        foreach (var content in before)
            Assert.True(after.Contains(content) || IsCutLog(index, content), $"{what}: {content} is gone");
        var check = IndexChecker.Check(Disk, index, new CheckOptions { Deep = true });
        Assert.True(check.Healthy, $"{what}: {string.Join('\n', check.Findings)}");
        Assert.Equal(check.Entries, report.EntriesKept);
        var again = IndexRepairer.Repair(Disk, index);
        Assert.False(again.Changed,
            $"{what}: repairing again changes something\n{string.Join('\n', report.Actions)}\nthen\n{string.Join('\n', again.Actions)}");
        AssertHoldsAllButLost(index, report, what);
        return report;
    }

    protected void AssertHoldsAllButLost(string index, RepairReport report, string what)
    {
        using var opened = HestiaIndex.Open(index, Tiny);
        var shown = ReadAll(opened);
        bool InLostLsns(Operation o) =>
            report.Lost.Any(l => l.FirstKey is null && l.FirstLsn is { } f && o.Lsn >= f.Value && o.Lsn <= l.LastLsn!.Value.Value);
        var expected = ModelAt(report.LastLsn.Value, InLostLsns);
        var anything = report.Lost.Any(l => l.FirstKey is null && l.FirstLsn is null);
        foreach (var key in expected.Keys.Union(shown.Keys))
        {
            var (want, got) = (expected.GetValueOrDefault(key), shown.GetValueOrDefault(key));
            if (want is null ? got is null : got is not null && want.AsSpan().SequenceEqual(got)) continue;
            var bytes = Bytes(key);
            var mayBeLost = anything
                || report.Lost.Any(l => l.FirstKey is not null && l.FirstKey.AsSpan().SequenceCompareTo(bytes) <= 0
                    && l.LastKey.AsSpan().SequenceCompareTo(bytes) >= 0)
                || History.Any(o => o.Key == key && InLostLsns(o));
            Assert.True(mayBeLost, $"{what}: '{key}' is {Describe(got)} and not {Describe(want)}, outside of what was reported "
                + $"lost:\n{string.Join('\n', report.Lost)}\n{string.Join('\n', report.Actions)}");
            Assert.True(got is null || History.Any(o => o.Key == key && o.Value is not null && o.Value.AsSpan().SequenceEqual(got)),
                $"{what}: '{key}' has a value nobody wrote");
        }

        var lsn = opened.Put("after the repair"u8, "x"u8);
        Assert.True(lsn.Value > Math.Max(report.LastLsn.Value, 0), what);
        Assert.Equal("x"u8.ToArray(), opened.Get("after the repair"u8));
    }

    protected static HashSet<string> Contents(string index) =>
        [.. Files(index).Select(f => Path.GetExtension(f) + " " + Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))))];

    /// <summary>A log whose torn tail was cut, or that was never used, is not there byte for byte; its name or its tail is.</summary>
    private static bool IsCutLog(string index, string content) =>
        content.StartsWith(".wal", StringComparison.Ordinal) && (!Directory.Exists(Path.Combine(index, "quarantine"))
            || Directory.GetFiles(Path.Combine(index, "quarantine"), "*.wal*").Length > 0
            || Directory.GetFiles(Path.Combine(index, "wal")).Length > 0);

    private void MakeLean()
    {
        CopyDirectory(Crashed, Lean);
        var survey = ManifestSurvey.Make(Disk, Lean);
        var live = survey.All[0].Document!;
        for (var i = 1; i < survey.All.Count; i++) File.Delete(survey.All[i].File.Path);
        var named = live.Segments.Select(s => s.Id + ".seg").ToHashSet();
        foreach (var segment in Directory.GetFiles(Path.Combine(Lean, "segments")))
            if (!named.Contains(Path.GetFileName(segment))) File.Delete(segment);
        var logs = Directory.GetFiles(Path.Combine(Lean, "wal"), "*.wal").Order(StringComparer.Ordinal).ToList();
        for (var i = 0; i + 1 < logs.Count; i++)
            if (ulong.Parse(Path.GetFileNameWithoutExtension(logs[i + 1])) <= live.Checkpoint.Value + 1) File.Delete(logs[i]);
        Assert.True(live.Segments.Select(s => s.Level).Distinct().Count() > 1, "several levels are wanted");
        Assert.True(live.Segments.Any(s => s.MaxLsn == Lsn.None) && live.Segments.Any(s => s.MaxLsn > Lsn.None),
            "segments with and without LSNs are wanted");
        Assert.True(Directory.GetFiles(Path.Combine(Lean, "wal"), "*.wal").Length > 1, "several log files are wanted");
    }

    private static string Describe(byte[]? value) => value is null ? "missing"
        : $"{value.Length} bytes ({Convert.ToHexString(value.AsSpan(0, Math.Min(4, value.Length)))})";

    private void Write(HestiaIndex index, Random random, int operations, int from, int to)
    {
        using var batch = new WriteBatch();
        var written = new List<(string Key, byte[]? Value)>();
        for (var i = 0; i < operations; i++)
        {
            var key = $"key-{random.Next(from, to):D5}";
            byte[]? value = null;
            if (random.Next(5) > 0)
            {
                value = new byte[random.Next(60) == 0 ? 33_000 : random.Next(10, 60)];
                random.NextBytes(value);
            }

            if (value is null) batch.Delete(Bytes(key));
            else batch.Put(Bytes(key), value);
            written.Add((key, value));
            if (written.Count < 4 && i + 1 < operations) continue;
            var last = index.Write(batch).Value;
            for (var k = 0; k < written.Count; k++) History.Add(new Operation(last - (ulong)(written.Count - 1 - k), written[k].Key,
                written[k].Value));
            written.Clear();
            batch.Clear();
        }
    }
}
