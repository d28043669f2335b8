using System.Globalization;
using System.Text;
using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Reading;

namespace Hestia.Unit.Simulation;

/// <summary>
/// One seed: an index that is written to (by several writers at once too), flushed, compacted, closed and opened, backed up and restored, on a
/// simulated disk whose power fails at moments the seed chooses, and which fails calls of backups and restores with EIO and ENOSPC, in one of the
/// four durability modes. Finished backups, and no others than those under way when something happened, are always listed, verify to the last byte
/// and restore to exactly what the index held; the place restored to is always the old index, the new one, or put right by running a restore
/// again, and after a restore that was refused the old one.
/// </summary>
internal sealed class BackupSimulation
{
    private const string IndexPath = "/disk/index";
    private const string RepositoryPath = "/disk/repository";
    private const string TargetPath = "/disk/target";
    private const int Keys = 40;

    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private readonly StringBuilder _trace = new();
    private readonly Durability _durability;
    private readonly WriteHistory _history = new();
    private readonly Dictionary<string, SortedDictionary<string, ModelEntry>> _backups = [];
    private SimulatedScheduler _scheduler;
    private HestiaIndex? _index;
    private SortedDictionary<string, ModelEntry>? _target;
    private SortedDictionary<string, ModelEntry>? _restoring;
    private SortedDictionary<string, ModelEntry>? _unsure; // of a refused restore of which nobody knows what the device has
    private int _begun; // backups that were begun and neither reported nor seen
    private ulong _promised;
    private int _written;

    public BackupSimulation(int seed)
    {
        Seed = seed;
        _random = new Random(seed);
        _disk = new SimulatedDisk(_random.Next());
        _durability = (Durability)_random.Next(4);
        _scheduler = new SimulatedScheduler(_random);
    }

    public int Seed { get; }

    public string Trace => _trace.ToString();

    public int Crashes { get; private set; }

    public int Grouped { get; private set; }

    public int Backups { get; private set; }

    public int Restores { get; private set; }

    /// <summary>Calls of backups and restores that were made to fail.</summary>
    public int Faults { get; private set; }

    /// <summary>Backups and restores that were refused because of it.</summary>
    public int Refused { get; private set; }

    /// <summary>Times the index itself failed by it.</summary>
    public int Failures { get; private set; }

    private SimulatedFileSystem Files => new(_disk);

    private IndexOptions Options() => new()
    {
        MemtableBytes = 64 << 10,
        Level0Trigger = 2,
        Level1Bytes = 16 << 10,
        SegmentBytes = 4 << 10,
        CacheBytes = 0,
        RetiredAge = TimeSpan.Zero,
        FileSystem = Files,
        Scheduler = _scheduler,
    };

