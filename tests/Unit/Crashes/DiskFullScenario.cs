using System.Diagnostics;
using System.Runtime.Versioning;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>A file system that is full for a while: writes are refused by name, and everything goes on when there is room again.</summary>
[SupportedOSPlatform("linux")]
internal static class DiskFullScenario
{
    private const int EnoughRefusals = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <returns>One line that says what was done.</returns>
    public static string Run(string kind, Durability durability, int seed)
    {
        using var mount = ScratchMount.Create(kind, kind == "tmpfs" ? 32 : 64);
        var ballast = Path.Combine(mount.Point, "ballast");
        var history = new CrashHistory(Path.Combine(mount.Point, "index"), durability);
        history.Create();
        var random = new Random(seed);
        var where = $"full disk, {kind}, {durability}, seed {seed}";

        var goesOn = GoOnWithoutReopening(history, random.Next(), ballast, where);
        history.Verify(CrashKind.Closed, goesOn, readOnly: false, $"{where}, went on");

        var killed = KillWhileFull(history, random.Next(), ballast, where);
        var acknowledged = killed.Acknowledged(history.Counters);
        var whileFull = OpenWhileFull(history.Path);
        File.Delete(ballast);
        history.Verify(CrashKind.Killed, killed, readOnly: false, $"{where}, killed while full");
        // Every thread's last write was refused, so it must not have come back.
        Assert.True(
            durability == Durability.Off || history.Counters.AsSpan().SequenceEqual(acknowledged),
            $"{where}: acknowledged {string.Join(' ', acknowledged)}, found {string.Join(' ', history.Counters)}");

        // And with room it works as ever.
        using var child = new WriterProcess(history.Path, durability, random.Next());
        child.WaitForOpen();
        Assert.True(child.WaitUntil(r => r.WriteCount > 100, Patience), $"{where}: it does not go on. {child.Describe()}");
        child.Stop();
        child.AwaitEnd(Patience);
        history.Verify(CrashKind.Closed, child.Reports, readOnly: false, $"{where}, afterwards");
        return $"{where}: {history.WritesChecked} acknowledged writes, {goesOn.Refusals.Count + killed.Refusals.Count} refused, "
            + $"{goesOn.JobRefusals.Count + killed.JobRefusals.Count} flushes and compactions refused, opening while full: {whileFull}";
    }

    private static Reports GoOnWithoutReopening(CrashHistory history, int seed, string ballast, string where)
    {
        using var child = new WriterProcess(history.Path, history.Durability, seed);
        FillUntilRefused(child, ballast, EnoughRefusals, where);
        var (flushes, compactions) = (child.Reports.Flushes, child.Reports.Compactions);
        var before = child.Reports.Acknowledged(history.Counters);
        File.Delete(ballast);
        var wentOn = child.WaitUntil(
            r => r.Acknowledged(history.Counters).Zip(before, (now, then) => now > then + 20).All(more => more)
                && r.Flushes > flushes + 1 && r.Compactions > compactions + 1,
            Patience);
        Assert.True(wentOn, $"{where}: it does not go on when there is room again. {child.Describe()}");
        child.Stop();
        child.AwaitEnd(Patience);
        CheckRefusals(child, where);
        Assert.True(child.Reports.Closed == "ok", $"{where}: {child.Describe()}");
        return child.Reports;
    }

    private static Reports KillWhileFull(CrashHistory history, int seed, string ballast, string where)
    {
        using var child = new WriterProcess(history.Path, history.Durability, seed, ["stop=1"]);
        FillUntilRefused(child, ballast, WriterProcess.Threads, where);
        child.Kill();
        CheckRefusals(child, where);
        return child.Reports;
    }

    /// <summary>Recovery may need room. Then it says so; it never says anything worse.</summary>
    private static string OpenWhileFull(string path)
    {
        try
        {
            using var index = HestiaIndex.Open(path);
            return "opens";
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.DiskFull)
        {
            return nameof(HestiaErrorCode.DiskFull);
        }
    }

    private static void CheckRefusals(WriterProcess child, string where)
    {
        Assert.True(child.Errors.Length == 0, $"{where}: {child.Errors}");
        foreach (var refusal in child.Reports.Refusals.Concat(child.Reports.JobRefusals))
            Assert.True(refusal.Code == nameof(HestiaErrorCode.DiskFull), $"{where}: refused with {refusal}");
    }

    /// <summary>Takes all the room, again and again as the index gives some back, until writes were refused often enough.</summary>
    private static void FillUntilRefused(WriterProcess child, string ballast, int refusals, string where)
    {
        child.WaitForOpen();
        Assert.True(child.WaitUntil(r => r.WriteCount > 50, Patience), $"{where}: it does not write. {child.Describe()}");
        var clock = Stopwatch.StartNew();
        using var file = File.OpenHandle(ballast, FileMode.Create, FileAccess.Write);
        var block = new byte[64 << 10];
        long length = 0;
        while (child.Reports.Refusals.Count < refusals)
        {
            Assert.False(child.HasExited, $"{where}: the child ended by itself. {child.Describe()}");
            Assert.True(clock.Elapsed < Patience, $"{where}: nothing is refused. {child.Describe()}");
            for (var size = block.Length; size >= 4096;)
            {
                try
                {
                    RandomAccess.Write(file, block.AsSpan(0, size), length);
                    length += size;
                }
                catch (IOException)
                {
                    size /= 2;
                }
            }

            Thread.Sleep(5);
        }
    }
}
