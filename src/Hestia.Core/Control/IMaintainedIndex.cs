using Hestia.Core.Consistency;
using Hestia.Core.Manifest;
using Hestia.Core.Suspending;

namespace Hestia.Core.Control;

/// <summary>
/// An index as those see it who look after it: open in this process (<see cref="HestiaIndex"/>), or in another (<see cref="RemoteIndex"/>), which
/// then does what is asked here. Thread-safe. Cancelling ends the wait and, where it can be ended, the work.
/// </summary>
public interface IMaintainedIndex
{
    /// <summary>Full path of the directory.</summary>
    string Path { get; }

    /// <summary>Name for people.</summary>
    string Name { get; }

    /// <summary>Identity, fixed at creation.</summary>
    Guid Id { get; }

    /// <summary>Everything worth knowing of it at this moment.</summary>
    /// <exception cref="HestiaException">IndexClosed; of another process also OwnerLost, TimedOut, AccessDenied, ControlUnsupported.</exception>
    IndexStatus GetStatus(CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.Flush"/>
    FlushResult Flush(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.Compact"/>
    CompactionResult Compact(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.Check"/>
    CheckReport Check(CheckOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.Suspend"/>
    SuspensionInfo Suspend(TimeSpan duration, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.Resume"/>
    SuspensionResult Resume(DateTimeOffset? began = null, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.SetDurability(Durability, CancellationToken)"/>
    DurabilityChange SetDurability(Durability durability, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="HestiaIndex.Pin"/>
    IndexPin Pin(CancellationToken cancellationToken = default);
}
