namespace Hestia.Core.Diagnostics;

/// <summary>
/// A sum that many threads add to without meeting: one cache line for each processor. Reading it adds them up, which is for whoever looks
/// now and then. Thread-safe.
/// </summary>
internal sealed class StripedCounter
{
    private const int Stride = 16; // longs: two cache lines, since lines are fetched in pairs
    private const int MaxStripes = 64;

    private static readonly int s_mask = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Min(Environment.ProcessorCount, MaxStripes)) - 1;

    private readonly long[] _cells = new long[(s_mask + 2) * Stride];

    public long Sum
    {
        get
        {
            long sum = 0;
            for (var i = Stride; i < _cells.Length; i += Stride) sum += Volatile.Read(ref _cells[i]);
            return sum;
        }
    }

    public void Increment() => Interlocked.Increment(ref _cells[((Thread.GetCurrentProcessorId() & s_mask) + 1) * Stride]);
}
