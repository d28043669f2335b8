using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Suspending;
using Hestia.Core.Wal;

namespace Hestia.Core.Writing;

/// <summary>
/// Group commit. Writers queue up; the one in front leads: it takes what waits, numbers it, writes it to the log with one call, syncs
/// once if the durability asks for it, applies it to the memtable, shows it to readers, and wakes everyone. So there is one appender to the
/// log and one mutator of the memtable at any time, and a lone writer does all of it itself without waiting for anyone.
/// <para>
/// A write is shown only after what its durability promises is true; so in Sync and GroupSync nobody ever reads what a crash could take.
/// </para>
/// </summary>
internal sealed class CommitPipeline : IDisposable
{
    private const int MaxGroupBytes = 4 << 20;
    private const int MaxGroupWriters = 1024;
    private const int BuilderKeepBytes = 8 << 20;
    private const int SyncTimeShare = 3;

    /// <summary>Where there is no sync, one commit of so many is timed: looking at the clock would cost as much as a part of the work.</summary>
    private const uint TimedShare = 64;

    private static readonly TimeSpan MaxGather = TimeSpan.FromMilliseconds(1);

    private readonly object _gate = new();
    private readonly Queue<WriteRequest> _queue = new();
    private readonly List<WriteRequest> _group = [];
    private readonly WalRecordBuilder _builder = new();
    private readonly IndexContext _context;
    private readonly LiveSet _live;
    private readonly LogKeeper _log;
    private readonly WriteRoom _room;
    private readonly Suspension _suspension;
    private Durability _durability; // changed by the leader only, when nothing is under way
    private TimeSpan _groupDelay;
    private readonly WorkScheduler _scheduler;
    private readonly Func<bool> _companyIsHere;
    private bool _leading;
    private int _company;
    private uint _groups;
    private TimeSpan _syncTime;
    private ulong _last;
    private long _lastCommitTime;

    public CommitPipeline(IndexContext context, LiveSet live, LogKeeper log, WriteRoom room, Suspension suspension, Lsn last, long lastCommitTime)
    {
        _context = context;
        _live = live;
        _log = log;
        _room = room;
        _suspension = suspension;
        DurabilityChanged();
        _scheduler = context.Options.Scheduler;
        _companyIsHere = () =>
        {
            lock (_gate) return _queue.Count + 1 >= _company;
        };
        _last = last.Value;
        _lastCommitTime = lastCommitTime;
    }

    /// <summary>Commit time of the last write, UTC microseconds.</summary>
    public long LastCommitTime => Volatile.Read(ref _lastCommitTime);

    /// <summary>Writes a batch and returns the LSN of its last operation once it is acknowledged.</summary>
    public Lsn Commit(WriteBatch batch) => Run(batch, null);

    /// <summary>Takes over the durability of the context. The leader's, in <see cref="RunExclusively"/>.</summary>
    public void DurabilityChanged()
    {
        _durability = _context.Durability;
        _groupDelay = _durability == Durability.GroupSync ? _context.GroupDelay : TimeSpan.Zero;
    }

    /// <summary>Runs work in the leader's place: no write is under way and none begins until it returns.</summary>
    public void RunExclusively(Action work) => Run(null, work);

    public void Dispose() => _builder.Dispose();

    private Lsn Run(WriteBatch? batch, Action? work)
    {
        var request = WriteRequest.ForThisThread(batch, work, WriteDeadline.After(_context.Options.WriteTimeout));
        bool leads;
        lock (_gate)
        {
            leads = !_leading;
            if (leads) _leading = true;
            else _queue.Enqueue(request);
        }

        if (leads || request.WaitForTurn(_scheduler, brief: _durability is Durability.Async or Durability.Off)) Lead(request);
        var (result, error) = (request.Result, request.Error);
        request.Recycle();
        if (error is not null) throw Rethrowable(error);
        return result;
    }

    private void Lead(WriteRequest own)
    {
        var group = _group;
        group.Clear();
        group.Add(own);
        Exception? error = null;
        Lsn first = default;
        try
        {
            if (own.Work is { } work)
            {
                work();
            }
            else
            {
                if (_suspension.Current is not null) _suspension.AwaitEnd(own.Deadline);
                _context.Health.RequireWritable();
                _room.Ensure(_lastCommitTime, own.Deadline);
                var began = IsTimed() ? Stopwatch.GetTimestamp() : 0;
                if (_durability == Durability.GroupSync) WaitForCompany();
                TakeFollowers(group);
                first = WriteGroup(group);
                if (began != 0) Timed(Stopwatch.GetElapsedTime(began));
            }
        }
        catch (Exception e)
        {
            error = e;
        }

        // The next leader starts before the followers are woken: its write overlaps with their waking.
        var followers = group.Count > 1 ? group.ToArray() : [];
        WriteRequest? next;
        lock (_gate)
        {
            _company = group.Count + _queue.Count;
            if (!_queue.TryDequeue(out next)) _leading = false;
        }

        next?.Lead(_scheduler);
        var lsn = first.Value;
        own.CompleteOwn(Advance(ref lsn, own, error), error);
        for (var i = 1; i < followers.Length; i++) followers[i].Complete(Advance(ref lsn, followers[i], error), error, _scheduler);

        static Lsn Advance(ref ulong next, WriteRequest request, Exception? error)
        {
            if (error is not null || request.Batch is null) return Lsn.None;
            next += (ulong)request.Batch.Count;
            return new Lsn(next - 1);
        }
    }

