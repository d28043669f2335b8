using Hestia.Core.Archiving;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Reading;
using Hestia.Core.Wal;

namespace Hestia.Core.Writing;

/// <summary>
/// The log files of an open index: the one being appended to, the next one made ahead of need, the closed ones. Appending and sealing belong
/// to the commit leader; the background sync of <see cref="Durability.Async"/> runs beside it.
/// </summary>
internal sealed class LogKeeper : IDisposable
{
    /// <summary>Async: how long an acknowledged write may stay unsynced is twice this.</summary>
    private static readonly TimeSpan AsyncSyncPeriod = TimeSpan.FromMilliseconds(500);

    /// <summary>Async: so many unsynced bytes start a sync early, so that sealing a file finds little left to do.</summary>
    private const long AsyncSyncBytes = 8L << 20;

    private readonly IndexContext _context;
    private readonly RetiredFiles _retired;
    private Guid _timeline;
    private readonly LiveSet _live;
    private readonly BackgroundWork _syncing;
    private readonly ManualResetEventSlim _syncNow = new(false);
    private readonly BackgroundWork _preparing;
    private readonly long _preallocateBytes;
    private WalWriter? _writer;
    private WalPredecessor _predecessor;
    private WalPreparedFile? _prepared;
    private ulong _durable;
    private long _syncs;
    private long _bytesWritten;
    private long _unsyncedSince;
    private volatile bool _disposed;
    private bool _async; // the commit leader's

    public LogKeeper(IndexContext context, RetiredFiles retired, LiveSet live, Guid timeline, WalPredecessor predecessor, Lsn durable)
    {
        _context = context;
        _retired = retired;
        _live = live;
        _timeline = timeline;
        _predecessor = predecessor;
        _durable = durable.Value;
        _preallocateBytes = Math.Min(context.Options.MemtableBytes, 64L << 20);
        // Threads of their own and not the pool's: a pool full of waiting writers would keep them waiting for what they wait for.
        _preparing = new BackgroundWork(context, "hestia-log", Prepare);
        _syncing = new BackgroundWork(context, "hestia-sync", SyncInBackground);
        DurabilityChanged();
    }

    /// <summary>Last LSN whose log record (or segment) survives a power loss.</summary>
    public Lsn Durable => new(Volatile.Read(ref _durable));

    public long Syncs => Interlocked.Read(ref _syncs);

    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    public long CurrentBytes => _writer?.AppendOffset ?? 0;

    /// <summary>The file to append to; made now if there is none.</summary>
    public WalWriter Current(Lsn firstLsn, long commitTime) => _writer ??= Start(firstLsn, commitTime);

    /// <summary>Appends a group. A refused append leaves the log as it was unless the writer says it failed; then so has the index.</summary>
    public void Append(WalRecordBuilder records)
    {
        var writer = _writer!;
        try
        {
            writer.Append(records.Records);
            Interlocked.Add(ref _bytesWritten, records.Length);
        }
        catch (Exception)
        {
            if (writer.Failure is { } failure) _context.Health.Fail(failure);
            throw;
        }

        if (!_async) return;
        _syncing.Signal();
        if (writer.AppendOffset - Volatile.Read(ref _unsyncedSince) > AsyncSyncBytes) _syncNow.Set();
    }

    /// <summary>Makes everything appended durable. The first failure fails the index.</summary>
    public void Sync(Lsn lastAppended)
    {
        var writer = _writer;
        if (writer is null) return;
        try
        {
            writer.SyncData();
            Interlocked.Increment(ref _syncs);
        }
        catch (Exception e)
        {
            _context.Health.Fail(e);
            throw;
        }

        Advance(lastAppended.Value);
    }

    /// <summary>Segments hold everything up to here, so it is durable without the log.</summary>
    public void Advance(ulong lsn)
    {
        var current = Volatile.Read(ref _durable);
        while (lsn > current)
        {
            var seen = Interlocked.CompareExchange(ref _durable, lsn, current);
            if (seen == current) return;
            current = seen;
        }
    }

    /// <summary>Takes over the durability of the context. The commit leader's, with everything flushed and no file begun.</summary>
    public void DurabilityChanged() => _async = _context.Durability == Durability.Async;

    /// <summary>Makes the next file, where that is worth while.</summary>
    public void PrepareNext()
    {
        if (_context.Durability != Durability.Off) _preparing.Signal();
    }

