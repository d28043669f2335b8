using System.Diagnostics;
using Hestia.Core;

namespace Hestia.Bench.Workloads;

/// <summary>
/// open: time to open a settled index after a clean close. opencrash: the same where the log holds everything, as a killed process leaves
/// it: the directory is copied while the engine still has it open. Counted in records replayed.
/// </summary>
internal static class OpenWorkload
{
    private const int Opens = 5;
    private const int MemtableBytesPerRecord = 512;

    /// <summary>Largest memtable that every engine takes.</summary>
    private const long MostMemtableBytes = 1L << 30;

    public static void Clean(BenchSession session)
    {
        var settings = session.Settings(session.Arguments.Durabilities[0]);
        session.EnsureFilled(settings);
        var key = new byte[KeySpace.KeyBytes];
        var value = new byte[Math.Max(session.Keys.ValueBytes, 1)];
        session.Keys.Key(session.Filled / 2, key);
        for (var i = 0; i < Opens; i++)
        {
            session.Close();
            var measured = Measurement.Of(TimeSpan.MaxValue, 1, (_, run) =>
            {
                session.Open(settings);
                run.Count(1);
            });
            var began = Stopwatch.GetTimestamp();
            if (session.Engine.Get(key, value) != session.Keys.ValueBytes)
                throw new InvalidOperationException("An entry is gone after the open.");
            var answered = Stopwatch.GetElapsedTime(began).TotalSeconds;
            session.Emit("open", null, 1, measured, new Dictionary<string, double> { ["firstGetSeconds"] = answered });
        }
    }

    public static void Crashed(BenchSession session)
    {
        // One memtable that holds all of it, so that no flush takes records out of the log.
        var records = session.Arguments.CrashRecords;
        var settings = session.Settings(Durability.Async);
        settings = settings with
        {
            MemtableBytes = Math.Clamp(
                records * (session.Arguments.ValueBytes + MemtableBytesPerRecord), settings.MemtableBytes, MostMemtableBytes),
        };
        session.CreateEmpty(random: true, settings);
        var key = new byte[KeySpace.KeyBytes];
        var value = new byte[session.Keys.ValueBytes];
        for (var i = 0L; i < records; i++)
        {
            session.Keys.Key(i, key);
            session.Keys.Value(i, value);
            session.Engine.Put(key, value);
        }

        session.Engine.Settle();
        var copy = Path.Combine(session.Folder, "crashed");
        ProcessUsage.CopyDirectory(session.IndexPath, copy);
        session.IsPristine = false;
        session.Close();

        var measured = Measurement.Of(TimeSpan.MaxValue, 1, (_, run) =>
        {
            session.Open(settings with { Path = copy });
            run.Count(records);
        });
        session.Emit("opencrash", null, 1, measured, disk: ProcessUsage.DirectoryBytes(copy));
        session.Filled = records;
        ScanWorkload.Whole(session, session.Engine, reverse: false); // throws unless every record is back
        session.Filled = 0;
        session.Close();
    }
}
