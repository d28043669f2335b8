using Hestia.Core;

namespace HestiaPS;

/// <summary>
/// The operations a pipeline has handed over and not committed yet. The pipeline thread adds and commits; a clock commits what has waited
/// too long, so that a slow producer's last entries do not hang in the air. One lock orders the two.
/// </summary>
internal sealed class PendingBatch : IDisposable
{
    /// <summary>Encoded bytes at which a batch is full whatever its count.</summary>
    private const int FullBytes = 1 << 20;

    private readonly object _gate = new();
    private readonly IndexSession _session;
    private readonly HestiaIndex _index;
    private readonly int _fullCount;
    private readonly TimeSpan _interval;
    private readonly WriteBatch _batch = new();
    private readonly Timer? _clock;
    private readonly List<IndexEntry>? _entries;
    private readonly List<IndexEntry>? _committed;
    private Exception? _failure;
    private volatile bool _dropped;

    public PendingBatch(IndexSession session, HestiaIndex index, int fullCount, TimeSpan interval, bool keepEntries)
    {
        _session = session;
        _index = index;
        _fullCount = interval == TimeSpan.Zero ? 1 : fullCount;
        _interval = interval;
        if (keepEntries)
        {
            _entries = [];
            _committed = [];
        }

        if (interval > TimeSpan.Zero && interval.TotalMilliseconds < uint.MaxValue - 1)
            _clock = new Timer(static state => ((PendingBatch)state!).CommitByClock(), this, Timeout.Infinite, Timeout.Infinite);
    }

    public (int Count, int Bytes) Size
    {
        get
        {
            lock (_gate) return (_batch.Count, _batch.EncodedBytes);
        }
    }

    /// <summary>Adds a put, or a delete where the value is null; true when the batch is full now.</summary>
    public bool Add(byte[] key, byte[]? value)
    {
        lock (_gate)
        {
            if (_dropped) return false;
            if (value is null)
            {
                _batch.Delete(key);
            }
            else
            {
                _batch.Put(key, value);
                _entries?.Add(new IndexEntry(DataEncoder.Decode(_session.KeyEncoding, key),
                    DataEncoder.Decode(_session.ValueEncoding, value), 0));
            }

            if (_batch.Count == 1) _clock?.Change(_interval, Timeout.InfiniteTimeSpan);
            return _batch.Count >= _fullCount || _batch.EncodedBytes >= FullBytes;
        }
    }

    /// <summary>Refuses what <see cref="Add"/> would refuse, and keeps nothing.</summary>
    public void Check(byte[] key, byte[]? value)
    {
        lock (_gate)
        {
            if (value is null) _batch.Delete(key);
            else _batch.Put(key, value);
            _batch.Clear();
        }
    }

    /// <summary>Writes what is there. Returns the LSN of the last operation.</summary>
    public Lsn Commit()
    {
        lock (_gate) return CommitHeld();
    }

    /// <summary>Forgets what is there.</summary>
    public void Clear()
    {
        lock (_gate) ClearHeld();
    }

    /// <summary>Commits nothing more: the pipeline is being stopped. Does not wait for a commit that is under way.</summary>
    public void Stop() => _dropped = true;

    /// <summary>What the clock's commit failed with, once.</summary>
    public Exception? TakeFailure()
    {
        if (Volatile.Read(ref _failure) is null) return null;
        return Interlocked.Exchange(ref _failure, null);
    }

    /// <summary>Entries committed since the last call, with their LSNs.</summary>
    public IndexEntry[] TakeCommitted()
    {
        lock (_gate)
        {
            if (_committed is not { Count: > 0 }) return [];
            IndexEntry[] taken = [.. _committed];
            _committed.Clear();
            return taken;
        }
    }

    public void Dispose()
    {
        Stop();
        _clock?.Dispose();

        // A commit of the clock that is under way is waited for: the batch is whole in the index when the pipeline has ended.
        lock (_gate)
        {
            ClearHeld();
            _batch.Dispose();
        }
    }

    private void CommitByClock()
    {
        lock (_gate)
        {
            if (_dropped || _batch.Count == 0 || _failure is not null) return;
            try
            {
                CommitHeld();
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                _failure = failure;
                ClearHeld();
            }
        }
    }

    private Lsn CommitHeld()
    {
        var count = _batch.Count;
        if (count == 0 || _dropped) return Lsn.None;
        var last = _index.Write(_batch);
        _session.Committed(last);
        if (_entries is not null)
        {
            // A batch takes consecutive LSNs; the one returned is its last.
            for (var i = 0; i < count; i++) _entries[i].Lsn = last.Value - (ulong)(count - 1 - i);
            _committed!.AddRange(_entries);
        }

        ClearHeld();
        return last;
    }

    private void ClearHeld()
    {
        _batch.Clear();
        _entries?.Clear();
    }
}
