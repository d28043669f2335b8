using Hestia.Core.Archiving;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Segments;
using Hestia.Core.Wal;

namespace Hestia.Core.Manifest;

/// <summary>
/// Keeps what is no longer live for a grace period, so that a plain copy of the directory lands on a state that opens, and deletes it
/// afterwards. What is kept follows from the old manifests kept: everything they name stays, and the log back to the oldest one's
/// checkpoint. A manifest goes before what it names. Thread-safe.
/// <para>
/// A segment goes by name, and a compaction may reproduce that very name. So a name is deleted only under this lock, after looking at the
/// live set, the kept manifests, the open views and the names announced by writers; writers announce under the same lock.
/// </para>
/// </summary>
internal sealed class RetiredFiles
{
    /// <summary>So many of the newest stay whatever the time between them; of older ones not more than one for each of so many parts of the grace period.</summary>
    private const int AllOfNewest = 128;

    private const int PartsOfAge = 32;
    private const int MaxManifests = AllOfNewest + PartsOfAge + 1;
    private const long MinBudget = 1L << 30;

    private readonly object _gate = new();
    private readonly IndexContext _context;
    private readonly string _manifestDirectory;
    private readonly LinkedList<Old> _old = new(); // oldest first
    private readonly Dictionary<SegmentId, int> _named = []; // by how many kept manifests, the live one included
    private readonly Dictionary<SegmentId, int> _announced = [];
    private readonly Dictionary<SegmentId, long> _onDisk = [];
    private readonly Dictionary<SegmentId, DateTimeOffset> _orphans = []; // named by nothing when the index was opened, and since when
    private readonly List<LogFile> _logs = []; // closed log files, oldest first
    private ManifestDocument _live;
    private ManifestFile _liveFile;
    private long _retiredBytes;
    private int _logHolds;

    public RetiredFiles(IndexContext context, ManifestStore store, ManifestDocument live, ManifestFile liveFile, ArchiveKeeper archive)
    {
        Archive = archive;
        _context = context;
        _manifestDirectory = store.DirectoryPath;
        _live = live;
        _liveFile = liveFile;
        Name(live, +1);
    }

    /// <summary>Says which log files wait for their shipment.</summary>
    public ArchiveKeeper Archive { get; }

    /// <summary>Bytes of segments and log files kept though nothing live needs them.</summary>
    public long RetiredBytes => Volatile.Read(ref _retiredBytes);

    /// <summary>A manifest of an earlier session, still on disk; call oldest first, before anything else.</summary>
    public void AddOld(ManifestDocument document, ManifestFile file, DateTimeOffset retiredAt)
    {
        using (Hold())
        {
            Name(document, +1);
            _old.AddLast(new Old(document, file, retiredAt));
        }
    }

    /// <summary>A segment file found on disk at open.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="orphanSince">No manifest names it, and this is when it was written.</param>
    public void AddSegmentFile(SegmentId id, long size, DateTimeOffset? orphanSince = null)
    {
        using (Hold())
        {
            _onDisk[id] = size;
            if (orphanSince is { } since) _orphans[id] = since;
        }
    }

    /// <summary>A log file that takes no more records.</summary>
    public void AddLog(string path, Lsn lastLsn, long size)
    {
        using (Hold())
        {
            _logs.Add(new LogFile(path, lastLsn, size));
            _logs.Sort(static (a, b) => a.LastLsn.CompareTo(b.LastLsn));
        }
    }

    /// <summary>The closed log files, oldest first.</summary>
    public List<DurableLog> ClosedLogs()
    {
        lock (_gate) return _logs.ConvertAll(static log => new DurableLog(log.Path, log.Size, Closed: true));
    }

    /// <summary>No log file is deleted until as many <see cref="ReleaseLogs"/>.</summary>
    public void HoldLogs()
    {
        lock (_gate) _logHolds++;
    }

    public void ReleaseLogs()
    {
        lock (_gate) _logHolds--;
    }

    /// <summary>Bytes of closed log files that hold something not shipped yet; 0 if the log is not archived.</summary>
    public long UnshippedBytes
    {
        get
        {
            lock (_gate)
            {
                var archived = Archive.Floor;
                long bytes = 0;
                foreach (var log in _logs)
                    if (log.LastLsn > archived) bytes += log.Size;
                return bytes;
            }
        }
    }

    /// <summary>Bytes of all closed log files.</summary>
    public long LogBytes
    {
        get
        {
            using (Hold())
            {
                long bytes = 0;
                foreach (var log in _logs) bytes += log.Size;
                return bytes;
            }
        }
    }

    /// <summary>A writer is about to publish a segment of this name; it stays until <see cref="Withdraw"/>.</summary>
    public void Announce(SegmentId id, long size)
    {
        using (Hold())
        {
            _announced[id] = _announced.GetValueOrDefault(id) + 1;
            _onDisk[id] = size;
        }
    }

    /// <summary>The manifest that names the segment is durable, or the work was given up.</summary>
    public void Withdraw(SegmentId id)
    {
        using (Hold())
        {
            if (!_announced.TryGetValue(id, out var count)) return;
            if (count > 1) _announced[id] = count - 1;
            else _announced.Remove(id);
        }
    }

    public void ManifestChanged(ManifestDocument before, ManifestDocument after, ManifestFile file)
    {
        using (Hold())
        {
            Name(after, +1);
            _old.AddLast(new Old(before, _liveFile, _context.Files.Clock.GetUtcNow()));
            _live = after;
            _liveFile = file;
        }
    }

    /// <summary>
    /// Deletes what the grace period no longer covers. Failing to delete is not worth failing for: the file is tried again next time.
    /// </summary>
    public void Prune()
    {
        if (!_context.Quiesce.TryEnter()) return;
        try
        {
            PruneNow();
        }
        finally
        {
            _context.Quiesce.Exit();
        }
    }

