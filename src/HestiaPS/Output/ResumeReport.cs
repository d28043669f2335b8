using Hestia.Core.Control;
using Hestia.Core.Suspending;

namespace HestiaPS;

/// <summary>A suspension that has ended.</summary>
public sealed class ResumeReport
{
    internal ResumeReport(IMaintainedIndex index, SuspensionResult result, IndexVia via)
    {
        IndexName = index.Name;
        Path = index.Path;
        Lsn = result.Lsn.Value;
        Began = result.Began;
        Ended = result.Ended;
        Duration = result.Duration;
        Expired = result.Expired;
        Via = via;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>LSN of the last write that the files held meanwhile.</summary>
    public ulong Lsn { get; }

    /// <summary>When it began (UTC).</summary>
    public DateTimeOffset Began { get; }

    /// <summary>When it ended (UTC).</summary>
    public DateTimeOffset Ended { get; }

    /// <summary>How long it lasted.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Whether its time limit had ended it before; a snapshot that was not complete at Ended must not be relied on.</summary>
    public bool Expired { get; }

    /// <summary>Whether it is a session of this process or its owner did it.</summary>
    public IndexVia Via { get; }
}