    /// <summary>
    /// The delay that was asked for, or by itself a fraction of what a sync takes, for those who wrote a moment ago: without it writers fall into two halves,
    /// one of which is being synced while the other waits. A lone writer never waits.
    /// </summary>
    private void WaitForCompany()
    {
        if (_groupDelay > TimeSpan.Zero)
        {
            _scheduler.Pause(_groupDelay);
        }
        else if (_company > 1)
        {
            var atMost = _syncTime / SyncTimeShare;
            _scheduler.PauseUntil(_companyIsHere, atMost < MaxGather ? atMost : MaxGather);
        }
    }

    private void TakeFollowers(List<WriteRequest> group)
    {
        long bytes = group[0].Batch!.EncodedBytes;
        lock (_gate)
        {
            while (group.Count < MaxGroupWriters && _queue.TryPeek(out var next) && next.Batch is { } batch && bytes + batch.EncodedBytes <= MaxGroupBytes)
            {
                bytes += batch.EncodedBytes;
                group.Add(_queue.Dequeue());
            }
        }
    }

    /// <summary>Numbers, logs, syncs, applies and shows a group; returns its first LSN. If it throws, nothing of the group is shown.</summary>
    private Lsn WriteGroup(List<WriteRequest> group)
    {
        var first = _last + 1;
        var commitTime = Math.Max(WalFormat.ToMicroseconds(_context.Files.Clock.GetUtcNow()), _lastCommitTime);
        var last = _last;
        if (_durability == Durability.Off)
        {
            foreach (var request in group) last += (ulong)request.Batch!.Count;
        }
        else
        {
            last = AppendGroup(group, new Lsn(first), commitTime);
            if (_durability != Durability.Async)
            {
                var began = Stopwatch.GetTimestamp();
                _log.Sync(new Lsn(last));
                _syncTime = Stopwatch.GetElapsedTime(began);
                HestiaMeter.Record(HestiaMeter.SyncDuration, _context, _syncTime);
            }
        }

        Apply(group, first);
        _last = last;
        _lastCommitTime = commitTime;
        _live.SetVisible(last);
        Count(group, last - first + 1);
        return new Lsn(first);
    }

    private bool IsTimed() => _durability is Durability.Sync or Durability.GroupSync || ++_groups % TimedShare == 0;

    private void Timed(TimeSpan time)
    {
        _context.Counters.Timed(time.Ticks);
        HestiaMeter.Record(HestiaMeter.CommitDuration, _context, time);
    }

    private void Count(List<WriteRequest> group, ulong operations)
    {
        long bytes = 0;
        foreach (var request in group) bytes += request.Batch!.EncodedBytes;
        _context.Counters.Written(group.Count, (long)operations, bytes);
    }

    private ulong AppendGroup(List<WriteRequest> group, Lsn first, long commitTime)
    {
        var writer = _log.Current(first, commitTime);
        _builder.Start(writer.AppendOffset, writer.Seed);
        var next = first.Value;
        foreach (var request in group)
        {
            var batch = request.Batch!;
            _builder.AddRecord(new Lsn(next), batch.Count, commitTime, writer.SyncedOffset, batch.Encoded);
            next += (ulong)batch.Count;
        }

        _log.Append(_builder);
        if (_builder.Length > BuilderKeepBytes)
        {
            _builder.Start(writer.AppendOffset, writer.Seed);
            _builder.Trim(BuilderKeepBytes);
        }

        return next - 1;
    }

    private void Apply(List<WriteRequest> group, ulong first)
    {
        var memtable = _live.Active;
        var lsn = first;
        try
        {
            foreach (var request in group)
            {
                var rest = request.Batch!.Encoded;
                while (!rest.IsEmpty)
                {
                    if (!OperationEncoding.TryRead(rest, out var kind, out var key, out var value, out var size))
                        throw new InvalidOperationException("A batch holds bytes that are no operation.");
                    memtable.Add(key, value, lsn++, kind);
                    rest = rest[size..];
                }
            }
        }
        catch (Exception e)
        {
            // The log has it, the memtable only a part: nothing may build on that.
            _context.Health.Fail(e);
            throw;
        }
    }

    /// <summary>One exception object may go to many writers of a group; each throws its own.</summary>
    private Exception Rethrowable(Exception error) => error switch
    {
        HestiaException hestia => new HestiaException(hestia.Code, Sentence(hestia), hestia.Target, hestia.RecommendedAction, hestia.InnerException ?? hestia),
        SyncFailedException => _context.Health.Failed(error),
        IOException or UnauthorizedAccessException when _context.Health.Cause is { } cause => _context.Health.Failed(cause),
        IOException or UnauthorizedAccessException => HestiaException.FromIO(error, _context.WalDirectory, "writing the log in"),
        OperationCanceledException cancelled => new OperationCanceledException(cancelled.Message, cancelled, cancelled.CancellationToken),
        _ => new HestiaException(HestiaErrorCode.InternalError, $"A write to '{_context.Path}' failed: {error.Message}", _context.Path, "Please report this.", error),
    };

    /// <summary>The message without the recommended action, which the constructor adds.</summary>
    private static string Sentence(HestiaException e) =>
        e.RecommendedAction is { } action && e.Message.EndsWith(" " + action, StringComparison.Ordinal) ? e.Message[..^(action.Length + 1)] : e.Message;
}
