using System.Diagnostics;
using Hestia.Core.Compaction;
using Hestia.Core.Control;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Recovery;
using Hestia.Core.Suspending;
using Hestia.Core.Wal;
using Hestia.Core.Writing;

namespace Hestia.Core;

/// <summary>
/// An embedded, ordered key-value index in one directory, owned by this process while it is open. Keys are 1 to 65,535 bytes in unsigned
/// bytewise order, values up to 64 MiB (<see cref="Limits"/>).
/// <para>
/// Thread-safe: any number of threads may read and write. Readers never wait for writers. Errors are <see cref="HestiaException"/> with a
/// stable code. After a failed sync the index is <see cref="IndexState.Failed"/>: it refuses writes, serves what was durable, and is
/// recovered by closing and opening it.
/// </para>
/// </summary>
public sealed partial class HestiaIndex : IMaintainedIndex, IDisposable
{
    private readonly IndexContext _context;
    private readonly FileLock? _lock;
    private readonly LiveSet _live;
    private readonly RetiredFiles _retired;
    private readonly LogKeeper? _log;
    private readonly WriteRoom? _room;
    private readonly Flusher? _flusher;
    private readonly Compactor? _compactor;
    private readonly CommitPipeline? _pipeline;
    private readonly Suspension? _suspension;
    private readonly IDisposable? _pruneTimer;
    private readonly Lsn _openedAt;
    private readonly ManualResetEventSlim _closed = new(false);
    private ControlServer? _control;
    private int _snapshots;
    private int _pins;

    [ThreadStatic]
    private static WriteBatch? t_single;

    private HestiaIndex(IndexOpener.Opened opened)
    {
        _context = opened.Context;
        _lock = opened.Lock;
        _live = opened.Live;
        _retired = opened.Retired;
        _openedAt = opened.LastLsn;
        Recovery = opened.Report;
        if (!IsReadOnly)
        {
            _log = new LogKeeper(_context, _retired, _live, _live.Manifest.Timeline.Id, opened.Predecessor, opened.LastLsn);
            _room = new WriteRoom(_context, _live, _log);
            _compactor = new Compactor(_context, _live, _room, _retired);
            _flusher = new Flusher(_context, _live, _log, _room, _retired, _compactor.Signal);
            _room.FlushWanted = _flusher.Signal;
            _room.CompactionWanted = _compactor.Signal;
            _suspension = new Suspension(_context) { Over = GoOn };
            _pipeline = new CommitPipeline(_context, _live, _log, _room, _suspension, opened.LastLsn, opened.LastCommitTime);
            var period = TimeSpan.FromSeconds(Math.Clamp(_context.Options.RetiredAge.TotalSeconds / 4, 1, 60));
            _pruneTimer = _context.Options.Scheduler.Repeat(period, _retired.Prune);
        }

        _context.Health.Opened();
        HestiaMeter.Add(this);
        TellOpened();
        _compactor?.Signal();
    }

    /// <summary>Full path of the directory.</summary>
    public string Path => _context.Path;

    /// <summary>Name for people, from index.json.</summary>
    public string Name => Settings.Name ?? System.IO.Path.GetFileName(Path);

    /// <summary>Identity, fixed at creation.</summary>
    public Guid Id => _context.SettingsFile.Id;

    /// <summary>Settings from index.json.</summary>
    public IndexSettings Settings => _context.Settings;

    /// <summary>When the index was created, UTC.</summary>
    public DateTimeOffset Created => _context.SettingsFile.Created;

    /// <summary>Durability in force in this session.</summary>
    public Durability Durability => _context.Durability;

    /// <summary>State now.</summary>
    public IndexState State => _context.Health.State;

    /// <summary>Whether it was opened read-only.</summary>
    public bool IsReadOnly => _context.Options.ReadOnly;

    /// <summary>What opening found and did.</summary>
    public RecoveryReport Recovery { get; private set; }

    /// <summary>The last write that readers see. After a failure, the last one known to be durable.</summary>
    public Lsn LastLsn => ReadLimit();

    /// <summary>The last write known to survive a power loss: in the log and synced, or in segments.</summary>
    public Lsn DurableLsn => _log?.Durable ?? _openedAt;

    /// <summary>The LSN up to which segments hold everything.</summary>
    public Lsn Checkpoint => _live.Checkpoint;

