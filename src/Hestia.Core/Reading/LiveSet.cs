using System.Runtime.CompilerServices;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Segments;

namespace Hestia.Core.Reading;

/// <summary>A change of the manifest: what goes, what comes, and how far the checkpoint moves.</summary>
internal sealed record ManifestEdit
{
    public IReadOnlyCollection<ManifestSegment> Removed { get; init; } = [];

    /// <summary>New level-0 segments come newest first.</summary>
    public IReadOnlyCollection<ManifestSegment> Added { get; init; } = [];

    /// <summary>The memtable whose operations the added segments hold, or null.</summary>
    public MemTable? Flushed { get; init; }

    /// <summary>The timeline that begins with this manifest, or null.</summary>
    public Timeline? Timeline { get; init; }
}

/// <summary>
/// What is alive now: the manifest, the view that readers take, and how far they may see. Manifests are written one at a time
/// under one lock; views are swapped under another, which is held for moments only. Thread-safe.
/// </summary>
internal sealed class LiveSet : IDisposable
{
    private readonly object _manifestGate = new();
    private readonly object _viewGate = new();
    private readonly IndexContext _context;
    private readonly ManifestStore _store;
    private readonly Dictionary<MemTable, long> _commitTimes = [];
    private readonly List<MemTable> _flushed = [];
    private readonly ViewSlots _slots = new();
    private IndexView _view;
    private ManifestDocument _manifest;
    private byte[] _manifestBytes;
    private ulong _lastNumber;
    private ulong _visible;
    private int _views;
    private bool _closed;

    /// <summary>Takes over the memtables (newest first) and opens the manifest's segments.</summary>
    /// <param name="lastNumber">The largest manifest number ever seen in the directory; it is never used again.</param>
    public LiveSet(IndexContext context, ManifestStore store, ManifestDocument manifest, byte[] manifestBytes, ulong lastNumber, MemTable[] memtables, Lsn visible)
    {
        _context = context;
        _store = store;
        _manifest = manifest;
        _manifestBytes = manifestBytes;
        _lastNumber = Math.Max(lastNumber, manifest.Number);
        _visible = visible.Value;
        foreach (var memtable in memtables) _commitTimes[memtable] = manifest.LastCommitTime;
        _view = NewView(memtables, OpenLevels(manifest), manifest.Checkpoint);
    }

    /// <summary>Called after a manifest took effect, one change after the other: the old one, the new one and its file.</summary>
    public event Action<ManifestDocument, ManifestDocument, ManifestFile>? ManifestChanged;

    public ManifestDocument Manifest
    {
        get
        {
            lock (_viewGate) return _manifest;
        }
    }

    public Lsn Checkpoint => Manifest.Checkpoint;

    /// <summary>Readers see every write up to here. Written by the commit leader after a write is in the memtable.</summary>
    public Lsn Visible => new(Volatile.Read(ref _visible));

    public int OpenViews => Volatile.Read(ref _views);

    public void SetVisible(ulong lsn) => Volatile.Write(ref _visible, lsn);

    /// <summary>The current view; release it. Everything acknowledged before this call is in it.</summary>
    public IndexView Acquire()
    {
        while (true)
        {
            var view = Volatile.Read(ref _view);
            if (view.TryAcquire()) return view;
            _context.Health.RequireReadable(); // the last view goes with the index; any other gone view has a successor
        }
    }

    /// <summary>As <see cref="Acquire"/>, for one point read: without a count that all readers share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ViewLease Lease()
    {
        var slot = _slots.Mine;
        return slot.Take() is { } view ? new ViewLease(view, slot) : LeaseSlow(slot);
    }

    /// <summary>
    /// A view and the LSN it is to be read at, such that the view holds exactly that state: its segments must hold nothing newer, because
    /// segments keep one version of a key.
    /// </summary>
    public (IndexView View, Lsn Lsn) AcquireSnapshot()
    {
        while (true)
        {
            var lsn = Visible;
            var view = Acquire();
            if (view.Checkpoint <= lsn) return (view, lsn);
            view.Release();
        }
    }

