using Hestia.Core.IO;
using Hestia.Core.Suspending;

namespace Hestia.Core;

/// <content>Holding the directory still for a snapshot taken from outside.</content>
public sealed partial class HestiaIndex
{
    /// <summary>The longest time an index can be suspended for.</summary>
    public static readonly TimeSpan MaxSuspension = TimeSpan.FromHours(24);

    /// <summary>The suspension in force now, or null.</summary>
    public SuspensionInfo? Suspension => _suspension?.Current;

    /// <summary>
    /// Flushes, and then holds the directory still, so that a snapshot of the file system or a copy taken from outside is of one moment: no file in it is written,
    /// renamed or deleted, and all are synced. Writers wait meanwhile (up to <see cref="IndexOptions.WriteTimeout"/>), reads go on, a flush has nothing to
    /// do, compaction pauses. Ends with <see cref="Resume"/>, at the latest after <paramref name="duration"/>, or when the index is closed.
    /// </summary>
    /// <param name="duration">More than zero, up to <see cref="MaxSuspension"/>.</param>
    /// <param name="cancellationToken">Ends the wait for flush and compaction; the index is not suspended then.</param>
    /// <exception cref="HestiaException">
    /// InvalidOption, IndexSuspended (it is already), IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. It is not suspended then.
    /// </exception>
    public SuspensionInfo Suspend(TimeSpan duration, CancellationToken cancellationToken = default)
    {
        if (duration <= TimeSpan.Zero || duration > MaxSuspension)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption,
                $"An index can be suspended for more than zero and up to {MaxSuspension.TotalHours:0} hours, not for {duration}.",
                Path,
                "Choose the time the snapshot needs, and some more.");
        }

        var pipeline = Writable();
        _suspension!.RequireNone();
        Flush(null, cancellationToken); // most of the work, while writers go on
        SuspensionInfo? info = null;
        try
        {
            pipeline.RunExclusively(() =>
            {
                _context.Health.RequireWritable();
                _suspension.RequireNone();
                var last = _live.Visible;
                _room!.Rotate(pipeline.LastCommitTime);
                _flusher!.WaitFor(last, cancellationToken);
                _context.Quiesce.Close(cancellationToken);
                try
                {
                    _log!.DropPrepared();
                    _retired.PruneNow(); // what compaction had to give up, and everything else whose time has come
                    _context.Files.SyncDirectory(_context.Segments.DirectoryPath);
                    _context.Files.SyncDirectory(_context.WalDirectory);
                    _context.Files.SyncDirectory(Path);
                    _context.Health.RequireWritable();
                    info = _suspension.Begin(last, duration);
                }
                catch
                {
                    _context.Quiesce.Open();
                    GoOn();
                    throw;
                }
            });
        }
        catch (Exception e) when (IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            throw _context.Health.Failed(e);
        }

        return info!;
    }

    /// <summary>
    /// Ends a suspension; writers go on. If its time limit has ended it before, the first call after that says so: a snapshot that took longer is not of one
    /// moment and has to be taken again.
    /// </summary>
    /// <param name="began">
    /// <see cref="SuspensionInfo.Began"/> of the one that is meant; another one that has begun since is left alone. Null: whichever is in force, or the last one
    /// that its time limit ended.
    /// </param>
    /// <param name="cancellationToken">Not needed here; another process is waited for no longer.</param>
    /// <exception cref="HestiaException">
    /// IndexNotSuspended (of the one that is meant: it was ended before, by whoever called Resume, or its end was told already), IndexClosed.
    /// </exception>
    public SuspensionResult Resume(DateTimeOffset? began = null, CancellationToken cancellationToken = default)
    {
        _context.Health.RequireReadable();
        if (_suspension?.End(SuspensionEnd.Resumed, began) is { } ended) return ended;
        if (_suspension?.TakeExpired(began) is { } expired) return expired;
        throw began is { } time
            ? new HestiaException(
                HestiaErrorCode.IndexNotSuspended,
                $"The suspension of the index '{Path}' that began at {time:u} was ended before."
                + (Suspension is { } other ? $" Another one, which began at {other.Began:u}, goes on until {other.Until:u} at the latest." : ""),
                Path,
                "A snapshot that was not complete by then is not of one moment: take it again.")
            : new HestiaException(
                HestiaErrorCode.IndexNotSuspended, $"The index '{Path}' is not suspended.", Path, "There is nothing to end: writers are not held up.");
    }

    /// <summary>
    /// Runs work in the leader's place while the index is not suspended. The end of a suspension is waited for outside of it: there, writers behind would wait past
    /// their own time, and nothing could cancel the wait.
    /// </summary>
    private void RunUnsuspended(Writing.CommitPipeline pipeline, Action work, CancellationToken cancellationToken)
    {
        for (var done = false; !done;)
        {
            _suspension!.AwaitEnd(cancellationToken);
            pipeline.RunExclusively(() =>
            {
                if (_suspension.Current is not null) return; // begun in between
                _context.Health.RequireWritable();
                cancellationToken.ThrowIfCancellationRequested();
                work();
                done = true;
            });
        }
    }

    /// <summary>What was held up looks for its work again.</summary>
    private void GoOn()
    {
        _flusher!.Signal();
        _compactor!.Signal();
        _log!.PrepareNext();
        WriteUnnotedBackup();
    }
}
