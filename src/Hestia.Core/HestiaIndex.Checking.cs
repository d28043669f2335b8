using Hestia.Core.Consistency;

namespace Hestia.Core;

/// <content>The check of an open index.</content>
public sealed partial class HestiaIndex
{
    /// <summary>
    /// Checks the index while it works: the manifests, every byte of the live segments and their order, the log as far as it had been
    /// synced when the check began; counts the entries. Damage is reported, not thrown; nothing is changed.
    /// </summary>
    /// <exception cref="HestiaException">IndexClosed, SnapshotLimit, AccessDenied, IoError.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public CheckReport Check(CheckOptions? options = null, IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        _context.Health.RequireReadable();
        // In Off there is no log to hold against it.
        var durable = _log is null || _context.Durability == Durability.Off ? Lsn.None : DurableLsn;
        try
        {
            return new LiveIndexCheck(_context, _live, options ?? new CheckOptions(), progress, cancellationToken).Run(Name, durable,
                CreateSnapshot);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, Path, "checking");
        }
    }
}
