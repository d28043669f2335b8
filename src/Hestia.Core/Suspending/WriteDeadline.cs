using System.Diagnostics;

namespace Hestia.Core.Suspending;

/// <summary>
/// How long a write may wait before it is begun (<see cref="IndexOptions.WriteTimeout"/>): for the end of a suspension, or for flush and compaction to make
/// room. Deadlines are timestamps of <see cref="Stopwatch"/>. All writers of an index have the same time, so in the queue they run out in order, and it is
/// enough that the leader looks at its own.
/// </summary>
internal static class WriteDeadline
{
    public const long None = long.MaxValue;

    public static long After(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan ? None : Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <summary>What is left of it; infinite if there is none.</summary>
    public static TimeSpan Rest(long deadline)
    {
        if (deadline == None) return Timeout.InfiniteTimeSpan;
        var rest = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), deadline);
        return rest > TimeSpan.Zero ? rest : TimeSpan.Zero;
    }

    public static bool HasPassed(long deadline) => deadline != None && Stopwatch.GetTimestamp() >= deadline;

    public static HestiaException TimedOut(IndexContext context, string what) => new(
        HestiaErrorCode.TimedOut,
        $"A write to '{context.Path}' waited {context.Options.WriteTimeout.TotalSeconds:0.###} s {what}. Nothing was written.",
        context.Path,
        "Try again later, or raise WriteTimeout.");
}
