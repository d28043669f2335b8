using System.Security.Cryptography;
using System.Text;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Repair;
using Hestia.Core.Wal;

namespace Hestia.Unit.Damage;

/// <summary>How a damage came out.</summary>
internal enum Outcome
{
    /// <summary>The check names it.</summary>
    Reported,

    /// <summary>Check, open and repair all see the very index that was there before.</summary>
    Harmless,

    /// <summary>The end of the log is gone whole: exactly what a crash before those writes leaves, so nothing can tell the two apart.</summary>
    AsACrash,
}

/// <summary>
/// Holds one damage against every promise: reported with place and stake, or without effect; opening refuses and changes nothing, or shows
/// a state the index had; a repair saves all outside the damage, says what is lost, deletes nothing and leaves a healthy index.
/// </summary>
internal sealed class DamageTrial(DamageSource source, IndexImage image, string what, string[] damaged)
{
    private readonly string _what = $"{source.Ending}, {what}";

    /// <summary>Whether opening itself refused, and not a read after it.</summary>
    private bool _refused;

    public bool WasRepaired { get; private set; }

    public bool LostSomething { get; private set; }

    public Outcome Run()
    {
        var outcome = Judge();
        Repair(outcome);
        return outcome;
    }

    private Outcome Judge()
    {
        var fresh = CheckIt(out var report);
        var log = CheckLog();
        var opened = OpenIt(out var lsn);
        // What it says that opening would do is what opening does, whatever is damaged.
        Assert.True(log.WouldOpen != _refused && log.OpenWould.Contains("refuse", StringComparison.Ordinal) == _refused,
            $"{_what}: {log.OpenWould} It {(_refused ? "refused" : "opened")}.");
        if (Array.TrueForAll(damaged, static f => f.StartsWith(FileNames.Wal, StringComparison.Ordinal)))
            Assert.True(log.Healthy == opened && log.OpenRefusal is null, $"{_what}: {log.OpenWould} It {(opened ? "opened" : "refused")}.");

        if (fresh is null || fresh.Count > 0)
        {
            if (fresh is not null) AssertTold(fresh);
            // What lies beside the damage decides whether it opens; a check that found an error must not be followed by an open at the end.
            if (report is { Healthy: true }) Assert.True(opened, $"{_what}: the check says healthy, but it does not open\n{Told(fresh!)}");
            return Outcome.Reported;
        }

        Assert.True(opened, $"{_what}: nothing is reported, but it does not open");
        if (lsn == source.Check.LastLsn)
        {
            Assert.Equal(source.Check.Entries, report!.Entries);
            Assert.Equal(source.Check.LastLsn, report.LastLsn);
            // Nothing else may change unseen: who had the lock, what was put aside, zeros behind the log's end, logs nobody needs, an
            // older manifest that is gone, as pruning takes it, and what tells of archive and backups gone, as before the first of them.
            var inLog = !what.StartsWith("flip", StringComparison.Ordinal);
            Assert.True(Array.TrueForAll(damaged, f => f == FileNames.Lock || f.StartsWith(FileNames.Quarantine, StringComparison.Ordinal)
                || what.StartsWith("delete manifest", StringComparison.Ordinal)
                || what is $"delete {FileNames.Archive}" or $"delete {FileNames.LastBackup}" || (inLog && f.StartsWith(FileNames.Wal, StringComparison.Ordinal))), $"{_what}: nothing is reported");
            return Outcome.Harmless;
        }

        Assert.True(Array.Exists(damaged, static f => f.EndsWith(FileNames.WalExtension, StringComparison.Ordinal))
            && lsn < source.Check.LastLsn && !what.StartsWith("flip", StringComparison.Ordinal),
            $"{_what}: opened at LSN {lsn}, which is not the last, and nothing was reported");
        return Outcome.AsACrash;
    }

    /// <summary>Findings that the undamaged index has not; null if the check refuses to call it an index at all.</summary>
    private List<Finding>? CheckIt(out CheckReport? report)
    {
        var (disk, files) = image.Load();
        try
        {
            report = IndexChecker.Check(files, IndexImage.Root);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.NotAnIndex or HestiaErrorCode.FormatTooNew)
        {
            report = null;
            return null;
        }

        Assert.True(image.IsSame(IndexImage.Of(disk)), $"{_what}: the check changed something");
        var known = source.Check.Findings.ToList();
        var fresh = new List<Finding>();
        foreach (var finding in report.Findings)
        {
            var at = known.FindIndex(k => (k.Code, k.File, k.Message) == (finding.Code, finding.File, finding.Message));
            if (at < 0) fresh.Add(finding);
            else known.RemoveAt(at);
        }

        // What was there before and is not now is a change that was seen as well: a file from quarantine, say.
        if (fresh.Count == 0 && known.Count > 0) fresh.Add(known[0]);
        return fresh;
    }

