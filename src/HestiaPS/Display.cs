using System.Globalization;

namespace HestiaPS;

/// <summary>How the default views write sizes, times and durations.</summary>
public static class Display
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>A size in binary units with three significant digits: '512 B', '1.21 GiB'.</summary>
    public static string Size(long bytes)
    {
        if (bytes < 0) return "-" + Size(bytes == long.MinValue ? long.MaxValue : -bytes);
        double value = bytes;
        var unit = 0;
        while (value >= 999.5 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        var format = unit == 0 || value >= 99.95 ? "0" : value >= 9.995 ? "0.0" : "0.00";
        return value.ToString(format, CultureInfo.InvariantCulture) + " " + Units[unit];
    }

    /// <summary>A moment in UTC: '2026-04-15 03:00:00Z'.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A duration in its two largest units: '3 ms', '1.25 s', '4 m 10 s', '2 h 5 m', '3 d 4 h'.</summary>
    public static string Duration(TimeSpan duration) => duration switch
    {
        { TotalMilliseconds: < 1000 } d => $"{d.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture)} ms",
        { TotalSeconds: < 60 } d => $"{d.TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture)} s",
        { TotalHours: < 1 } d => $"{d.Minutes} m {d.Seconds} s",
        { TotalDays: < 1 } d => $"{d.Hours} h {d.Minutes} m",
        var d => $"{(int)d.TotalDays} d {d.Hours} h",
    };

    /// <summary>A key or value in one line: text as it is, bytes as 0x…, long ones shortened to
    /// <paramref name="maxLength"/> characters.</summary>
    public static string Data(object? data, int maxLength)
    {
        var text = data switch
        {
            null => "",
            byte[] bytes when bytes.Length * 2 > maxLength => "0x" + Convert.ToHexString(bytes, 0, Math.Max(0, (maxLength - 3) / 2)) + "…",
            byte[] bytes => "0x" + Convert.ToHexString(bytes),
            IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
            _ => data.ToString() ?? "",
        };
        return text.Length > maxLength ? string.Concat(text.AsSpan(0, maxLength - 1), "…") : text;
    }

    internal static string Count(long count, string singular, string plural) =>
        count.ToString("N0", CultureInfo.InvariantCulture) + " " + (count == 1 ? singular : plural);

    /// <summary>Writes that a flush has yet to put into segments.</summary>
    internal static string Unflushed(Hestia.Core.HestiaIndex index) =>
        Count(Math.Max(0, (long)(index.LastLsn.Value - index.Checkpoint.Value)), "write", "writes");

    /// <summary>Writes that a flush has yet to put into segments; null if there are none.</summary>
    internal static string? Unflushed(Hestia.Core.IndexStatistics index) =>
        index.LastLsn > index.Checkpoint ? Count((long)(index.LastLsn.Value - index.Checkpoint.Value), "write", "writes") : null;

    internal static string Segments(long count) => Count(count, "segment", "segments");
}
