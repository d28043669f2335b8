using System.Diagnostics;
using System.Runtime.InteropServices;
using Hestia.Core;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Bench.Workloads;

/// <summary>
/// syncloop: what the disk itself gives a single synced writer. A file written full before, then one entry's bytes after the other into
/// it, fdatasync after each. No engine takes part. syncpair: the engine's one synced writer and this loop in turns of a quarter second,
/// because what a disk gives may change by the second; the share is the median over the turns.
/// </summary>
internal static class SyncLoop
{
    public const string EngineName = "reference";

    private const int FileBytes = 16 << 20;
    private const double MostSeconds = 10;

    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(250);

    public static void Run(BenchSession session)
    {
        Directory.CreateDirectory(session.Folder);
        using var loop = new Loop(session);
        var measured = Measurement.Of(LimitOf(session), 1, (_, run) =>
        {
            while (run.Operations < session.Arguments.Entries && !run.TimeIsUp)
            {
                run.Begin();
                loop.WriteOne();
                run.End();
            }
        });
        session.EmitReference("syncloop", measured);
    }

    public static void RunPair(BenchSession session)
    {
        session.CreateEmpty(random: true, session.Settings(Durability.Sync));
        session.IsPristine = false;
        using var loop = new Loop(session);
        var key = new byte[KeySpace.KeyBytes];
        var value = new byte[session.Keys.ValueBytes];
        var shares = new List<double>();
        var number = 0L;
        var (loopTotal, engineTotal) = (Totals.None, Totals.None);
        var peak = Measurement.Of(LimitOf(session), 1, (_, run) =>
        {
            // The engine's first writes make its log ready; they belong to no turn.
            for (var i = 0; i < 10; i++) PutOne();
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < LimitOf(session);)
            {
                var plain = TakeTurn(loop.WriteOne);
                var engine = TakeTurn(PutOne);
                shares.Add(engine.PerSecond / plain.PerSecond);
                loopTotal = loopTotal.Plus(plain);
                engineTotal = engineTotal.Plus(engine);
            }
        });
        session.EmitReference("syncpair", peak.As(loopTotal.Seconds, loopTotal.Operations));
        var facts = new Dictionary<string, double> { ["shareOfLoop"] = Reporting.Summary.Median(shares)!.Value, ["turns"] = shares.Count };
        session.Emit("syncpair", Durability.Sync, 1, peak.As(engineTotal.Seconds, engineTotal.Operations), facts);

        void PutOne()
        {
            session.Keys.Key(number, key);
            session.Keys.Value(number++, value);
            session.Engine.Put(key, value);
        }
    }

    private static TimeSpan LimitOf(BenchSession session) =>
        TimeSpan.FromSeconds(Math.Min(session.Arguments.Seconds > 0 ? session.Arguments.Seconds : MostSeconds, MostSeconds));

    private static Totals TakeTurn(Action one)
    {
        var clock = Stopwatch.StartNew();
        var operations = 0L;
        do
        {
            one();
            operations++;
        }
        while (clock.Elapsed < Turn);
        return new Totals(clock.Elapsed.TotalSeconds, operations);
    }

    private static void SyncData(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux())
        {
            if (fdatasync((int)file.DangerousGetHandle()) != 0)
                throw new IOException($"fdatasync failed with error {Marshal.GetLastPInvokeError()}.");
        }
        else
        {
            RandomAccess.FlushToDisk(file);
        }
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int fdatasync(int descriptor);

    private readonly record struct Totals(double Seconds, long Operations)
    {
        public static readonly Totals None = new(0, 0);

        public double PerSecond => Operations / Seconds;

        public Totals Plus(Totals other) => new(Seconds + other.Seconds, Operations + other.Operations);
    }

    /// <summary>The file, deleted at the end.</summary>
    private sealed class Loop : IDisposable
    {
        private readonly string _path;
        private readonly SafeFileHandle _file;
        private readonly byte[] _record;
        private long _offset;

        public Loop(BenchSession session)
        {
            _path = Path.Combine(session.Folder, "syncloop");
            _file = File.OpenHandle(_path, FileMode.Create, FileAccess.ReadWrite);
            _record = new byte[KeySpace.KeyBytes + session.Arguments.ValueBytes];
            RandomAccess.Write(_file, new byte[FileBytes], 0);
            RandomAccess.FlushToDisk(_file);
        }

        public void WriteOne()
        {
            RandomAccess.Write(_file, _record, _offset);
            SyncData(_file);
            _offset += _record.Length;
            if (_offset + _record.Length > FileBytes) _offset = 0;
        }

        public void Dispose()
        {
            _file.Dispose();
            File.Delete(_path);
        }
    }
}