    /// <summary>What, where, and what is at stake.</summary>
    private void AssertTold(List<Finding> fresh)
    {
        // A log file that is gone is told by the LSNs that its name begins with, one that lost its end by its successor.
        Assert.True(fresh.Exists(f => f.File is { } file && Array.Exists(damaged, d => d.StartsWith(file, StringComparison.Ordinal)))
            || fresh.Exists(f => f.Code == "WalGap" && Array.Exists(damaged, d =>
                WalFormat.TryParseFileName(Path.GetFileName(d), out var first) && f.FirstLsn <= first && f.LastLsn >= first))
            || fresh.Exists(f => f.Code == "WalGap" && Array.Exists(damaged, d => f.Message.Contains(Path.GetFileName(d), StringComparison.Ordinal)))
            || fresh.TrueForAll(static f => f.Severity != FindingSeverity.Error), $"{_what}: no finding names the file\n{Told(fresh)}");
        foreach (var finding in fresh)
        {
            Assert.False(string.IsNullOrWhiteSpace(finding.Message));
            if (finding.Severity != FindingSeverity.Error || finding.File is null) continue;
            if (finding.Code is CheckFindings.ManifestContradiction or CheckFindings.ForeignFile or CheckFindings.FormatTooNew) continue;
            if (finding.File.EndsWith(FileNames.SegmentExtension, StringComparison.Ordinal))
                Assert.True(finding.FirstKey is not null || finding.FirstLsn is not null, $"{_what}: no stake in {finding}");
            if (finding.File.EndsWith(FileNames.WalExtension, StringComparison.Ordinal))
                Assert.True(finding.FirstLsn is not null, $"{_what}: no stake in {finding}");
        }
    }

    /// <summary>The log by itself, and every record of it: nothing wrong is given out.</summary>
    private WalReport CheckLog()
    {
        var (disk, files) = image.Load();
        var report = WalInspector.Check(files, IndexImage.Root);
        if (report.OpenRefusal is { } refusal)
            Assert.True(report.Findings.Contains(refusal) && refusal.Message.Length > 0, $"{_what}: {report.OpenWould}");
        if (!Array.Exists(damaged, static f => f.StartsWith(FileNames.Wal, StringComparison.Ordinal)))
        {
            Assert.True(image.IsSame(IndexImage.Of(disk)), $"{_what}: looking at the log changed something");
            return report;
        }

        foreach (var record in WalInspector.ReadRecords(files, IndexImage.Root))
        {
            foreach (var operation in record.Operations)
            {
                var written = source.History[(int)operation.Lsn.Value - 1];
                Assert.True(written.Key == Encoding.UTF8.GetString(operation.Key)
                    && operation.Value.AsSpan().SequenceEqual(written.Value ?? []), $"{_what}: the log shows LSN {operation.Lsn} as it never was");
            }
        }

        Assert.True(image.IsSame(IndexImage.Of(disk)), $"{_what}: looking at the log changed something");
        return report;
    }

    private bool OpenIt(out Lsn lsn)
    {
        var (disk, files) = image.Load();
        try
        {
            _refused = true;
            using var index = HestiaIndex.Open(IndexImage.Root, DamageSource.Options(files));
            _refused = false;
            lsn = index.LastLsn;
            var (expected, shown) = (source.ModelAt(lsn.Value), ReadAll(index));
            Assert.True(Same(expected, shown), $"{_what}: opened at LSN {lsn} and shows what never was");
            return true;
        }
        catch (HestiaException e)
        {
            Assert.True(e.Code != HestiaErrorCode.InternalError, $"{_what}: {e}");
            Assert.True(image.IsSame(IndexImage.Of(disk)) || e.Code == HestiaErrorCode.SegmentDamaged,
                $"{_what}: a refused open changed something: {e.Message}");
            lsn = Lsn.None;
            return false;
        }
    }

    private void Repair(Outcome outcome)
    {
        var (disk, files) = image.Load();
        RepairReport report;
        try
        {
            var plan = IndexRepairer.Repair(files, IndexImage.Root, new RepairOptions { PlanOnly = true });
            Assert.True(image.IsSame(IndexImage.Of(disk)), $"{_what}: planning changed something");
            if (outcome == Outcome.Harmless)
            {
                Assert.False(plan.Changed, $"{_what}: a repair would change what is harmless\n{string.Join('\n', plan.Actions)}");
                return;
            }

            if (plan.Lost.Count > 0)
            {
                Assert.Equal(HestiaErrorCode.RepairWouldLoseData,
                    Assert.Throws<HestiaException>(() => IndexRepairer.Repair(files, IndexImage.Root)).Code);
                Assert.True(image.IsSame(IndexImage.Of(disk)), $"{_what}: a refused repair changed something");
                LostSomething = true;
            }

            report = IndexRepairer.Repair(files, IndexImage.Root, new RepairOptions { AllowLoss = true });
            Assert.Equal(plan.Actions, report.Actions);
            WasRepaired = report.Changed;
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.FormatTooNew or HestiaErrorCode.NotRepairable)
        {
            Assert.True(image.IsSame(IndexImage.Of(disk)), $"{_what}: a refused repair changed something");
            Assert.Fail($"{_what}: {e.Message}");
            return;
        }
        catch (HestiaException e)
        {
            throw new InvalidOperationException($"{_what}: {e.Message}", e);
        }

        AssertNothingDeleted(disk);
        var check = IndexChecker.Check(files, IndexImage.Root, new CheckOptions { Deep = true });
        Assert.True(check.Healthy, $"{_what}: {string.Join('\n', check.Findings)}");
        Assert.Equal(check.Entries, report.EntriesKept);
        if (report.Changed)
        {
            var again = IndexRepairer.Repair(files, IndexImage.Root);
            Assert.False(again.Changed,
                $"{_what}: repairing again changes something\n{string.Join('\n', report.Actions)}\nthen\n{string.Join('\n', again.Actions)}");
        }

        AssertHoldsAllButLost(files, report);
    }

