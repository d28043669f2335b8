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
    private readonly Guid _timeline;
    private readonly LiveSet _live;
    private readonly Timer? _syncTimer;
    private readonly object _prepareGate = new();
    private readonly long _preallocateBytes;
    private WalWriter? _writer;
    private WalPredecessor _predecessor;
    private Task<WalPreparedFile?>? _prepared;
    private ulong _durable;
    private long _syncs;
    private long _bytesWritten;
    private long _unsyncedSince;
    private int _syncScheduled;
    private int _earlySync;

    public LogKeeper(IndexContext context, RetiredFiles retired, LiveSet live, Guid timeline, WalPredecessor predecessor, Lsn durable)
    {
        _context = context;
        _retired = retired;
        _live = live;
        _timeline = timeline;
        _predecessor = predecessor;
        _durable = durable.Value;
        _preallocateBytes = Math.Min(context.Options.MemtableBytes, 64L << 20);
        if (context.Durability == Durability.Async) _syncTimer = new Timer(_ => SyncInBackground());
    }

    /// <summary>Last LSN whose log record (or segment) survives a power loss.</summary>
    public Lsn Durable => new(Volatile.Read(ref _durable));

    public long Syncs => Interlocked.Read(ref _syncs);

    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    public long CurrentBytes => _writer?.AppendOffset ?? 0;

    private bool IsAsync => _syncTimer is not null;

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

        if (!IsAsync) return;
        if (Interlocked.Exchange(ref _syncScheduled, 1) == 0) _syncTimer!.Change(AsyncSyncPeriod, Timeout.InfiniteTimeSpan);
        if (writer.AppendOffset - Volatile.Read(ref _unsyncedSince) > AsyncSyncBytes && Interlocked.Exchange(ref _earlySync, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static keeper => keeper.SyncInBackground(), this, preferLocal: false);
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
        Prepare();
    }

    public void Dispose()
    {
        _syncTimer?.Dispose();
        _writer?.Dispose();
        lock (_prepareGate)
        {
            _prepared?.ContinueWith(static task => task.Result?.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Wait();
            _prepared = null;
        }
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
            var prepared = TakePrepared();
            Volatile.Write(ref _unsyncedSince, 0);
            return prepared is null
                ? WalWriter.Create(_context.Files, _context.WalDirectory, header, _preallocateBytes)
                : WalWriter.Activate(_context.Files, prepared, header);
        }
        catch (Exception e) when (IOErrors.IsSyncFailure(e))
        {
            _context.Health.Fail(e);
            throw;
        }
    }

    /// <summary>Makes the next file in the background. A failure there is no failure yet: the file is then made when it is needed.</summary>
    private void Prepare()
    {
        lock (_prepareGate)
        {
            _prepared ??= Task.Run(() =>
            {
                try
                {
                    return WalPreparedFile.Prepare(_context.Files, _context.WalDirectory, _preallocateBytes);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    return null;
                }
            });
        }
    }

    private WalPreparedFile? TakePrepared()
    {
        Task<WalPreparedFile?>? task;
        lock (_prepareGate)
        {
            task = _prepared;
            _prepared = null;
        }

        return task?.GetAwaiter().GetResult();
    }

    private void SyncInBackground()
    {
        Interlocked.Exchange(ref _syncScheduled, 0);
        try
        {
            // What is visible was appended before; the writer may be sealed and replaced meanwhile, which syncs it as well.
            var visible = _live.Visible;
            var writer = Volatile.Read(ref _writer);
            if (writer is null || _context.Health.State is not (IndexState.Ready or IndexState.Closing)) return;
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
        finally
        {
            Interlocked.Exchange(ref _earlySync, 0);
        }
    }
}
