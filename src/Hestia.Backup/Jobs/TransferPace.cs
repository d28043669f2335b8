using System.Diagnostics;
using Hestia.Core;

namespace Hestia.Backup.Jobs;

/// <summary>Keeps several transfers together below a number of bytes per second. Thread-safe.</summary>
internal sealed class TransferPace
{
    /// <summary>Most bytes that pass at once, so that the pace is even and a cancellation is not far.</summary>
    public const int MaxPiece = 64 << 10;

    private readonly long _bytesPerSecond;
    private readonly object _gate = new();
    private long _free = Stopwatch.GetTimestamp();

    private TransferPace(long bytesPerSecond) => _bytesPerSecond = bytesPerSecond;

    public static TransferPace? Of(long? bytesPerSecond) => bytesPerSecond switch
    {
        null => null,
        > 0 => new TransferPace(bytesPerSecond.Value),
        _ => throw new HestiaException(
            HestiaErrorCode.InvalidOption, $"MaxBytesPerSecond is {bytesPerSecond}; it can be 1 and more.",
            action: "Leave it out for as fast as it goes."),
    };

    /// <summary>Returns when these bytes may have passed. What was not used before is not saved up.</summary>
    public void Pass(int bytes, CancellationToken cancellationToken)
    {
        long wait;
        lock (_gate)
        {
            var now = Stopwatch.GetTimestamp();
            _free = Math.Max(now, _free) + (long)((double)bytes * Stopwatch.Frequency / _bytesPerSecond);
            wait = _free - now;
        }

        var time = TimeSpan.FromSeconds((double)wait / Stopwatch.Frequency);
        if (time >= TimeSpan.FromMilliseconds(1) && cancellationToken.WaitHandle.WaitOne(time))
            cancellationToken.ThrowIfCancellationRequested();
    }
}
