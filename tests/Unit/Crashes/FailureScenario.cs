using System.Runtime.Versioning;
using Hestia.Core;

namespace Hestia.Unit.Crashes;

/// <summary>Syncs that fail, made by the device or at the system call: the index fails, says so to the end, and loses nothing.</summary>
internal static class FailureScenario
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The device under the file system refuses every write from a random moment on.</summary>
    /// <returns>One line that says what was done.</returns>
    [SupportedOSPlatform("linux")]
    public static string DeviceError(string kind, Durability durability, int seed)
    {
        using var device = FaultyDevice.Create((kind == "xfs" ? 320L : 96L) << 20);
        using var mount = ScratchMount.Create(kind, 96, _ => device.Device);
        try
        {
            var history = new CrashHistory(Path.Combine(mount.Point, "index"), durability);
            history.Create();
            var random = new Random(seed);
            var where = $"EIO from the device, {kind}, {durability}, seed {seed}";
            // xfs shuts itself down when its log cannot be written, and then refuses every read: nothing an index could show.
            var readable = kind != "xfs";
            Reports reports;
            using (var child = new WriterProcess(history.Path, durability, random.Next(), readable ? ["probe=1"] : []))
            {
                child.WaitForOpen();
                Assert.True(child.WaitUntil(r => r.WriteCount >= 50), $"{where}: it does not write. {child.Describe()}");
                Thread.Sleep(random.Next(0, 400));
                device.Arm();
                child.AwaitEnd(Patience);
                reports = child.Reports;
                CheckFailed(child, durability, history.Counters, readable, where);
            }

            device.Disarm();
            mount.Unmount();
            mount.Mount();
            var crash = durability == Durability.Async ? CrashKind.PowerLost : CrashKind.Killed;
            history.Verify(crash, reports, readOnly: false, where, AsyncCut(reports));
            return $"{where}: {reports.WriteCount} acknowledged writes, then {reports.Refusals[0].Code}";
        }
        finally
        {
            device.Disarm();
        }
    }

    /// <summary>One system call fails at a chosen count; those after it succeed, which must not be taken for good.</summary>
    /// <returns>One line that says what was done.</returns>
    [SupportedOSPlatform("linux")]
    public static string SystemCallError(string call, string error, int when, Durability durability, int seed, bool mustFail)
    {
        SystemTools.RequireTracing();
        var root = CrashSettings.NewFolder();
        try
        {
            var history = new CrashHistory(Path.Combine(root, "index"), durability);
            history.Create();
            var where = $"{call} fails once with {error} (number {when}), {durability}, seed {seed}";
            string[] tracer =
            [
                SystemTools.Find("strace")!, "-f", "-qq", "-o", Path.Combine(root, "trace"), "-e", $"trace={call}",
                "-e", $"inject={call}:error={error}:when={when}",
            ];
            Reports reports;
            using (var child = new WriterProcess(history.Path, durability, seed, ["probe=1"], tracer))
            {
                child.WaitForOpen();
                var failed = child.WaitUntil(r => r.Closed is not null, mustFail ? Patience : TimeSpan.FromSeconds(3));
                if (!failed) child.Stop();
                Assert.True(failed || !mustFail, $"{where}: the index did not fail. {child.Describe()}");
                child.AwaitEnd(Patience);
                reports = child.Reports;
                if (failed) CheckFailed(child, durability, history.Counters, readable: true, where);
                else CheckWentOn(child, error == "ENOSPC" ? HestiaErrorCode.DiskFull : HestiaErrorCode.IoError, where);
            }

            Assert.Contains("(INJECTED)", File.ReadAllText(Path.Combine(root, "trace")), StringComparison.Ordinal);
            // The page cache has what was written, so nothing acknowledged may be missing, not even in Async.
            history.Verify(reports.Closed == "ok" ? CrashKind.Closed : CrashKind.Killed, reports, readOnly: false, where);
            return $"{where}: {reports.WriteCount} acknowledged writes, {reports.Refusals.Count} refused, closed: {reports.Closed}";
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>What was refused was refused by name, and the rest went on.</summary>
    private static void CheckWentOn(WriterProcess child, HestiaErrorCode code, string where)
    {
        Assert.True(child.Reports.Closed == "ok" && child.Errors.Length == 0, $"{where}: {child.Describe()}");
        foreach (var refusal in child.Reports.Refusals.Concat(child.Reports.JobRefusals))
            Assert.True(refusal.Code == code.ToString(), $"{where}: refused with {refusal}");
    }

    private static void CheckFailed(WriterProcess child, Durability durability, ulong[] before, bool readable, string where)
    {
        var reports = child.Reports;
        Assert.True(reports.Wrong.Count == 0, $"{where}: {string.Join("; ", reports.Wrong)}");
        Assert.True(child.Errors.Length == 0, $"{where}: {child.Errors}");
        var refused = reports.Refusals.FirstOrDefault(r => r.Code == nameof(HestiaErrorCode.IndexFailed));
        Assert.True(refused is not null, $"{where}: no write was refused with IndexFailed. {child.Describe()}");
        Assert.True(refused.Text.Contains("failed on", StringComparison.Ordinal), $"{where}: the refusal names no cause: {refused.Text}");
        Assert.True(reports.Closed == nameof(HestiaErrorCode.IndexFailed), $"{where}: Close claimed {reports.Closed}. {child.Describe()}");
        if (!readable) return;
        Assert.True(reports.Probed is not null, $"{where}: reads did not go on. {child.Describe()}");
        if (durability is not (Durability.Sync or Durability.GroupSync)) return;
        // Exactly what was acknowledged is shown: all of it was synced, and nothing else was.
        var acknowledged = reports.Acknowledged(before);
        Assert.True(
            reports.Probed.AsSpan().SequenceEqual(acknowledged),
            $"{where}: shown after the failure {string.Join(' ', reports.Probed)}, acknowledged {string.Join(' ', acknowledged)}");
    }

    /// <summary>Async: the last write that came through stands for the moment of the failure.</summary>
    private static long AsyncCut(Reports reports) => reports.Writes.Max(w => w.Ticks);
}
