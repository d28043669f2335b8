using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.CrashWriter;

namespace Hestia.Unit.Crashes;

/// <summary>How a round ended, and so what its durability had promised.</summary>
internal enum CrashKind
{
    /// <summary>The process died; the operating system lives.</summary>
    Killed,

    /// <summary>What was not synced is gone.</summary>
    PowerLost,

    /// <summary>The child closed the index by itself.</summary>
    Closed,
}

/// <summary>An index over many rounds: what was found after the last one, which is what the next one starts from.</summary>
internal sealed class CrashHistory(string path, Durability durability)
{
    /// <summary>Async: what was acknowledged longer ago than this is synced. The promise is one second.</summary>
    public static readonly TimeSpan AsyncAllowance = TimeSpan.FromSeconds(1.5);

    private readonly (int Thread, ulong Number)?[] _slots = new (int, ulong)?[Workload.SharedSlots];

    public string Path => path;

    public Durability Durability => durability;

    /// <summary>Batches of each thread that were there after the last round.</summary>
    public ulong[] Counters { get; private set; } = new ulong[WriterProcess.Threads];

    /// <summary>Reported writes that were looked for, over all rounds.</summary>
    public long WritesChecked { get; private set; }

    public void Create() => HestiaIndex.Create(path, new IndexSettings { Durability = durability }).Close();

    /// <summary>
    /// Checks the files as they lie there, opens the index and compares all of it with what was reported: what was promised is there,
    /// batches are whole, counters without a gap, what readers had seen still holds, and what is there is a prefix of the LSNs.
    /// </summary>
    /// <param name="kind">How the round ended.</param>
    /// <param name="reports">What the child said.</param>
    /// <param name="readOnly">Leaves the recovery to whoever opens it next.</param>
    /// <param name="cutTicks">When the power was cut.</param>
    /// <param name="where">Named when something is wrong: what replays it.</param>
    public void Verify(CrashKind kind, Reports reports, bool readOnly, string where, long cutTicks = long.MaxValue)
    {
        Assert.True(reports.Wrong.Count == 0, $"{where}: the child found {string.Join("; ", reports.Wrong)}");
        var opened = reports.Opened ?? Counters;
        Assert.True(opened.AsSpan().SequenceEqual(Counters), $"{where}: opened with {Show(opened)}, left with {Show(Counters)}");
        var check = IndexChecker.Check(path);
        Assert.True(check.Healthy, $"{where}: before opening {string.Join("\n", check.Findings)}");

        using (var index = HestiaIndex.Open(path, new IndexOptions { ReadOnly = readOnly, Durability = durability, CacheBytes = 1 << 20 }))
        {
            var (found, slots, wrong) = Contents.Read(index, WriterProcess.Threads);
            Assert.True(wrong is null, $"{where}: {wrong}");
            CompareCounters(kind, reports, found, where, cutTicks);
            ComparePrefix(reports, found, index.LastLsn.Value, where);
            CompareSlots(reports, found, slots, where);
            Counters = found;
            slots.CopyTo(_slots, 0);
            if (readOnly) return;
            index.Close();
        }

        check = IndexChecker.Check(path);
        Assert.True(check.Healthy, $"{where}: after closing {string.Join("\n", check.Findings)}");
    }

    private static string Show(IEnumerable<ulong> counters) => string.Join(' ', counters);

    private void CompareCounters(CrashKind kind, Reports reports, ulong[] found, string where, long cutTicks)
    {
        var acknowledged = reports.Acknowledged(Counters);
        var promised = Promised(kind, reports, acknowledged, cutTicks);
        var seen = reports.Seen(cutTicks);
        var shownIsKept = durability is Durability.Sync or Durability.GroupSync
            || (durability == Durability.Async && kind != CrashKind.PowerLost);
        for (var thread = 0; thread < found.Length; thread++)
        {
            Assert.True(
                found[thread] >= promised[thread],
                $"{where}: LOST: thread {thread} is at {found[thread]}, promised were {promised[thread]}, "
                + $"acknowledged {acknowledged[thread]}");
            Assert.True(
                found[thread] <= acknowledged[thread] + 1,
                $"{where}: MADE UP: thread {thread} is at {found[thread]}, acknowledged were {acknowledged[thread]}");
            Assert.True(
                !shownIsKept || found[thread] >= seen[thread],
                $"{where}: UNSYNCED SHOWN: thread {thread} is at {found[thread]}, a reader had seen {seen[thread]}");
            Assert.True(
                reports.Probed is not { } probed || found[thread] >= probed[thread],
                $"{where}: thread {thread} is at {found[thread]}, after the failure {reports.Probed?[thread]} were shown");
        }

        WritesChecked += reports.WriteCount;
    }

    private ulong[] Promised(CrashKind kind, Reports reports, ulong[] acknowledged, long cutTicks)
    {
        if (kind == CrashKind.Closed) return acknowledged;
        var flushed = reports.Flushed(Counters, cutTicks);
        if (durability == Durability.Off) return flushed;
        if (kind == CrashKind.Killed) return acknowledged;
        if (durability != Durability.Async) return reports.Acknowledged(flushed, cutTicks);
        var before = cutTicks - (long)(AsyncAllowance.TotalSeconds * System.Diagnostics.Stopwatch.Frequency);
        return reports.Acknowledged(flushed, before);
    }

    /// <summary>No write is there that came after one that is not.</summary>
    private static void ComparePrefix(Reports reports, ulong[] found, ulong lastLsn, string where)
    {
        foreach (var write in reports.Writes)
        {
            Assert.True(
                (write.Lsn <= lastLsn) == (write.Number <= found[write.Thread]),
                $"{where}: the index ends at LSN {lastLsn}; batch {write.Number} of thread {write.Thread} ended at {write.Lsn}, "
                + $"the thread is at {found[write.Thread]}");
        }
    }

    /// <summary>The slots show the last write by LSN; one that was under way and not reported may be it as well.</summary>
    private void CompareSlots(Reports reports, ulong[] found, (int Thread, ulong Number)?[] slots, string where)
    {
        var last = new (ReportedWrite Write, bool Known)[slots.Length];
        foreach (var write in reports.Writes)
        {
            ref var known = ref last[Workload.SlotOf(write.Thread, write.Number)];
            if (write.Number <= found[write.Thread] && (!known.Known || write.Lsn > known.Write.Lsn)) known = (write, true);
        }

        var acknowledged = reports.Acknowledged(Counters);
        for (var slot = 0; slot < slots.Length; slot++)
        {
            var expected = last[slot].Known ? (last[slot].Write.Thread, last[slot].Write.Number) : _slots[slot];
            if (slots[slot] == expected) continue;
            var (thread, number) = slots[slot] ?? (0, 0);
            Assert.True(
                slots[slot] is not null && number == acknowledged[thread] + 1,
                $"{where}: shared slot {slot} shows {slots[slot]}, its last write was {expected}");
        }
    }
}
