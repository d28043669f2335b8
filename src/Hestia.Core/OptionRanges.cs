namespace Hestia.Core;

/// <summary>Refuses options outside their documented range.</summary>
internal static class OptionRanges
{
    public static void Check(IndexSettings s)
    {
        Range(nameof(s.BlockBytes), s.BlockBytes, 1 << 10, 1 << 20);
        Range(nameof(s.RestartInterval), s.RestartInterval, 1, 256);
        Range(nameof(s.BloomBitsPerKey), s.BloomBitsPerKey, 0, 32);
        Range(nameof(s.GroupDelay) + " (microseconds)", (long)s.GroupDelay.TotalMicroseconds, 0, 1_000_000);
        Defined(nameof(s.KeyEncoding), s.KeyEncoding);
        Defined(nameof(s.ValueEncoding), s.ValueEncoding);
        Defined(nameof(s.Durability), s.Durability);
        Defined(nameof(s.Codec), s.Codec);
        if (s.Name is not { } name) return;
        if (name.Length is 0 or > Limits.MaxNameLength || name.AsSpan().ContainsAnyInRange('\0', '\x1F'))
            throw Refuse($"An index name has 1 to {Limits.MaxNameLength} characters and no control characters.");
    }

    public static void Check(Durability durability) => Defined(nameof(Durability), durability);

    public static void Check(IndexOptions o)
    {
        Range(nameof(o.MemtableBytes), o.MemtableBytes, 64 << 10, 1 << 30);
        Range(nameof(o.MaxMemtables), o.MaxMemtables, 2, 16);
        Range(nameof(o.CacheBytes), o.CacheBytes, 0, 1L << 40);
        Range(nameof(o.MaxOpenFiles), o.MaxOpenFiles, 16, 100_000);
        Range(nameof(o.Level0Trigger), o.Level0Trigger, 2, 64);
        Range(nameof(o.Level0Slowdown), o.Level0Slowdown, o.Level0Trigger, 1024);
        Range(nameof(o.Level1Bytes), o.Level1Bytes, 16 << 10, 1L << 40);
        Range(nameof(o.SegmentBytes), o.SegmentBytes, 4 << 10, 1L << 30);
        Range(nameof(o.MaxSnapshotBytes), o.MaxSnapshotBytes, 0, 1L << 40);
        if (o.RetiredBytes is { } retired) Range(nameof(o.RetiredBytes), retired, 0, long.MaxValue);
        if (o.WriteTimeout != Timeout.InfiniteTimeSpan) Range(nameof(o.WriteTimeout) + " (milliseconds)", (long)o.WriteTimeout.TotalMilliseconds, 1, int.MaxValue);
        if (o.RetiredAge < TimeSpan.Zero) throw Refuse($"{nameof(o.RetiredAge)} is negative.");
        if (o.GroupDelay is { } delay) Range(nameof(o.GroupDelay) + " (microseconds)", (long)delay.TotalMicroseconds, 0, 1_000_000);
        if (o.Durability is { } durability) Defined(nameof(o.Durability), durability);
    }

    private static void Range(string name, long value, long min, long max)
    {
        if (value < min || value > max) throw Refuse($"{name} is {value:N0}; it can be {min:N0} to {max:N0}.");
    }

    private static void Defined<T>(string name, T value)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value)) throw Refuse($"{name} {value} is unknown.");
    }

    private static HestiaException Refuse(string message) => new(HestiaErrorCode.InvalidOption, message, action: "Choose a value in that range.");
}
