using System.Globalization;
using System.Text;
using Hestia.Core;

namespace Hestia.CrashWriter;

/// <summary>
/// What is written, and so what must be found: everything follows from how many batches each thread has written. Batch n of a thread sets
/// the thread's counter to n, puts some items of its own, deletes those of batch n - <see cref="Window"/>, and sets a slot that all
/// threads share. So from the counters alone follows every other byte, and a batch that is lost, torn, doubled or made up shows.
/// </summary>
internal static class Workload
{
    /// <summary>Batches whose items live.</summary>
    public const ulong Window = 48;

    /// <summary>Keys that all threads write.</summary>
    public const int SharedSlots = 16;

    private const int MaxItems = 6;
    private const int LargeValueBytes = 33 << 10; // over Limits.LargeValueBytes: a block of its own

    public static byte[] CounterKey(int thread) => Encoding.ASCII.GetBytes($"c/{thread:D2}");

    public static byte[] ItemKey(int thread, ulong number, int item) => Encoding.ASCII.GetBytes($"d/{thread:D2}/{number:D10}/{item}");

    public static byte[] SlotKey(int slot) => Encoding.ASCII.GetBytes($"s/{slot:D2}");

    public static int SlotOf(int thread, ulong number) => (int)(Mix(number, (uint)thread, 7) % SharedSlots);

    public static int Items(int thread, ulong number) => 1 + (int)(Mix(number, (uint)thread, 1) % MaxItems);

    public static byte[] CounterValue(ulong number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    public static byte[] SlotValue(int thread, ulong number) => Encoding.ASCII.GetBytes($"{thread} {number}");

    public static ulong ReadCounter(ReadOnlySpan<byte> value) => value.IsEmpty ? 0 : ulong.Parse(value, CultureInfo.InvariantCulture);

    public static byte[] ItemValue(int thread, ulong number, int item)
    {
        var state = Mix(number, (uint)thread, 100 + (uint)item);
        var value = new byte[state % 97 == 0 ? LargeValueBytes + (int)((state >> 32) % 4096) : (int)((state >> 32) % 400)];
        for (var i = 0; i < value.Length; i++)
        {
            state = (state * 6364136223846793005) + 1442695040888963407;
            value[i] = (byte)(i % 3 == 0 ? 'x' : state >> 56); // compresses, but not to nothing
        }

        return value;
    }

    public static void Fill(WriteBatch batch, int thread, ulong number)
    {
        batch.Clear();
        for (var item = 0; item < Items(thread, number); item++) batch.Put(ItemKey(thread, number, item), ItemValue(thread, number, item));
        if (number > Window)
        {
            var old = number - Window;
            for (var item = 0; item < Items(thread, old); item++) batch.Delete(ItemKey(thread, old, item));
        }

        batch.Put(SlotKey(SlotOf(thread, number)), SlotValue(thread, number));
        batch.Put(CounterKey(thread), CounterValue(number));
    }

    /// <summary>All keys but the shared slots with their values, in order, for threads that have written so many batches.</summary>
    public static IEnumerable<(byte[] Key, byte[] Value)> Expected(IReadOnlyList<ulong> counters)
    {
        for (var thread = 0; thread < counters.Count; thread++)
            if (counters[thread] > 0) yield return (CounterKey(thread), CounterValue(counters[thread]));
        for (var thread = 0; thread < counters.Count; thread++)
        {
            var last = counters[thread];
            for (var number = last > Window ? last - Window + 1 : 1; number <= last; number++)
            {
                for (var item = 0; item < Items(thread, number); item++)
                    yield return (ItemKey(thread, number, item), ItemValue(thread, number, item));
            }
        }
    }

    private static ulong Mix(ulong a, uint b, uint c)
    {
        var x = (a * 0x9E3779B97F4A7C15) ^ ((ulong)b << 32) ^ c;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