    public void Run(int steps)
    {
        var files = Files;
        files.CreateDirectory("/disk");
        files.SyncDirectory("/");
        _index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = _durability, BlockBytes = 1024 }, Options());
        BackupRepository.Create(RepositoryPath, files).Dispose();
        for (var step = 0; step < steps; step++)
        {
            _disk.Now += TimeSpan.FromSeconds(1 + _random.Next(90));
            try
            {
                Step();
            }
            catch (Exception e) when (_disk.IsOff && e is PowerLossException or HestiaException)
            {
                Crash();
            }

            if (_disk.IsOff) Crash();
        }

        _disk.CrashAt = null;
        CheckRepository();
        _index!.Close();
    }

    private void Step()
    {
        switch (_random.Next(16))
        {
            case < 4: Write(); break;
            case < 7: WriteTogether(); break;
            case 7: _scheduler.TryRunPending(); break;
            case 8: _index!.Compact(); break;
            case 9: Promise(_index!.Flush().Checkpoint.Value); break;
            case 10: Reopen(); break;
            case 11: Faulty(Backup); break;
            case 12: Faulty(Restore); break;
            case < 15: _disk.CrashAt = _disk.Calls + _random.Next(60); break;
            default: CheckRepository(); break;
        }
    }

    private void Write()
    {
        for (var i = _random.Next(1, 40); i > 0; i--)
        {
            // Background work may have met the end of the power: what a failed index shows is not all that is written.
            if (_index!.State != IndexState.Ready) return;
            using var batch = new WriteBatch();
            // Remembered before it is tried: a write cut off by the crash may be there.
            var record = new WrittenBatch(_index!.LastLsn.Value + 1, Next(batch));
            _history.ForgetFrom(record.First);
            _history.Add(record);
            var lsn = _index.Write(batch).Value;
            if (lsn != record.Last) throw Wrong($"a write got LSN {lsn} instead of {record.Last}");
            Acknowledged(lsn);
        }
    }

    /// <summary>Several writers at once, often with a backup in the middle of them: it is exact at some LSN.</summary>
    private void WriteTogether()
    {
        BackupResult? taken = null;
        var appends = 0;
        var writers = new WritersAtOnce(_index!, _disk, _scheduler, _random)
        {
            Acknowledged = Acknowledged,
            Observer = (call, path) => appends += call == DiskCall.Write && path.EndsWith(".wal", StringComparison.Ordinal) ? 1 : 0,
        };
        var before = _index!.LastLsn.Value;
        for (var i = _random.Next(2, 6); i > 0; i--) writers.AddWriter($"writer {i}", _random.Next(1, 12), Next);
        if (_random.Next(2) == 0) writers.AddBackgroundWork(_random.Next(1, 5));
        if (_random.Next(4) == 0) writers.Add("flush", () => Promise(_index.Flush().Checkpoint.Value));
        if (_random.Next(2) == 0)
        {
            writers.Add("backup", () =>
            {
                using var repository = BackupRepository.Open(RepositoryPath, Files);
                _begun++;
                taken = repository.Backup(_index, new BackupOptions { Parallelism = 1 });
            });
        }

        if (writers.Run(_history) is { } wrong) throw Wrong(wrong);
        if (_durability != Durability.Off) Grouped += Math.Max(0, _history.CountAfter(before) - appends);
        Say($"several wrote up to {_history.Last}, {_history.DoubtfulCount} in doubt");
        if (taken is not null) Finished(taken);
        if (writers.Errors.Count > 0 && !_disk.IsOff) throw Wrong($"refused with {writers.Errors[0]}");
    }

    private List<Change> Next(WriteBatch batch)
    {
        var changes = new List<Change>();
        for (var i = _random.Next(4) == 0 ? _random.Next(2, 9) : 1; i > 0; i--)
        {
            var key = $"k{_random.Next(Keys):D3}";
            var value = _random.Next(6) == 0 ? null : Encoding.UTF8.GetBytes($"{++_written} {new string('v', _random.Next(400))}");
            changes.Add(new Change(key, value));
            if (value is null) batch.Delete(Encoding.UTF8.GetBytes(key));
            else batch.Put(Encoding.UTF8.GetBytes(key), value);
        }

        return changes;
    }

    /// <summary>A job during which, one time in two, calls fail: once, a few times, or from some moment on.</summary>
    private void Faulty(Action job)
    {
        if (_random.Next(2) == 0)
        {
            job();
            return;
        }

        var call = (DiskCall)_random.Next((int)DiskCall.List + 1);
        var error = call is DiskCall.Write or DiskCall.Create or DiskCall.Resize && _random.Next(2) == 0 ? 28 : 5;
        var after = _random.Next(12);
        var times = _random.Next(4) switch { 0 => int.MaxValue, 1 => 3, _ => 1 };
        Say($"fault {call} {(error == 28 ? "ENOSPC" : "EIO")} after {after} times {times}");
        _disk.Fault = (made, path) =>
        {
            if (made != call || after-- > 0 || times-- <= 0) return null;
            Faults++;
            var cause = (IOException)IOErrors.FromErrno(error, $"planted on {made} of {path}");
            return made is DiskCall.Sync or DiskCall.SyncDirectory ? new SyncFailedException(cause.Message, cause) : cause;
        };
        try
        {
            job();
            _disk.Fault = null;
            ReopenIfFailed(); // by background work in the middle of it
            Settle();
        }
        catch (HestiaException e) when (!_disk.IsOff)
        {
            _disk.Fault = null;
            Refused++;
            Say($"refused with {e.Code}: {e.Message}");
            if (e.Code == HestiaErrorCode.InternalError) throw Wrong($"{e}");
            AfterRefusal(e.Message);
        }
        finally
        {
            _disk.Fault = null;
        }
    }

    /// <summary>Nothing is lost by it: what was finished is there, the target is the old one, and the index goes on, or comes back when it is opened.</summary>
    private void AfterRefusal(string message)
    {
        CheckRepository();
        if (_restoring is { } restoring)
        {
            _restoring = null;
            var said = AfterRefusedRestore(message, restoring);
            if (said) Restore(); // which puts it right
        }

        if (ReopenIfFailed()) return;
        Settle();
        if (!WriteHistory.Same(StateAt(_index!.LastLsn.Value), Content(_index))) throw Wrong("the index holds something else after a refused job");
    }

    /// <summary>Background work that ran into the failure tells the next who needs it, once, and is tried again then.</summary>
    private void Settle()
    {
        try
        {
            _index!.Flush();
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.IoError or HestiaErrorCode.DiskFull)
        {
            Say($"flush told of it: {e.Code}");
        }

        Promise(_index!.Flush().Checkpoint.Value);
    }

    private bool ReopenIfFailed()
    {
        if (_index!.State == IndexState.Ready) return false;
        // A sync of the index itself failed, as a backup flushes: it says so, and opening recovers on the running machine.
        Failures++;
        try
        {
            _index.Close();
        }
        catch (HestiaException e) when (e.Code != HestiaErrorCode.InternalError)
        {
            // Close does not claim success.
        }

        Recover("failed and opened again");
        return true;
    }

    /// <summary>
    /// The target is the old one. Only where taking the restore back failed as well is it the new one, or lies beside its place, complete; the message
    /// says so then, and this returns true.
    /// </summary>
    private bool AfterRefusedRestore(string message, SortedDictionary<string, ModelEntry> restoring)
    {
        var isThere = Files.FileExists(TargetPath + "/index.json");
        if (isThere && message.StartsWith("The restored index is in", StringComparison.Ordinal))
        {
            CheckTarget([restoring]);
            return true;
        }

        // The device may have other names than these; then it does not take them for done.
        if (message.Contains("All is as it was, but after a power loss", StringComparison.Ordinal)) _unsure = restoring;
        if (_target is null) return isThere ? throw Wrong("a refused restore left a target where none was") : false;
        if (isThere)
        {
            CheckTarget([_target]);
            return false;
        }

        const string Replaced = TargetPath + ".replaced-";
        var at = message.IndexOf(Replaced, StringComparison.Ordinal);
        if (at < 0) throw Wrong("a refused restore took the old target away and does not say where to");
        at = message.LastIndexOf(Replaced, StringComparison.Ordinal);
        CheckTarget([_target], message[at..message.IndexOf('\'', at)]);
        return true;
    }

    private void Backup()
    {
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        _begun++;
        Finished(repository.Backup(_index!, new BackupOptions { Parallelism = 1 }));
    }

    private void Finished(BackupResult result)
    {
        Backups++;
        _begun--;
        _backups[result.BackupId] = StateAt(result.Lsn.Value);
        Promise(result.Lsn.Value); // a backup flushes first
        Say($"backup {result.BackupId} at {result.Lsn}");
    }

    private void Reopen()
    {
        var last = _index!.LastLsn.Value;
        _index.Close();
        Promise(last);
        _scheduler = new SimulatedScheduler(_random);
        _index = HestiaIndex.Open(IndexPath, Options());
        Say($"closed and opened at {last}");
    }

    private void Restore()
    {
        if (_backups.Count == 0) return;
        var (id, expected) = _backups.ElementAt(_random.Next(_backups.Count));
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        _restoring = expected;
        repository.Restore(id, TargetPath, new RestoreOptions { Force = true, Parallelism = 1 });
        Restores++;
        _target = expected;
        _restoring = null;
        _unsure = null;
        Say($"restored {id}");
        CheckTarget([expected]);
    }

    private void Crash()
    {
        Crashes++;
        _disk.PowerOff();
        _disk.Survival = _random.Next(4) switch { 0 => 0, 1 => 1, _ => _random.NextDouble() };
        _disk.PowerOn();
        Recover("power loss");
        AfterInterruptedRestore();
    }

    private void Recover(string what)
    {
        Say(what);
        _scheduler = new SimulatedScheduler(_random);
        _index = HestiaIndex.Open(IndexPath, Options());
        var last = _index.LastLsn.Value;
        if (last < _promised) throw Wrong($"{last} is the last write, but {_promised} had been promised");
        if (_history.CameBack(last, () => Content(_index)) is { } wrong) throw Wrong(wrong);
        if (!WriteHistory.Same(StateAt(last), Content(_index))) throw Wrong($"the index came back at {last} with what it did not hold there");
        _promised = last;
        CheckRepository();
    }

    /// <summary>
    /// The target is what it was or, if a restore was under way, the backup it restored, whole; only between the two renames of such a one there is
    /// none for a while. A restore run again succeeds whatever the last one left.
    /// </summary>
    private void AfterInterruptedRestore()
    {
        var restoring = _restoring;
        _restoring = null;
        var allowed = new List<SortedDictionary<string, ModelEntry>>();
        if (_target is not null) allowed.Add(_target);
        if (restoring is not null) allowed.Add(restoring);
        if (_unsure is not null) allowed.Add(_unsure);
        if (Files.FileExists(TargetPath + "/index.json"))
        {
            if (allowed.Count == 0) throw Wrong("there is a target, and nothing was restored");
            _target = CheckTarget(allowed);
        }
        else if (_target is not null)
        {
            if (restoring is null && _unsure is null) throw Wrong("the target is gone, and no restore was under way");
            Restore();
            return;
        }

        if (_backups.Count > 0 && _random.Next(2) == 0) Restore();
    }

    private void CheckRepository()
    {
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        var listed = repository.List();
        foreach (var id in _backups.Keys)
            if (!listed.Any(backup => backup.BackupId == id)) throw Wrong($"the finished backup {id} is not listed");
        foreach (var backup in listed)
        {
            var verified = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true, Parallelism = 1 });
            if (!verified.Healthy) throw Wrong($"backup {backup.BackupId} does not verify: {string.Join("; ", verified.Findings)}");
            if (_backups.ContainsKey(backup.BackupId)) continue;
            // One that was published just before a crash or failure and never reported counts from now on. One that was withdrawn when it failed may
            // come back with a power loss, for what failed may have been the sync that would have kept it away.
            if (_begun-- <= 0) throw Wrong($"backup {backup.BackupId} is listed, and nobody was making it");
            _backups[backup.BackupId] = StateAt(backup.Lsn.Value);
        }
    }

    /// <summary>Returns which of them the target holds.</summary>
    private SortedDictionary<string, ModelEntry> CheckTarget(IReadOnlyCollection<SortedDictionary<string, ModelEntry>> allowed, string path = TargetPath)
    {
        using var target = HestiaIndex.Open(path, Options() with { ReadOnly = true, Scheduler = new SimulatedScheduler(_random) });
        var shown = Content(target);
        return allowed.FirstOrDefault(state => WriteHistory.Same(state, shown)) ?? throw Wrong("the target holds neither what it held nor what was restored");
    }

    private static SortedDictionary<string, ModelEntry> Content(HestiaIndex index)
    {
        var shown = new SortedDictionary<string, ModelEntry>(StringComparer.Ordinal);
        using var cursor = index.Scan();
        while (cursor.MoveNext()) shown.Add(Encoding.UTF8.GetString(cursor.Key), new ModelEntry(cursor.Value.ToArray(), cursor.Lsn.Value));
        return shown;
    }

    private SortedDictionary<string, ModelEntry> StateAt(ulong lsn)
    {
        try
        {
            return WriteHistory.Copy(_history.ModelAt(lsn));
        }
        catch (InvalidOperationException e)
        {
            throw Wrong(e.Message);
        }
    }

    private void Acknowledged(ulong lsn)
    {
        if (_durability is Durability.Sync or Durability.GroupSync) Promise(lsn);
    }

    private void Promise(ulong lsn) => _promised = Math.Max(_promised, lsn);

    private void Say(string what) => _trace.AppendLine(CultureInfo.InvariantCulture, $"{_disk.Calls}: {what}");

    private InvalidOperationException Wrong(string what) => new($"seed {Seed}: {what}\n{Trace}");
}