    /// <summary>Segments and manifest of one moment, without memtables: what a backup copies.</summary>
    public (IndexView View, ManifestDocument Manifest, byte[] Bytes) AcquirePinned()
    {
        lock (_viewGate)
        {
            if (_closed) _context.Health.RequireReadable();
            foreach (var level in _view.Levels)
                foreach (var segment in level) _context.Segments.Acquire(segment.Manifest);
            return (NewView([], _view.Levels, _view.Checkpoint), _manifest, _manifestBytes);
        }
    }

    /// <summary>The segments alone, for work that takes long: memtables that are flushed meanwhile give their memory back.</summary>
    public IndexView AcquireSegments() => AcquirePinned().View;

    /// <summary>The memtable that takes writes. Only the commit leader changes it.</summary>
    public MemTable Active => Volatile.Read(ref _view).Memtables[0];

    public int MemtableCount => Volatile.Read(ref _view).Memtables.Length;

    public int Level0Count => Volatile.Read(ref _view).Levels[0].Length;

    /// <summary>Puts a fresh memtable in front. The one before takes no more writes from now on.</summary>
    public void Rotate(MemTable fresh, long lastCommitTime)
    {
        lock (_viewGate)
        {
            var old = _view;
            _commitTimes[old.Memtables[0]] = lastCommitTime;
            var memtables = new MemTable[old.Memtables.Length + 1];
            memtables[0] = fresh;
            old.Memtables.CopyTo(memtables, 1);
            Swap(memtables, old.Levels, old.Checkpoint, keepMemtables: 1);
        }
    }

    /// <summary>Bytes of keys and values in all memtables.</summary>
    public long MemtableDataBytes
    {
        get
        {
            lock (_viewGate)
            {
                var bytes = 0L;
                foreach (var memtable in _view.Memtables) bytes += memtable.DataBytes;
                return bytes;
            }
        }
    }

    /// <summary>The oldest memtable that waits for its flush, or null; acquired for the caller.</summary>
    public MemTable? AcquireOldestFrozen()
    {
        lock (_viewGate)
        {
            if (_view.Memtables.Length < 2) return null;
            var oldest = _view.Memtables[^1];
            return oldest.TryAcquire() ? oldest : null;
        }
    }

    /// <summary>Writes a new manifest durably and then shows it to readers.</summary>
    /// <exception cref="HestiaException">SegmentLimit, IndexFailed.</exception>
    public ManifestDocument Commit(ManifestEdit edit)
    {
        ManifestDocument before, after;
        ManifestFile file;
        using (_context.Options.Scheduler.Hold(_manifestGate))
        {
            // One that may be on the device although its writing failed is no base for another, nor is the one before it any more.
            if (_context.Health.Cause is { } cause) throw _context.Health.Failed(cause);
            before = _manifest;
            var (checkpoint, commitTime) = edit.Flushed is { } flushed
                ? (new Lsn(flushed.LastLsn), CommitTimeOf(flushed))
                : (before.Checkpoint, before.LastCommitTime);
            after = before with
            {
                Number = ++_lastNumber,
                Timeline = edit.Timeline ?? before.Timeline,
                Checkpoint = checkpoint,
                NextLsn = checkpoint.Next,
                LastCommitTime = commitTime,
                Segments = Apply(before.Segments, edit),
            };
            if (after.Segments.Count > Limits.MaxSegments && after.Segments.Count > before.Segments.Count)
            {
                throw new HestiaException(
                    HestiaErrorCode.SegmentLimit,
                    $"The index '{_context.Path}' would hold {after.Segments.Count:N0} segments; the limit is {Limits.MaxSegments:N0}.",
                    _context.Path,
                    "Let compaction catch up, or run Optimize-HestiaIndex.");
            }

            // Opened first: once the manifest is written, nothing on the way to showing it may fail any more.
            var levels = OpenLevels(after);
            byte[] bytes;
            try
            {
                file = _store.Write(after, out bytes);
            }
            catch (Exception e)
            {
                foreach (var level in levels)
                    foreach (var segment in level) _context.Segments.Release(segment);
                FailIfPublished(after, e);
                throw;
            }

            lock (_viewGate)
            {
                _manifest = after;
                _manifestBytes = bytes;
                var memtables = _view.Memtables;
                if (edit.Flushed is { } gone)
                {
                    memtables = memtables[..^1];
                    _commitTimes.Remove(gone);
                    TrackFlushed(gone);
                }

                SwapOpened(memtables, levels, checkpoint);
            }

            // Told under the gate: two changes told in the wrong order would have the older manifest kept for the live one.
            ManifestChanged?.Invoke(before, after, file);
        }

        return after;
    }