    internal IndexContext Context => _context;

    /// <summary>Views that something still holds; 0 once the index is closed and its readers are done.</summary>
    internal int OpenViews => _live.OpenViews;

    /// <summary>Creates an empty index in a folder that is empty or not there (its parent is), and opens it.</summary>
    /// <exception cref="HestiaException">IndexExists, TargetNotEmpty, PathNotFound, InvalidOption, LockUnsupported, AccessDenied, DiskFull, IoError.</exception>
    public static HestiaIndex Create(string path, IndexSettings? settings = null, IndexOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new IndexOptions();
        OptionRanges.Check(options);
        if (options.ReadOnly) throw new HestiaException(HestiaErrorCode.InvalidOption, "An index can't be created read-only.", path, "Leave one of the two out.");
        var fullPath = FullPath(path);
        IndexCreation.Create(fullPath, settings ?? new IndexSettings(), options.FileSystem);
        return Open(fullPath, options, null, cancellationToken);
    }

    /// <summary>Opens an index and recovers what a crash left; <see cref="Recovery"/> says what that was.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told, from this thread, of the log that is checked and replayed; null for nobody.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// PathNotFound, NotAnIndex, IndexInUse, SettingsDamaged, ManifestMissing, ManifestDamaged, SegmentMissing, SegmentDamaged, WalDamaged, WalGap, ForeignFile,
    /// FormatTooNew, InvalidOption, LockUnsupported, AccessDenied, DiskFull, IoError. Nothing was changed then.
    /// </exception>
    public static HestiaIndex Open(
        string path, IndexOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var opened = IndexOpener.Open(FullPath(path), options ?? new IndexOptions(), progress, cancellationToken);
        HestiaIndex index;
        try
        {
            index = new HestiaIndex(opened);
        }
        catch (Exception e)
        {
            opened.Abandon(e);
            throw;
        }

        try
        {
            index.LeaveOriginal();
            index.Serve();
            return index;
        }
        catch (Exception e)
        {
            index.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, index.Path, "opening");
            throw;
        }
    }

    /// <summary>Sets a key; returns the write's LSN once it is acknowledged.</summary>
    /// <exception cref="HestiaException">KeyEmpty, KeyTooLong, ValueTooLarge, IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. Nothing was written then.</exception>
    public Lsn Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Single(OperationKind.Put, key, value);

    /// <summary>Removes a key, which need not be there; returns the write's LSN once it is acknowledged.</summary>
    /// <exception cref="HestiaException">KeyEmpty, KeyTooLong, IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. Nothing was written then.</exception>
    public Lsn Delete(ReadOnlySpan<byte> key) => Single(OperationKind.Delete, key, default);

    /// <summary>
    /// Writes a batch: all of it or nothing, now and after any crash. Returns the LSN of its last operation once it is acknowledged; an empty
    /// batch returns <see cref="LastLsn"/>. The batch must not be changed meanwhile.
    /// </summary>
    /// <exception cref="HestiaException">IndexFailed, IndexClosed, IndexReadOnly, DiskFull, IoError. Nothing was written then.</exception>
    public Lsn Write(WriteBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var pipeline = Writable();
        return batch.Count == 0 ? LastLsn : pipeline.Commit(batch);
    }

    /// <summary>The value of a key, or null if it is not there.</summary>
    /// <exception cref="HestiaException">SegmentDamaged, IndexClosed, IoError.</exception>
    public byte[]? Get(ReadOnlySpan<byte> key) => Get(key, out _);

    /// <summary>The value of a key and the LSN of the write that made it (<see cref="Lsn.None"/> where that was dropped), or null if it is not there.</summary>
    /// <exception cref="HestiaException">SegmentDamaged, IndexClosed, IoError.</exception>
    public byte[]? Get(ReadOnlySpan<byte> key, out Lsn lsn)
    {
        _context.Health.RequireReadable();
        _context.Counters.Reads.Increment();
        using var lease = _live.Lease();
        return PointRead.Get(lease.View, key, ReadLimit().Value, out lsn);
    }

    /// <summary>
    /// Copies the value of a key into <paramref name="destination"/> without allocating. <paramref name="valueLength"/> is the value's length
    /// also where it did not fit.
    /// </summary>
    /// <exception cref="HestiaException">SegmentDamaged, IndexClosed, IoError.</exception>
    public GetStatus TryGet(ReadOnlySpan<byte> key, Span<byte> destination, out int valueLength, out Lsn lsn)
    {
        _context.Health.RequireReadable();
        _context.Counters.Reads.Increment();
        using var lease = _live.Lease();
        return PointRead.TryGet(lease.View, key, ReadLimit().Value, destination, out valueLength, out lsn);
    }

    /// <summary>A stable view of now. Dispose it.</summary>
    /// <exception cref="HestiaException">SnapshotLimit, IndexClosed.</exception>
    public IndexSnapshot CreateSnapshot()
    {
        _context.Health.RequireReadable();
        var held = _live.SnapshotBytes();
        if (held > _context.Options.MaxSnapshotBytes)
        {
            throw new HestiaException(
                HestiaErrorCode.SnapshotLimit,
                $"Open snapshots and cursors of '{Path}' keep {held:N0} bytes of memory; the limit is {_context.Options.MaxSnapshotBytes:N0}.",
                Path,
                "Dispose snapshots and cursors sooner, or raise MaxSnapshotBytes.");
        }

        var (view, lsn) = _live.AcquireSnapshot();
        var limit = ReadLimit();
        _context.Counters.Snapshots.Increment();
        Interlocked.Increment(ref _snapshots);
        return new IndexSnapshot(view, lsn < limit ? lsn : limit, () => Interlocked.Decrement(ref _snapshots));
    }

    /// <summary>A cursor over the entries of now that the options name. Dispose it.</summary>
    /// <exception cref="HestiaException">SnapshotLimit, IndexClosed, InvalidOption.</exception>
    public IndexCursor Scan(ScanOptions options = default)
    {
        using var snapshot = CreateSnapshot();
        return snapshot.Scan(options);
    }

    /// <summary>Files of the current manifest that stay until the pin is disposed. Flush first to have everything in them.</summary>
    /// <exception cref="HestiaException">IndexClosed.</exception>
    public IndexPin Pin(CancellationToken cancellationToken = default)
    {
        _context.Health.RequireReadable();
        var (view, manifest, bytes) = _live.AcquirePinned();
        Interlocked.Increment(ref _pins);
        return new IndexPin(manifest, bytes, _context.SettingsBytes, _context.Segments.PathOf, () =>
        {
            view.Release();
            Interlocked.Decrement(ref _pins);
        });
    }

    private void TellOpened()
    {
        if (_context.Events is not { } events) return;
        events.Raise(
            IndexEventId.Opened, IndexEventLevel.Information,
            "The index {IndexName} ({IndexPath}) was opened at LSN {Lsn}, {Durability}: {Operations} operations replayed from the log in {Milliseconds} ms.",
            ("Lsn", LastLsn.Value), ("Durability", IsReadOnly ? "read-only" : Durability), ("Operations", Recovery.ReplayedOperations),
            ("Milliseconds", Math.Round(Recovery.Duration.TotalMilliseconds, 1)));
        foreach (var notice in Recovery.Notices)
        {
            events.Raise(
                IndexEventId.Recovered, IndexEventLevel.Warning,
                "Opening the index {IndexName} ({IndexPath}) found {Code}: {Notice}", ("Code", notice.Code), ("Notice", notice.Message));
        }
    }

    private static string FullPath(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
    }

    private Lsn Single(OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var pipeline = Writable();
        var batch = t_single ?? new WriteBatch();
        t_single = null;
        try
        {
            if (kind == OperationKind.Put) batch.Put(key, value);
            else batch.Delete(key);
            return pipeline.Commit(batch);
        }
        finally
        {
            batch.Clear();
            if (batch.CapacityBytes <= 1 << 20) t_single = batch;
            else batch.Dispose();
        }
    }

    private CommitPipeline Writable()
    {
        if (_pipeline is null)
            throw new HestiaException(HestiaErrorCode.IndexReadOnly, $"The index '{Path}' was opened read-only.", Path, "Open it without ReadOnly to write.");
        _context.Health.RequireWritable();
        return _pipeline;
    }

    /// <summary>A failed index shows nothing that was not durable; what it had shown before in Async or Off may be gone from view then.</summary>
    private Lsn ReadLimit()
    {
        var visible = _live.Visible;
        if (_context.Health.Cause is null) return visible;
        var durable = DurableLsn;
        return durable < visible ? durable : visible;
    }
}
