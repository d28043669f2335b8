using Hestia.Core.Manifest;

namespace Hestia.Core.Archiving;

/// <summary>
/// The log of an open index while it is being shipped, in this process or through the one that has it open. Whoever has one is the only one to ship:
/// two would ship the same records. Dispose lets the next one go. Not thread-safe.
/// </summary>
internal interface ILogSource : IDisposable
{
    string Path { get; }

    string Name { get; }

    Guid Id { get; }

    Durability Durability { get; }

    /// <summary>The timeline that new writes belong to.</summary>
    Timeline Timeline { get; }

    /// <summary>The last write that readers see.</summary>
    Lsn LastLsn { get; }

    /// <summary>The last write known to survive a power loss.</summary>
    Lsn DurableLsn { get; }

    Lsn Checkpoint { get; }

    /// <summary>Commit time of the last write, UTC microseconds.</summary>
    long LastCommitTime { get; }

    /// <summary>How far the log is archived and where to, or null if it is not.</summary>
    ArchiveState? State { get; }

    /// <summary>Where the last shipment to this repository stopped reading, or null if that is not known.</summary>
    LogPosition? Position { get; set; }

    /// <summary>Remembers a new state durably; null: the log is archived no more. The position is remembered with it.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled, and is not written unless it could be at once.</exception>
    void Save(ArchiveState? state, CancellationToken cancellationToken);

    /// <inheritdoc cref="HestiaIndex.SnapshotLog"/>
    LogSnapshot SnapshotLog();

    /// <inheritdoc cref="HestiaIndex.BeginTimeline"/>
    void BeginTimeline(bool detached, CancellationToken cancellationToken);
}