    /// <summary>Removes the file made ahead of need. The commit leader's, while none can be made.</summary>
    public void DropPrepared() => Interlocked.Exchange(ref _prepared, null)?.Dispose();

    /// <summary>The file being appended to, as far as it is durable; null if there is none.</summary>
    public DurableLog? CurrentFile =>
        Volatile.Read(ref _writer) is { } writer ? new DurableLog(writer.Path, writer.SyncedOffset, Closed: false) : null;

    /// <summary>
    /// Files begun from here on belong to another timeline. The commit leader's, with everything flushed: a file that is still open has taken
    /// no record (its only ones were refused), and the next one needs its name.
    /// </summary>
    public void BeginTimeline(Guid timeline)
    {
        _timeline = timeline;
        if (_writer is not { } unused) return;
        _writer = null;
        unused.Dispose();
        _context.Files.DeleteFile(unused.Path);
        _context.Files.SyncDirectory(_context.WalDirectory);
    }

    /// <summary>Ends the current file, synced, so that the next record begins a new one.</summary>
    public void Seal(Lsn lastAppended)
    {
        var writer = _writer;
        if (writer is null) return;
        try
        {
            writer.Seal();
            Interlocked.Increment(ref _syncs);
        }
        catch (Exception e)
        {
            _context.Health.Fail(e);
            throw;
        }

        Advance(lastAppended.Value);
        _predecessor = writer.AsPredecessor;
        _writer = null;
        Volatile.Write(ref _unsyncedSince, 0);
        writer.Dispose();
        _retired.AddLog(writer.Path, writer.LastLsn, writer.AppendOffset);
        _preparing.Signal();
    }

    public void Dispose()
    {
        _disposed = true;
        _syncNow.Set();
        _syncing.Stop();
        _preparing.Stop();
        _writer?.Dispose();
        Interlocked.Exchange(ref _prepared, null)?.Dispose();
        _syncNow.Dispose();
    }

    private WalWriter Start(Lsn firstLsn, long commitTime)
    {
        var header = new WalFileHeader
        {
            IndexId = _context.SettingsFile.Id,
            TimelineId = _timeline,
            FirstLsn = firstLsn,
            CreatedMicroseconds = commitTime,
            Predecessor = _predecessor,
        };
        try
        {
            var prepared = Interlocked.Exchange(ref _prepared, null); // not there yet: made here and now
            Volatile.Write(ref _unsyncedSince, 0);
            return prepared is null
                ? WalWriter.Create(_context.Files, _context.WalDirectory, header, _preallocateBytes, _context.Options.Scheduler)
                : WalWriter.Activate(_context.Files, prepared, header, _context.Options.Scheduler);
        }
        catch (Exception e) when (IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            throw;
        }
    }

    /// <summary>Makes the next file ahead of need. A failure here is no failure yet: the file is then made when it is needed.</summary>
    private bool Prepare()
    {
        if (Volatile.Read(ref _prepared) is not null || !_context.Quiesce.TryEnter()) return false;
        try
        {
            var prepared = WalPreparedFile.Prepare(_context.Files, _context.WalDirectory, _preallocateBytes);
            Interlocked.Exchange(ref _prepared, prepared)?.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // the disk may be full now and not later
        }
        finally
        {
            _context.Quiesce.Exit();
        }

        return false;
    }

    /// <summary>One round of the background sync: wait for its time, then sync what was appended until then.</summary>
    private bool SyncInBackground()
    {
        _context.Options.Scheduler.Delay(AsyncSyncPeriod, _syncNow);
        _syncNow.Reset();
        if (_disposed || _context.Health.Cause is not null) return false;
        try
        {
            // What is visible was appended before. If the writer is sealed and replaced meanwhile, that syncs it as well.
            var visible = _live.Visible;
            var writer = Volatile.Read(ref _writer);
            if (writer is null) return false;
            var offset = writer.SyncData();
            Interlocked.Increment(ref _syncs);
            if (ReferenceEquals(writer, Volatile.Read(ref _writer))) Volatile.Write(ref _unsyncedSince, offset);
            Advance(visible.Value);
        }
        catch (ObjectDisposedException)
        {
            // sealed and closed between reading and syncing it
        }
        catch (Exception e)
        {
            _context.Health.Fail(e);
        }

        return false;
    }
}