    /// <summary>Every file is there still, perhaps elsewhere; of a log that was cut, both parts.</summary>
    private void AssertNothingDeleted(Simulation.SimulatedDisk disk)
    {
        var after = IndexImage.Of(disk);
        var contents = after.Files.Values.Select(Hash).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, bytes) in image.Files)
        {
            if (name == FileNames.Lock || contents.Contains(Hash(bytes))) continue;
            Assert.True(name.EndsWith(FileNames.WalExtension, StringComparison.Ordinal), $"{_what}: {name} is gone");
            // Cut as opening cuts it, and the tail is in quarantine; or begun and never used, which deleting does no harm to.
            var isCut = after.Files.TryGetValue(name, out var now) && bytes.AsSpan().StartsWith(now)
                && (!bytes.AsSpan(now.Length).ContainsAnyExcept((byte)0) || after.Files.Any(f =>
                    f.Key.StartsWith(FileNames.Quarantine, StringComparison.Ordinal) && IsTail(bytes, f.Value)));
            var isUnused = bytes.Length >= WalFormat.FileHeaderBytes && !bytes.AsSpan(WalFormat.FileHeaderBytes).ContainsAnyExcept((byte)0);
            Assert.True(isCut || isUnused, $"{_what}: {name} is gone");
        }
    }

    private static bool IsTail(byte[] whole, byte[] tail)
    {
        // The copy leaves zeros at the end out.
        var used = whole.AsSpan(0, whole.AsSpan().LastIndexOfAnyExcept((byte)0) + 1);
        return tail.Length > 0 && used.EndsWith(tail.AsSpan(0, tail.AsSpan().LastIndexOfAnyExcept((byte)0) + 1));
    }

    private void AssertHoldsAllButLost(FileSystem files, RepairReport report)
    {
        using var opened = HestiaIndex.Open(IndexImage.Root, DamageSource.Options(files));
        var shown = ReadAll(opened);
        bool InLostLsns(DamageOperation o) =>
            report.Lost.Any(l => l.FirstKey is null && l.FirstLsn is { } f && o.Lsn >= f.Value && o.Lsn <= l.LastLsn!.Value.Value);
        var expected = source.ModelAt(report.LastLsn.Value, InLostLsns);
        var anything = report.Lost.Any(static l => l.FirstKey is null && l.FirstLsn is null);
        foreach (var key in expected.Keys.Union(shown.Keys))
        {
            var (want, got) = (expected.GetValueOrDefault(key), shown.GetValueOrDefault(key));
            if (want is null ? got is null : got is not null && want.AsSpan().SequenceEqual(got)) continue;
            var bytes = Encoding.UTF8.GetBytes(key);
            var mayBeLost = anything
                || report.Lost.Any(l => l.FirstKey is not null && l.FirstKey.AsSpan().SequenceCompareTo(bytes) <= 0
                    && l.LastKey.AsSpan().SequenceCompareTo(bytes) >= 0)
                || source.History.Exists(o => o.Key == key && InLostLsns(o));
            Assert.True(mayBeLost, $"{_what}: '{key}' is not what it was, outside of what was reported lost:\n"
                + $"{string.Join('\n', report.Lost)}\n{string.Join('\n', report.Actions)}");
            Assert.True(got is null || source.History.Exists(o => o.Key == key && o.Value is not null && o.Value.AsSpan().SequenceEqual(got)),
                $"{_what}: '{key}' has a value nobody wrote");
        }

        var lsn = opened.Put("after the repair"u8, "x"u8);
        Assert.True(lsn > report.LastLsn, _what);
        Assert.Equal("x"u8.ToArray(), opened.Get("after the repair"u8));
    }

    private static Dictionary<string, byte[]> ReadAll(HestiaIndex index)
    {
        var result = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using (var cursor = index.Scan())
            while (cursor.MoveNext()) result.Add(Encoding.UTF8.GetString(cursor.Key), cursor.Value.ToArray());
        foreach (var (key, value) in result) Assert.True(value.AsSpan().SequenceEqual(index.Get(Encoding.UTF8.GetBytes(key))), key);
        return result;
    }

    private static bool Same(Dictionary<string, byte[]> one, Dictionary<string, byte[]> other) =>
        one.Count == other.Count && one.All(p => other.TryGetValue(p.Key, out var value) && p.Value.AsSpan().SequenceEqual(value));

    private static string Hash(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes));

    private static string Told(List<Finding> findings) => string.Join('\n', findings);
}
