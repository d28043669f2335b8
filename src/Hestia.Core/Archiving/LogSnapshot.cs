namespace Hestia.Core.Archiving;

/// <summary>A log file as far as it is durable.</summary>
/// <param name="Path">Its path.</param>
/// <param name="DurableBytes">What is behind this offset may be gone after a power loss.</param>
/// <param name="Closed">Whether it takes no more records.</param>
internal readonly record struct DurableLog(string Path, long DurableBytes, bool Closed);

/// <summary>A place in a log file behind which nothing was read yet.</summary>
internal readonly record struct LogPosition(string Path, ulong Salt, long Offset, Lsn Shipped);

/// <summary>The log files of one moment, in order of LSN. None of them is deleted before this is disposed.</summary>
internal sealed class LogSnapshot(IReadOnlyList<DurableLog> files, Action released) : IDisposable
{
    private Action? _released = released;

    public IReadOnlyList<DurableLog> Files { get; } = files;

    public void Dispose() => Interlocked.Exchange(ref _released, null)?.Invoke();
}
