using System.Globalization;
using System.Management.Automation;

namespace HestiaPS;

/// <summary>
/// Takes a TimeSpan, '00:00:05', or a number with its unit: '7d', '12h', '30m', '45s', '500ms'. A bare number is refused, because
/// PowerShell
/// would take 30 as 3 microseconds.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class DurationTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            TimeSpan duration => duration,
            string text when TryParse(text.Trim(), out var duration) => duration,
            var other => throw new ArgumentTransformationMetadataException(
                $"'{other}' is not a duration. Give a number with its unit, as in '7d', '12h', '30m', '45s' or '500ms', or a TimeSpan."),
        };

    internal static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        if (text.Contains(':', StringComparison.Ordinal)) return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration);
        var digits = text.AsSpan().TrimEnd("dhms");
        double unit = text[digits.Length..] switch
        {
            "d" => TimeSpan.TicksPerDay,
            "h" => TimeSpan.TicksPerHour,
            "m" => TimeSpan.TicksPerMinute,
            "s" => TimeSpan.TicksPerSecond,
            "ms" => TimeSpan.TicksPerMillisecond,
            _ => 0,
        };
        if (unit == 0 || !double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        var ticks = number * unit;
        if (ticks >= long.MaxValue) return false;
        duration = TimeSpan.FromTicks((long)ticks);
        return true;
    }
}