    /// <summary>Bytes of memtables that only snapshots keep.</summary>
    public long SnapshotBytes()
    {
        lock (_viewGate)
        {
            long bytes = 0;
            for (var i = _flushed.Count - 1; i >= 0; i--)
            {
                if (!_flushed[i].TryAcquire())
                {
                    _flushed.RemoveAt(i);
                    continue;
                }

                bytes += _flushed[i].AllocatedBytes;
                _flushed[i].Release();
            }

            return bytes;
        }
    }

    /// <summary>Lets the current view go. When the last reader has left, so has everything native.</summary>
    public void Dispose()
    {
        lock (_viewGate)
        {
            if (_closed) return;
            Volatile.Write(ref _closed, true);
        }

        _slots.Clear();
        _view.Release();
    }

    /// <summary>
    /// A manifest that could not be written is tried again under the next number. But if it has its name already, nobody knows whether it will
    /// be there after a crash: then neither it nor the one before can be built upon.
    /// </summary>
    private void FailIfPublished(ManifestDocument document, Exception cause)
    {
        try
        {
            var name = ManifestFormat.FileName(document.Number, document.Checkpoint);
            if (!_context.Files.FileExists(System.IO.Path.Combine(_store.DirectoryPath, name))) return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // not known either
        }

        _context.Health.Fail(cause);
    }

    private void TrackFlushed(MemTable memtable)
    {
        SnapshotBytesPrune();
        _flushed.Add(memtable);
    }

    private void SnapshotBytesPrune()
    {
        for (var i = _flushed.Count - 1; i >= 0; i--)
        {
            if (_flushed[i].TryAcquire()) _flushed[i].Release();
            else _flushed.RemoveAt(i);
        }
    }

    private long CommitTimeOf(MemTable memtable)
    {
        lock (_viewGate) return Math.Max(_commitTimes[memtable], _manifest.LastCommitTime);
    }

    private IndexView NewView(MemTable[] memtables, LiveSegment[][] levels, Lsn checkpoint)
    {
        Interlocked.Increment(ref _views);
        return new IndexView(_context.Segments, memtables, levels, checkpoint, ViewReleased);
    }

    private void ViewReleased(IndexView view)
    {
        // Blocks and handles are native: they go with the very last view, which may be a reader's that outlived the index.
        if (Interlocked.Decrement(ref _views) != 0 || !Volatile.Read(ref _closed)) return;
        _context.Cache.Dispose();
    }

    private void Swap(MemTable[] memtables, LiveSegment[][] levels, Lsn checkpoint, int keepMemtables)
    {
        foreach (var memtable in memtables.AsSpan(keepMemtables)) Acquired(memtable);
        foreach (var level in levels)
            foreach (var segment in level) _context.Segments.Acquire(segment.Manifest);
        Publish(NewView(memtables, levels, checkpoint));
    }

    private void SwapOpened(MemTable[] memtables, LiveSegment[][] levels, Lsn checkpoint)
    {
        foreach (var memtable in memtables) Acquired(memtable);
        Publish(NewView(memtables, levels, checkpoint));
    }