    /// <summary>As <see cref="Prune"/>, by the one who has closed the gate.</summary>
    public void PruneNow()
    {
        // A failed index does not know which of its manifests will be found at the next open, so it deletes nothing.
        if (_context.Health.Cause is not null) return;
        using (Hold())
        {
            var budget = _context.Options.RetiredBytes ?? Math.Max(MinBudget, _live.SegmentBytes / 4);
            var now = _context.Files.Clock.GetUtcNow();
            var dropped = Thin();
            while (_old.First is { } oldest
                && (now - oldest.Value.RetiredAt >= _context.Options.RetiredAge || _old.Count > MaxManifests || CountRetired() > budget))
            {
                if (!TryDelete(oldest.Value.File.Path)) break;
                _old.RemoveFirst();
                Name(oldest.Value.Document, -1);
                dropped = true;
            }

            if (dropped && !TrySync(_manifestDirectory)) return; // what a manifest names goes only after the manifest is surely gone
            DropSegments(now);
            DropLogs();
            Volatile.Write(ref _retiredBytes, CountRetired());
        }
    }

    /// <summary>
    /// Under load manifests follow one another so fast that a bound on their number alone would end the grace period after a minute. A copy that was begun
    /// at any moment of it needs one that is at most a little older, and the log from there on.
    /// </summary>
    private bool Thin()
    {
        var thinned = false;
        var least = _context.Options.RetiredAge / PartsOfAge;
        while (_old.Count > AllOfNewest)
        {
            // Everything older has been thinned already, so only the one that has just become old is looked at.
            var node = _old.Last!;
            for (var i = 0; i < AllOfNewest; i++) node = node.Previous!;
            while (node.Previous is { } before && node.Value.RetiredAt - before.Value.RetiredAt >= least) node = before;
            if (node.Previous is null || !TryDelete(node.Value.File.Path)) break;
            Name(node.Value.Document, -1);
            _old.Remove(node);
            thinned = true;
        }

        return thinned;
    }

    private WorkScheduler.HeldGate Hold() => _context.Options.Scheduler.Hold(_gate);

    private void DropSegments(DateTimeOffset now)
    {
        List<SegmentId>? gone = null;
        foreach (var id in _onDisk.Keys)
        {
            if (_named.ContainsKey(id) || _announced.ContainsKey(id) || _context.Segments.IsOpen(id)) continue;
            if (_orphans.TryGetValue(id, out var since) && now - since < _context.Options.RetiredAge) continue;
            if (TryDelete(_context.Segments.PathOf(id))) (gone ??= []).Add(id);
        }

        if (gone is null) return;
        foreach (var id in gone)
        {
            _onDisk.Remove(id);
            _orphans.Remove(id);
        }
    }

    private void DropLogs()
    {
        // The oldest kept manifest needs the log from its checkpoint on, to be a state that opens.
        var floor = _old.First?.Value.Document.Checkpoint ?? _live.Checkpoint;
        if (floor > _live.Checkpoint) floor = _live.Checkpoint;
        if (_logHolds > 0) return;
        var archived = Archive.Floor;
        var queueMax = Archive.QueueMaxBytes;
        long queued = 0;
        foreach (var log in _logs)
            if (log.LastLsn > archived && log.LastLsn <= floor) queued += log.Size;
        while (_logs.Count > 0 && _logs[0].LastLsn <= floor)
        {
            var oldest = _logs[0];
            var unshipped = oldest.LastLsn > archived;
            if (unshipped && (queued <= queueMax || !TryGiveUp(oldest.LastLsn))) return;
            if (!TryDelete(oldest.Path)) return;
            if (unshipped) queued -= oldest.Size;
            _logs.RemoveAt(0);
        }
    }

    /// <summary>What was not shipped in time is told before it goes.</summary>
    private bool TryGiveUp(Lsn through)
    {
        try
        {
            Archive.RecordDropped(through);
            _context.Events?.Raise(
                IndexEventId.ArchiveGap, IndexEventLevel.Warning,
                "Log of the index {IndexName} ({IndexPath}) up to LSN {Lsn} was given up before the archive had got it: the queue is full.",
                ("Lsn", through.Value));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (IOErrors.IsSyncFailure(e)) _context.Health.Fail(e);
            return false;
        }
    }

    private long CountRetired()
    {
        long bytes = 0;
        foreach (var (id, size) in _onDisk)
            if (_named.ContainsKey(id)) bytes += size;
        bytes -= _live.SegmentBytes;
        // A log file that only a manifest still kept needs counts; one that nothing needs goes with this pruning anyway.
        var floor = _old.First?.Value.Document.Checkpoint ?? _live.Checkpoint;
        foreach (var log in _logs)
            if (log.LastLsn <= _live.Checkpoint && log.LastLsn > floor) bytes += log.Size;
        return Math.Max(bytes, 0);
    }

    private void Name(ManifestDocument document, int change)
    {
        foreach (var segment in document.Segments)
        {
            var count = _named.GetValueOrDefault(segment.Id) + change;
            if (count > 0) _named[segment.Id] = count;
            else _named.Remove(segment.Id);
            if (change > 0) _onDisk.TryAdd(segment.Id, segment.Size);
        }
    }

    private bool TryDelete(string path)
    {
        try
        {
            _context.Files.DeleteFile(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private bool TrySync(string directory)
    {
        try
        {
            _context.Files.SyncDirectory(directory);
            return true;
        }
        catch (Exception e) when (IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private sealed record Old(ManifestDocument Document, ManifestFile File, DateTimeOffset RetiredAt);

    private sealed record LogFile(string Path, Lsn LastLsn, long Size);
}
