using Hestia.Core.Archiving;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Reading;

namespace Hestia.Core;

/// <content>What the archive of the log needs of an open index.</content>
public sealed partial class HestiaIndex
{
    /// <summary>One shipment at a time. Not tied to a thread: another process may have the turn. Has nothing to dispose.</summary>
    internal SemaphoreSlim ArchiveGate { get; } = new(1, 1);

    /// <summary>Whether the log is archived, where to and how far.</summary>
    internal ArchiveKeeper Archive => _retired.Archive;

    /// <summary>Commit time of the last write that segments or log hold, UTC microseconds.</summary>
    internal long LastCommitTime => _pipeline?.LastCommitTime ?? _live.Manifest.LastCommitTime;

    /// <summary>The timeline that new writes belong to.</summary>
    internal Timeline Timeline => _live.Manifest.Timeline;

    /// <summary>The log files of now as far as they are durable; they stay until it is disposed.</summary>
    /// <exception cref="HestiaException">IndexReadOnly, IndexClosed.</exception>
    internal LogSnapshot SnapshotLog()
    {
        if (_log is null)
            throw new HestiaException(HestiaErrorCode.IndexReadOnly, $"The index '{Path}' was opened read-only.", Path, "Open it without ReadOnly.");
        _context.Health.RequireReadable();
        _retired.HoldLogs();
        try
        {
            // The current file first: one that is closed in between is then among the closed ones; the other way round it could be in neither.
            var current = _log.CurrentFile;
            var result = _retired.ClosedLogs();
            if (current is { } file && !result.Exists(log => log.Path == file.Path)) result.Add(file);
            return new LogSnapshot(result, _retired.ReleaseLogs);
        }
        catch
        {
            _retired.ReleaseLogs();
            throw;
        }
    }

    /// <summary>
    /// Begins a new timeline at the last write: everything is flushed, a manifest names the new timeline, and only then the next write is
    /// taken. Writers wait meanwhile. Detached, it says of itself that it continues no other. The log files of the old timeline stay as long as the archive needs them.
    /// </summary>
    /// <exception cref="HestiaException">IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. Nothing has changed then.</exception>
    internal void BeginTimeline(bool detached, CancellationToken cancellationToken = default)
    {
        var pipeline = Writable();
        try
        {
            RunUnsuspended(pipeline, () =>
            {
                var last = _live.Visible;
                _room!.Rotate(pipeline.LastCommitTime);
                _flusher!.WaitFor(last, cancellationToken);
                var timeline = detached ? Timeline.First() with { BranchLsn = last } : Successor(last);
                _live.Commit(new ManifestEdit { Timeline = timeline });
                _log!.BeginTimeline(timeline.Id);
            }, cancellationToken);
        }
        catch (Exception e) when (IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            throw _context.Health.Failed(e);
        }
    }

    /// <summary>
    /// An index whose archive state names another folder or machine is a copy: from here on its writes are a history of their own, which
    /// must not pass for that of the other. The same goes for one that ends before what was shipped of it: its next writes would take LSNs
    /// that the archive has.
    /// </summary>
    private void LeaveOriginal()
    {
        if (IsReadOnly || Archive.State is not { } state) return;
        var last = LastLsn;
        var ahead = false;
        foreach (var target in state.Targets) ahead |= target.Shipped > last;
        if (!ahead && !Archive.IsCopy) return;
        var left = Timeline;
        BeginTimeline(detached: false);
        var targets = new List<ArchiveTarget>();
        foreach (var target in state.Targets)
            targets.Add(target.Shipped > last ? new ArchiveTarget(target.RepositoryId, Timeline.Id, last, LastCommitTime, null) : target);
        _context.Events?.Raise(
            IndexEventId.TimelineBegun, IndexEventLevel.Warning,
            "The index {IndexName} ({IndexPath}) is a copy of the one its archive knows, or behind it: from LSN {Lsn} on it is a timeline of its own.",
            ("Lsn", last.Value));
        Archive.Save(state.Leaving(left) with { Host = Environment.MachineName, IndexPath = Path, Targets = targets }, CancellationToken.None);
    }

    /// <summary>
    /// The timeline that follows the one of now. Where that one took no write and no backup, the next takes its place: nothing in any archive will
    /// ever tell where it came from, and a way through it would lead nowhere.
    /// </summary>
    private Timeline Successor(Lsn last)
    {
        var now = Timeline;
        var backedUp = MayHaveBackup(last);
        var unused = now.Parent is not null && now.BranchLsn == last && !backedUp;
        return unused ? now with { Id = Guid.NewGuid() } : now.Branch(last);
    }

    /// <summary>Whether a backup holds the last write, as far as backup.json tells; one that cannot be read may have told so.</summary>
    private bool MayHaveBackup(Lsn last)
    {
        try
        {
            return LastBackup.ReadStrictly(_context.Files, Path) is var (id, backup) && id == Id && backup.Lsn >= last;
        }
        catch (Exception e) when (e is InvalidDataException or HestiaException or IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
