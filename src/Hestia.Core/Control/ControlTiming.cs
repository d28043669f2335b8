namespace Hestia.Core.Control;

/// <summary>How long either side waits for the other, and how many may wait.</summary>
internal static class ControlTiming
{
    /// <summary>The whole request must have come by then.</summary>
    public static readonly TimeSpan Request = TimeSpan.FromSeconds(5);

    /// <summary>A client that takes no answer for so long is hung up on.</summary>
    public static readonly TimeSpan Send = TimeSpan.FromSeconds(10);

    /// <summary>The owner says that it is alive at least this often while it works.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(2);

    /// <summary>How often progress is told.</summary>
    public static readonly TimeSpan Progress = TimeSpan.FromMilliseconds(250);

    /// <summary>An owner that accepts no connection for so long does not answer.</summary>
    public static readonly TimeSpan Connect = TimeSpan.FromSeconds(10);

    /// <summary>An owner that says nothing for so long does not answer.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    /// <summary>Connections served at once; others wait to be accepted.</summary>
    public const int MaxConnections = 32;

    /// <summary>Long operations (flush, compact, check) at once; more are refused.</summary>
    public const int MaxLongOperations = 8;

    /// <summary>Connections accepted in a second, when they come without a pause.</summary>
    public const int AcceptsPerSecond = 200;
}
