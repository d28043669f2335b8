using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Repair;
using Hestia.CrashWriter;

namespace Hestia.Unit.Crashes;

/// <summary>
/// The directory of a writer at full load, with flushes and compactions all the time, is copied as it is. Each copy opens, or says what to do and Repair
/// does it; holds at least everything flushed before the copy began, batches whole, and nothing that was never written; and the check says what
/// LSN it stands for.
/// </summary>
internal static class RawCopyScenario
{
    private const int CopiesOfOneChild = 8;
    private const int GraceSeconds = 300;

    /// <summary>Flushes are asked for all the time as it is; smaller memtables would change the manifest faster than anything is copied.</summary>
    private const int MemtableKibibytes = 4096;

    private static readonly Durability[] s_durabilities = [Durability.GroupSync, Durability.Off, Durability.Async, Durability.Sync];

    /// <returns>One line that says what was done.</returns>
    public static string Run(int rounds, int seed, TimeSpan atMost, Action<string>? tell = null)
    {
        var root = CrashSettings.NewFolder();
        var random = new Random(seed);
        var clock = Stopwatch.StartNew();
        var total = new Total();
        try
        {
            for (var child = 0; total.Copies < rounds && clock.Elapsed < atMost; child++)
            {
                var durability = s_durabilities[child % s_durabilities.Length];
                RunOne(Path.Combine(root, $"{child}"), durability, random, total, () => total.Copies < rounds && clock.Elapsed < atMost, $"seed {seed}, child {child}, {durability}", tell);
            }
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        return $"{total}, seed {seed}";
    }

    private static void RunOne(string folder, Durability durability, Random random, Total total, Func<bool> goOn, string where, Action<string>? tell)
    {
        Directory.CreateDirectory(folder);
        var index = Path.Combine(folder, "index");
        HestiaIndex.Create(index, new IndexSettings { Durability = durability }).Close();
        using var child = new WriterProcess(index, durability, random.Next(), [$"grace={GraceSeconds}", $"memtable={MemtableKibibytes}"]);
        child.WaitForOpen();
        var nothing = new ulong[WriterProcess.Threads];
        for (var i = 0; i < CopiesOfOneChild && goOn(); i++)
        {
            var flushes = child.Reports.Flushes;
            Assert.True(child.WaitUntil(reports => reports.Flushes > flushes), $"{where}: no flush. {child.Describe()}");
            Thread.Sleep(random.Next(40));
            var way = RawCopier.Ways[random.Next(RawCopier.Ways.Count)];
            var copy = Path.Combine(folder, $"copy-{i}");
            var flushed = child.Reports.Flushed(nothing, Stopwatch.GetTimestamp());
            new RawCopier(random).Copy(way, index, copy);
            Assert.False(child.HasExited, $"{where}: the writer ended. {child.Describe()}");
            var acknowledged = child.Reports.Acknowledged(nothing);
            var result = Verify(copy, flushed, acknowledged, $"{where}, copy {i}, {way}", total);
            tell?.Invoke($"{where}, copy {i}, {way}: {result}");
            Directory.Delete(copy, recursive: true);
        }

        child.Stop();
        child.AwaitEnd(TimeSpan.FromSeconds(60));
        Assert.True(child.Reports.Wrong.Count == 0 && child.Errors.Length == 0, $"{where}: {child.Describe()}");
        Assert.True(IndexChecker.Check(index).Healthy, $"{where}: the original is damaged");
        Directory.Delete(folder, recursive: true);
    }

    private static string Verify(string copy, ulong[] flushed, ulong[] acknowledged, string where, Total total)
    {
        var result = "opened";
        var isPrefix = true;
        total.Copies++;
        var check = IndexChecker.Check(copy);
        HestiaIndex index;
        try
        {
            index = HestiaIndex.Open(copy);
            Assert.True(check.Healthy, $"{where}: opens, and the check had found {string.Join("\n", check.Findings)}");
            total.Opened++;
            if (index.Recovery.Notices.Count > 0) total.WithNotices++;
        }
        catch (HestiaException e)
        {
            Assert.False(check.Healthy, $"{where}: the check found nothing, and opening says {e.Code}: {e.Message}");
            Assert.Contains("Repair", e.RecommendedAction, StringComparison.Ordinal);
            total.Repaired++;
            var repair = IndexRepairer.Repair(copy, new RepairOptions { AllowLoss = true });
            result = $"{e.Code}, repaired: {string.Join(", ", repair.Actions.Select(static a => a.Code).Distinct())}"
                + (repair.Lost.Count == 0 ? "" : "; lost: " + string.Join(" ", repair.Lost.Select(static l => l.Message)));
            isPrefix = repair.Lost.Count == 0;
            check = IndexChecker.Check(copy);
            Assert.True(check.Healthy, $"{where}: {result}, and then {string.Join("\n", check.Findings)}");
            index = HestiaIndex.Open(copy);
        }

        using (index)
        {
            Assert.Equal(check.LastLsn, index.LastLsn);
            var (found, _, wrong) = Contents.Read(index, WriterProcess.Threads);
            // What a repair with losses saved may have holes behind what had been flushed, never before.
            if (!isPrefix) wrong = FlushedIsThere(index, flushed, acknowledged);
            Assert.True(wrong is null, $"{where}: {result}: {wrong}");
            for (var thread = 0; thread < found.Length; thread++)
            {
                Assert.True(found[thread] >= flushed[thread], $"{where}: {result}: LOST: thread {thread} is at {found[thread]}, {flushed[thread]} had been flushed");
                Assert.True(found[thread] <= acknowledged[thread] + 1, $"{where}: {result}: MADE UP: thread {thread} is at {found[thread]} of {acknowledged[thread]}");
            }

            index.Put("e/after"u8, "1"u8); // it lives on
            index.Close();
        }

        check = IndexChecker.Check(copy);
        Assert.True(check.Healthy, $"{where}: {result}, and after closing {string.Join("\n", check.Findings)}");
        return result;
    }

    /// <summary>Items of flushed batches that no later batch can have deleted are there as they were written; returns what is wrong, or null.</summary>
    private static string? FlushedIsThere(HestiaIndex index, ulong[] flushed, ulong[] acknowledged)
    {
        for (var thread = 0; thread < flushed.Length; thread++)
        {
            var first = acknowledged[thread] + 2 > Workload.Window ? acknowledged[thread] + 2 - Workload.Window : 1;
            for (var number = Math.Max(first, 1); number <= flushed[thread]; number++)
            {
                for (var item = 0; item < Workload.Items(thread, number); item++)
                {
                    if (index.Get(Workload.ItemKey(thread, number, item)) is not { } value) return $"LOST: item {item} of batch {number} of thread {thread} had been flushed";
                    if (!value.AsSpan().SequenceEqual(Workload.ItemValue(thread, number, item))) return $"item {item} of batch {number} of thread {thread} has another value";
                }
            }
        }

        return null;
    }

    private sealed class Total
    {
        public int Copies { get; set; }

        public int Opened { get; set; }

        public int WithNotices { get; set; }

        public int Repaired { get; set; }

        public override string ToString() => $"{Copies} copies, {Opened} opened ({WithNotices} with a notice), {Repaired} repaired";
    }
}
