using System.Globalization;
using System.Text;
using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Simulation;

/// <summary>
/// One seed: an index that is written to, backed up and restored on a simulated disk whose power fails at moments the seed chooses. Finished
/// backups are always listed, verify to the last byte and restore to exactly what the index held; the place restored to is always the old
/// index, the new one, or put right by running a restore again.
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
    private readonly SortedDictionary<string, string> _model = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<string, string>> _backups = [];
    private readonly Dictionary<ulong, SortedDictionary<string, string>> _states = [];
    private SimulatedScheduler _scheduler;
    private HestiaIndex? _index;
    private SortedDictionary<string, string>? _target;
    private int _written;

    public BackupSimulation(int seed)
    {
        Seed = seed;
        _random = new Random(seed);
        _disk = new SimulatedDisk(_random.Next());
        _scheduler = new SimulatedScheduler(_random);
    }

    public int Seed { get; }

    public string Trace => _trace.ToString();

    public int Crashes { get; private set; }

    public int Backups { get; private set; }

    public int Restores { get; private set; }

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
        _index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Sync, BlockBytes = 1024 }, Options());
        BackupRepository.Create(RepositoryPath, files).Dispose();
        Remember();
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
        switch (_random.Next(10))
        {
            case < 4: Write(); break;
            case 4: _scheduler.TryRunPending(); break;
            case 5: _index!.Compact(); break;
            case 6: Backup(); break;
            case 7: Restore(); break;
            case 8: _disk.CrashAt = _disk.Calls + _random.Next(60); break;
            default: CheckRepository(); break;
        }
    }

    private void Write()
    {
        for (var i = _random.Next(1, 40); i > 0; i--)
        {
            var key = $"k{_random.Next(Keys):D3}";
            var value = $"{++_written} {new string('v', _random.Next(400))}";
            var delete = _random.Next(6) == 0;
            var next = new SortedDictionary<string, string>(_model, StringComparer.Ordinal);
            if (delete) next.Remove(key);
            else next[key] = value;
            // Remembered before it is tried: a write cut off by the crash may be there.
            _states[_index!.LastLsn.Value + 1] = next;
            if (delete) _index.Delete(Encoding.UTF8.GetBytes(key));
            else _index.Put(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value));
            Become(next);
        }
    }

    private void Backup()
    {
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        var result = repository.Backup(_index!, new BackupOptions { Parallelism = 1 });
        Backups++;
        _backups[result.BackupId] = _states[result.Lsn.Value];
        Say($"backup {result.BackupId} at {result.Lsn}");
    }

    private void Restore()
    {
        if (_backups.Count == 0) return;
        var (id, expected) = _backups.ElementAt(_random.Next(_backups.Count));
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        repository.Restore(id, TargetPath, new RestoreOptions { Force = true, Parallelism = 1 });
        Restores++;
        _target = expected;
        Say($"restored {id}");
        CheckTarget([expected]);
    }

    private void Crash()
    {
        Crashes++;
        _disk.PowerOff();
        _disk.Survival = _random.Next(4) switch { 0 => 0, 1 => 1, _ => _random.NextDouble() };
        _disk.PowerOn();
        Say("power loss");
        _scheduler = new SimulatedScheduler(_random);
        _index = HestiaIndex.Open(IndexPath, Options());
        if (!_states.TryGetValue(_index.LastLsn.Value, out var state)) throw Wrong($"the index came back at {_index.LastLsn}, which never was");
        Become(state);
        CheckRepository();
        AfterInterruptedRestore();
    }

    /// <summary>The target is what it was, or one of the backups whole; and a restore run again succeeds whatever the last one left.</summary>
    private void AfterInterruptedRestore()
    {
        if (Files.FileExists(TargetPath + "/index.json")) CheckTarget([.. _backups.Values, .. _target is null ? [] : (SortedDictionary<string, string>[])[_target]]);
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
            // One that was published just before the crash and never reported counts from now on.
            _backups.TryAdd(backup.BackupId, _states[backup.Lsn.Value]);
        }
    }

    private void CheckTarget(IReadOnlyCollection<SortedDictionary<string, string>> allowed)
    {
        using var target = HestiaIndex.Open(TargetPath, Options() with { ReadOnly = true, Scheduler = new SimulatedScheduler(_random) });
        var shown = new List<KeyValuePair<string, string>>();
        using (var cursor = target.Scan())
            while (cursor.MoveNext()) shown.Add(new(Encoding.UTF8.GetString(cursor.Key), Encoding.UTF8.GetString(cursor.Value)));
        if (!allowed.Any(state => state.SequenceEqual(shown))) throw Wrong("the restored index holds what no backup held");
    }

    private void Remember() => _states[_index!.LastLsn.Value] = new SortedDictionary<string, string>(_model, StringComparer.Ordinal);

    private void Become(SortedDictionary<string, string> state)
    {
        _model.Clear();
        foreach (var (key, value) in state) _model[key] = value;
    }

    private void Say(string what) => _trace.AppendLine(CultureInfo.InvariantCulture, $"{_disk.Calls}: {what}");

    private InvalidOperationException Wrong(string what) => new($"seed {Seed}: {what}\n{Trace}");
}