    private void Publish(IndexView view)
    {
        var old = _view;
        Volatile.Write(ref _view, view);
        _slots.Clear();
        old.Release();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ViewLease LeaseSlow(ViewSlots.Slot slot)
    {
        if (!slot.TryBeginFill()) return new ViewLease(Acquire(), null);
        try
        {
            // Looked at after the slot was taken: whoever closes does it the other way round, so one of the two sees the other and nothing is
            // left in a slot of a closed index.
            var view = Acquire();
            if (Volatile.Read(ref _closed))
            {
                slot.CancelFill();
                return new ViewLease(view, null);
            }

            slot.Fill(view);
            return new ViewLease(view, slot);
        }
        catch
        {
            slot.CancelFill();
            throw;
        }
    }

    private static void Acquired(MemTable memtable)
    {
        if (!memtable.TryAcquire()) throw new InvalidOperationException("A memtable of the current view was freed.");
    }

    private LiveSegment[][] OpenLevels(ManifestDocument manifest)
    {
        var lists = new List<LiveSegment>[ManifestFormat.Levels];
        for (var i = 0; i < lists.Length; i++) lists[i] = [];
        try
        {
            foreach (var segment in manifest.Segments) lists[segment.Level].Add(_context.Segments.Acquire(segment));
        }
        catch
        {
            foreach (var list in lists)
                foreach (var segment in list) _context.Segments.Release(segment);
            throw;
        }

        return Array.ConvertAll(lists, static list => list.ToArray());
    }

    /// <summary>Level 0 stays newest first; deeper levels stay sorted by key.</summary>
    private static List<ManifestSegment> Apply(IReadOnlyList<ManifestSegment> segments, ManifestEdit edit)
    {
        var removed = new HashSet<(SegmentId, int)>();
        foreach (var segment in edit.Removed) removed.Add((segment.Id, segment.Level));
        var result = new List<ManifestSegment>(segments.Count + edit.Added.Count);
        foreach (var segment in edit.Added)
            if (segment.Level == 0) result.Add(segment);
        var removedFound = 0;
        Span<bool> placed = stackalloc bool[ManifestFormat.Levels];
        foreach (var segment in segments)
        {
            if (!removed.Contains((segment.Id, segment.Level)))
            {
                result.Add(segment);
                continue;
            }

            removedFound++;
            if (segment.Level > 0) Place(segment.Level, placed);
        }

        if (removedFound != removed.Count) throw new InvalidOperationException("A manifest edit removes a segment that is not live.");
        for (var level = 1; level < placed.Length; level++) Place(level, placed);
        // A stable order by level keeps level 0 newest first. Below, the bounds give the key order; where long keys share a cut bound, the order they stand in
        // here does: what is added comes in key order and takes the place of what it was made from.
        var index = 0;
        var keyed = new List<(ManifestSegment Segment, int Order)>(result.Count);
        foreach (var segment in result) keyed.Add((segment, index++));
        keyed.Sort(static (a, b) =>
        {
            var order = a.Segment.Level.CompareTo(b.Segment.Level);
            if (order != 0) return order;
            if (a.Segment.Level == 0) return a.Order.CompareTo(b.Order);
            order = a.Segment.LowerBound.AsSpan().SequenceCompareTo(b.Segment.LowerBound);
            if (order != 0) return order;
            order = a.Segment.UpperBound.AsSpan().SequenceCompareTo(b.Segment.UpperBound);
            return order != 0 ? order : a.Order.CompareTo(b.Order);
        });
        result.Clear();
        foreach (var (segment, _) in keyed) result.Add(segment);
        return result;

        void Place(int level, Span<bool> done)
        {
            if (done[level]) return;
            done[level] = true;
            foreach (var segment in edit.Added)
                if (segment.Level == level) result.Add(segment);
        }
    }
}
