using System.Text;
using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Unit.Simulation;

/// <content>Writers, alone and several at once.</content>
internal sealed partial class IndexSimulation
{
    private void WriteOne()
    {
        using var batch = new WriteBatch();
        var count = _random.Next(6) == 0 ? _random.Next(2, 40) : 1;
        var operations = new List<Change>();
        for (var i = 0; i < count; i++) operations.Add(RandomOperation(batch));
        var first = _index!.LastLsn.Value + 1;
        var record = new WrittenBatch(first, operations);
        Commit(record, () => _index.Write(batch).Value);
    }

    /// <summary>Enough at once to fill memtables.</summary>
    private void WriteMany()
    {
        for (var i = 0; i < 30 && _index is not null && !_failed; i++)
        {
            using var batch = new WriteBatch();
            var operations = new List<Change>();
            for (var j = 0; j < 10; j++) operations.Add(RandomOperation(batch));
            Commit(new WrittenBatch(_index.LastLsn.Value + 1, operations), () => _index.Write(batch).Value);
        }
    }

    private Change RandomOperation(WriteBatch batch)
    {
        var key = $"k{_random.Next(_keys):D3}";
        if (_random.Next(5) == 0)
        {
            batch.Delete(Encoding.UTF8.GetBytes(key));
            return new Change(key, null);
        }

        if (_repetitive)
        {
            var one = Encoding.UTF8.GetBytes($"{key} {_random.Next(2)} {new string('x', 200)}");
            batch.Put(Encoding.UTF8.GetBytes(key), one);
            return new Change(key, one);
        }

        var value = new byte[_random.Next(200) == 0 ? _random.Next(32 << 10, 50 << 10) : _random.Next(300)];
        _random.NextBytes(value);
        batch.Put(Encoding.UTF8.GetBytes(key), value);
        return new Change(key, value);
    }

    private void Commit(WrittenBatch record, Func<ulong> write)
    {
        if (_index!.State == IndexState.Failed) _failed = true; // in the background
        if (_failed)
        {
            // What failed stays in doubt; what comes after it must be refused.
            try
            {
                write();
            }
            catch (HestiaException e) when (e.Code == HestiaErrorCode.IndexFailed)
            {
                return;
            }

            throw Wrong("a failed index took a write");
        }

        _history.ForgetFrom(record.First); // refused ones whose numbers are handed out again
        var before = ModelAt(record.First - 1);
        _history.Add(record);
        try
        {
            ulong lsn;
            _disk.Observer = (call, path) => LookOn(call, path, record, before);
            try
            {
                lsn = write();
            }
            finally
            {
                _disk.Observer = InterleaveWork;
            }

            if (lsn != record.Last) throw Wrong($"a write got LSN {lsn} instead of {record.Last}");
            if (IsSynced) Promise(lsn);
        }
        catch (HestiaException e)
        {
            Say($"write {record.First} refused: {e.Code}");
            NoteFailure(e);
            // A refused write is not there, unless a sync failed: then nobody can know before the next open.
            if (!_failed) _history.ForgetFrom(record.First);
        }
    }

    /// <summary>A reader in the middle of a write: in Sync and GroupSync it must not see what is not durable yet.</summary>
    private void LookOn(DiskCall call, string path, WrittenBatch record, SortedDictionary<string, ModelEntry> before)
    {
        InterleaveWork(call, path);
        if (call != DiskCall.Sync || _durability is not (Durability.Sync or Durability.GroupSync) || !path.EndsWith(".wal", StringComparison.Ordinal)) return;
        if (_index!.LastLsn.Value >= record.First) throw Wrong($"{_index.LastLsn} is shown while {record.First} to {record.Last} is being synced");
        var key = record.Changes[^1].Key;
        var seen = Tolerant(() => _index.Get(Encoding.UTF8.GetBytes(key)), out var failed);
        if (!failed && !Same(ValueIn(before, key), seen)) throw Wrong($"'{key}' shows a write that is being synced");
    }

    /// <summary>
    /// Several writers at once, so that groups form; now and then with background work, a flush and a reader beside them, and with the power
    /// going in the middle of it.
    /// </summary>
    private void WriteTogether()
    {
        if (_failed || _index!.State != IndexState.Ready)
        {
            WriteOne(); // is refused
            return;
        }

        if (_random.Next(4) == 0) _disk.CrashAt ??= _disk.Calls + _random.Next(20);
        var appends = 0;
        var shown = new List<(ulong Lsn, SortedDictionary<string, ModelEntry> Content)>();
        var writers = new WritersAtOnce(_index, _disk, _scheduler, _random)
        {
            Acknowledged = lsn =>
            {
                if (IsSynced) Promise(lsn);
            },
            Observer = (call, path) =>
            {
                if (call == DiskCall.Write && path.EndsWith(".wal", StringComparison.Ordinal)) appends++;
                // In Sync and GroupSync nobody ever sees what a power loss could take.
                if (IsSynced && _random.Next(2) == 0) Promise(_index.LastLsn.Value);
                InterleaveWork(call, path);
            },
        };
        var before = _index.LastLsn.Value;
        var count = _random.Next(2, 7);
        for (var i = 0; i < count; i++) writers.AddWriter($"writer {i}", _random.Next(1, 4), NextOfSeveral);
        if (_random.Next(2) == 0) writers.AddBackgroundWork(_random.Next(1, 5));
        if (_random.Next(4) == 0) writers.Add("flush", () => Promise(_index.Flush().Checkpoint.Value));
        if (_random.Next(3) == 0) writers.Add("reader", () => LookOnSeveral(writers, shown));
        if (_random.Next(6) == 0) writers.Add("durability", () => ChangeTo((Durability)_random.Next(4)));
        else if (_random.Next(6) == 0) writers.Add("snapshot", () => SuspendAmong(writers));
        Say($"{count} writers at once");
        if (writers.Run(_history) is { } wrong) throw Wrong(wrong);
        Say($"written up to {_history.Last}, {_history.DoubtfulCount} in doubt, {writers.Switches} switches");
        foreach (var error in writers.Errors) Say($"refused: {error.Code}");
        if (_durability != Durability.Off) Grouped += Math.Max(0, _history.CountAfter(before) - appends);
        if (_disk.IsOff) throw new PowerLossException();
        foreach (var error in writers.Errors) NoteFailure(error);
        if (_index.State == IndexState.Failed) _failed = true;
        foreach (var (lsn, content) in shown)
        {
            if (lsn > _history.Last) throw Wrong($"a reader saw {lsn}, and {_history.Last} was the last acknowledged");
            Compare(ModelAt(lsn), content, lsn);
        }
    }

    private List<Change> NextOfSeveral(WriteBatch batch)
    {
        var changes = new List<Change>();
        for (var i = _random.Next(3) == 0 ? _random.Next(2, 12) : 1; i > 0; i--) changes.Add(RandomOperation(batch));
        return changes;
    }

    /// <summary>A snapshot shows whole batches, and goes on showing them while the writers write.</summary>
    private void LookOnSeveral(WritersAtOnce writers, List<(ulong Lsn, SortedDictionary<string, ModelEntry> Content)> shown)
    {
        for (var i = _random.Next(1, 4); i > 0; i--)
        {
            using var snapshot = _index!.CreateSnapshot();
            if (IsSynced) Promise(snapshot.Lsn.Value);
            writers.GiveWay();
            var content = Tolerant(() => Content(snapshot, default, writers.GiveWay), out var failed);
            if (!failed) shown.Add((snapshot.Lsn.Value, content!));
        }
    }

    private bool IsSynced => _index!.Durability is Durability.Sync or Durability.GroupSync;
}
