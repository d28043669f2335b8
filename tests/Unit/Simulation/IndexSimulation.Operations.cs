using Hestia.Core;
using Hestia.Core.Suspending;

namespace Hestia.Unit.Simulation;

/// <content>What an administrator does to an index at work: change its durability, hold it still for a snapshot.</content>
internal sealed partial class IndexSimulation
{
    private void ChangeDurability()
    {
        var to = (Durability)_random.Next(4);
        if (_random.Next(4) == 0) _disk.CrashAt ??= _disk.Calls + _random.Next(25);
        Guarded($"change to {to}", () => ChangeTo(to));
    }

    /// <summary>Whatever becomes of it, the next open finds the old durability or the new one; what was written before is safe once it has succeeded.</summary>
    private void ChangeTo(Durability to)
    {
        var before = _index!.Durability;
        _mayBe.Add(to);
        try
        {
            var change = _index.SetDurability(to);
            if (change.Lsn is { } safe) Promise(safe.Value);
            _durability = to;
            DurabilityChanges++;
            _mayBe.Clear();
            _mayBe.Add(to);
            Say($"durability {to} behind {change.Lsn}");
        }
        catch (HestiaException) when (!_disk.IsOff && _index.State == IndexState.Ready)
        {
            if (_index.Durability != before) throw Wrong($"a refused change left {_index.Durability} in force instead of {before}");
            _mayBe.Clear();
            _mayBe.Add(before);
            throw;
        }
    }

    /// <summary>Nothing is called that changes the disk, whatever comes to its turn meanwhile; and the power may go in the middle of it.</summary>
    private void Suspend() => Guarded("suspend", () =>
    {
        var info = _index!.Suspend(TimeSpan.FromMinutes(1));
        Promise(info.Lsn.Value);
        var calls = _disk.Calls;
        for (var i = _random.Next(6); i > 0; i--)
        {
            switch (_random.Next(4))
            {
                case 0: _scheduler.TryRunPending(); break;
                case 1: _index.PruneRetired(); break;
                case 2: _index.Flush(); break;
                default: ReadSome(); break;
            }
        }

        RequireStill(calls, info);
        if (_disk.Fault is null && _random.Next(2) == 0) CheckOpen(deep: true);
        if (_random.Next(4) == 0)
        {
            // All that is there is synced, so the power takes nothing away, and brings nothing back either.
            Crash(power: true);
            Reopen();
            if (_index is not null && _index.LastLsn != info.Lsn) throw Wrong($"suspended at {info.Lsn}, and after a power loss the index ends at {_index.LastLsn}");
            return;
        }

        if (_index.Resume().End != SuspensionEnd.Resumed) throw Wrong("a suspension ended by itself");
    });

    /// <summary>The same while writers, flush and compaction press on.</summary>
    private void SuspendAmong(WritersAtOnce writers)
    {
        var info = _index!.Suspend(TimeSpan.FromMinutes(1));
        Promise(info.Lsn.Value);
        var calls = _disk.Calls;
        for (var i = _random.Next(1, 12); i > 0; i--)
        {
            writers.GiveWay();
            RequireStill(calls, info);
        }

        _index.Resume();
    }

    private void RequireStill(int calls, SuspensionInfo info)
    {
        if (_disk.Calls != calls) throw Wrong($"{_disk.Calls - calls} calls changed the disk while the index was suspended");
        if (_index!.LastLsn != info.Lsn || _index.Checkpoint != info.Lsn) throw Wrong($"suspended at {info.Lsn}, the index shows {_index.LastLsn}, checkpoint {_index.Checkpoint}");
        Suspensions++;
    }
}
