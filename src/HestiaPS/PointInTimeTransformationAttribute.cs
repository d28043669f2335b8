using System.Globalization;
using System.Management.Automation;

namespace HestiaPS;

/// <summary>
/// Takes a moment: a DateTimeOffset, a DateTime, or text. What names no offset is local time, and a local time that a change of the clocks
/// skips or repeats is refused: it is no moment, or two.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class PointInTimeTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            DateTimeOffset moment => moment,
            DateTime time => FromDateTime(time, TimeZoneInfo.Local),
            string text when DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var parsed) =>
                FromText(text, parsed),
            var other => throw new ArgumentTransformationMetadataException(
                $"'{other}' is not a moment. Give it as in '2026-04-15T03:00:00Z' or '2026-04-15T05:00:00+02:00'."),
        };

    /// <summary>Text with an offset is a moment; without one it is a time of day in the zone of this machine.</summary>
    private static DateTimeOffset FromText(string text, DateTimeOffset parsed)
    {
        var time = DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind);
        return time.Kind == DateTimeKind.Unspecified ? FromDateTime(time, TimeZoneInfo.Local) : parsed;
    }

    private static DateTimeOffset FromDateTime(DateTime time, TimeZoneInfo zone)
    {
        if (time.Kind == DateTimeKind.Utc) return new DateTimeOffset(time, TimeSpan.Zero);
        var local = DateTime.SpecifyKind(time, DateTimeKind.Unspecified);
        if (zone.IsInvalidTime(local)) throw Refuse(local, "does not exist: the clocks skip it");
        if (zone.IsAmbiguousTime(local)) throw Refuse(local, "exists twice: the clocks repeat it");
        return new DateTimeOffset(local, zone.GetUtcOffset(local));
    }

    private static ArgumentTransformationMetadataException Refuse(DateTime time, string why) => new(
        $"The local time {time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} {why}. "
        + "Give the moment in UTC, as in '2026-10-25T00:30:00Z', or with its offset, as in '2026-10-25T02:30:00+02:00'.");
}
