using System.Diagnostics;
using System.Globalization;
using Hestia.Core;

namespace Hestia.CrashWriter;

/// <summary>
/// One thread that writes without a pause, and how long each write took until it was acknowledged. For each line on standard input it reports
/// <c>n WRITES P50 P99 P999 MAX</c> in microseconds, of the writes since the line before; it ends with its input.
/// </summary>
internal static class LatencyMeter
{
    private const int Keys = 200_000;

    public static int Run(string path, Reporter reporter)
    {
        using var index = HestiaIndex.Open(path, new IndexOptions { MemtableBytes = 4 << 20 });
        var gate = new object();
        var taken = new List<long>(1 << 20);
        var stop = false;
        var writer = new Thread(() =>
        {
            var random = new Random(1);
            var value = new byte[200];
            while (!Volatile.Read(ref stop))
            {
                random.NextBytes(value);
                var began = Stopwatch.GetTimestamp();
                index.Put(BitConverter.GetBytes((long)random.Next(Keys)), value);
                var ticks = Stopwatch.GetTimestamp() - began;
                lock (gate) taken.Add(ticks);
            }
        });
        writer.Start();
        reporter.Line("o");
        while (Console.In.ReadLine() is not null)
        {
            long[] sample;
            lock (gate)
            {
                sample = [.. taken];
                taken.Clear();
            }

            Array.Sort(sample);
            string At(double part) => sample.Length == 0 ? "0"
                : (sample[(int)Math.Min(sample.Length - 1, sample.Length * part)] * 1e6 / Stopwatch.Frequency).ToString("0", CultureInfo.InvariantCulture);
            reporter.Line($"n {sample.Length} {At(0.5)} {At(0.99)} {At(0.999)} {At(1)}");
        }

        Volatile.Write(ref stop, true);
        writer.Join();
        return 0;
    }
}
