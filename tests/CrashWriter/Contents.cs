using System.Text;
using Hestia.Core;

namespace Hestia.CrashWriter;

/// <summary>Compares all an index shows with what its own counters say must be there.</summary>
internal static class Contents
{
    /// <summary>The counters found; the last write of each shared slot as it stands there; what is wrong, or null.</summary>
    public static (ulong[] Counters, (int Thread, ulong Number)?[] Slots, string? Wrong) Read(HestiaIndex index, int threads)
    {
        var counters = new ulong[threads];
        var slots = new (int Thread, ulong Number)?[Workload.SharedSlots];
        using var snapshot = index.CreateSnapshot();
        for (var thread = 0; thread < threads; thread++) counters[thread] = Workload.ReadCounter(snapshot.Get(Workload.CounterKey(thread)));
        using var cursor = snapshot.Scan();
        foreach (var (key, value) in Workload.Expected(counters))
        {
            if (!cursor.MoveNext()) return (counters, slots, $"'{Text(key)}' and all after it are missing{At()}");
            if (!cursor.Key.SequenceEqual(key))
                return (counters, slots, $"'{Text(cursor.Key)}' is there where '{Text(key)}' must be{At()}");
            if (!cursor.Value.SequenceEqual(value)) return (counters, slots, $"'{Text(key)}' has another value than was written{At()}");
            if (snapshot.Get(key) is not { } got || !got.AsSpan().SequenceEqual(value))
                return (counters, slots, $"'{Text(key)}' is shown by a scan and not by a get{At()}");
        }

        while (cursor.MoveNext())
        {
            var key = Text(cursor.Key);
            var parts = Text(cursor.Value).Split(' ');
            if (!key.StartsWith("s/", StringComparison.Ordinal) || parts.Length != 2 || !int.TryParse(key.AsSpan(2), out var slot)
                || (uint)slot >= Workload.SharedSlots || !int.TryParse(parts[0], out var thread) || (uint)thread >= threads
                || !ulong.TryParse(parts[1], out var number) || Workload.SlotOf(thread, number) != slot)
                return (counters, slots, $"'{key}' was never written, or not with that value{At()}");
            if (number > counters[thread])
                return (counters, slots, $"'{key}' is of batch {number} of thread {thread}, whose counter is missing{At()}");
            slots[slot] = (thread, number);
        }

        return (counters, slots, null);

        string At() => $" (counters {string.Join(' ', counters)}, LSN {snapshot.Lsn})";
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.ASCII.GetString(bytes);
}
