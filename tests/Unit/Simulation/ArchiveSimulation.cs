using System.Globalization;
using System.Text;
using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Simulation;

/// <summary>
/// One seed: an index that is written to, flushed, compacted, backed up, archived, restored in its own place and cut off from power, while a list
/// remembers the state after every batch, per timeline. Every LSN and every moment that the archive reaches restores to exactly the state the
/// list has for it; what is refused is within a batch, before the first backup, or beyond what was archived.
/// </summary>
internal sealed class ArchiveSimulation
{
    private const string IndexPath = "/disk/index";
    private const string RepositoryPath = "/disk/repository";
    private const string TargetPath = "/disk/target";
    private const int Keys = 30;

    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private readonly StringBuilder _trace = new();
    private readonly Durability _durability;
    private readonly bool _tightQueue;
    private readonly Dictionary<Guid, History> _timelines = [];
    private SimulatedScheduler _scheduler;
    private HestiaIndex _index = null!;
    private int _written;
    private bool _gaps;

    public ArchiveSimulation(int seed)
    {
        Seed = seed;
        _random = new Random(seed);
        _disk = new SimulatedDisk(_random.Next());
        _scheduler = new SimulatedScheduler(_random);
        _durability = _random.Next(3) == 0 ? Durability.Async : Durability.Sync;
        _tightQueue = _random.Next(4) == 0;
    }

    public int Seed { get; }

    public string Trace => _trace.ToString();

    public int Crashes { get; private set; }

    public int Shipments { get; private set; }

    public int Restores { get; private set; }

    public int Refusals { get; private set; }

    public int Timelines => _timelines.Count;

    public int Gaps { get; private set; }

    private SimulatedFileSystem Files => new(_disk);

    private History Current => _timelines[_index.Timeline.Id];

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
        _timelines[_index.Timeline.Id] = new History([new Point(0, 0, 0, [])]);
        Backup();
        Ship();
        for (var step = 0; step < steps; step++)
        {
            _disk.Now += TimeSpan.FromMilliseconds(_random.Next(3) == 0 ? 0 : 1 + _random.Next(5000));
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
        Ship();
        for (var i = 0; i < 10; i++) RestoreElsewhere();
        _index.Close();
    }

    private void Step()
    {
        switch (_random.Next(20))
        {
            case < 8: Write(); break;
            case 8: _scheduler.TryRunPending(); break;
            case 9: _index.Flush(); break;
            case 10: _index.Compact(); break;
            case 11: Backup(); break;
            case < 15: Ship(); break;
            case 15: RestoreElsewhere(); break;
            case 16: Reopen(); break;
            case 17: RestoreInPlace(); break;
            default: _disk.CrashAt = _disk.Calls + _random.Next(60); break;
        }
    }

    private void Write()
    {
        for (var i = _random.Next(1, 30); i > 0; i--)
        {
            if (_random.Next(4) == 0) _disk.Now += TimeSpan.FromMicroseconds(_random.Next(2000));
            var history = Current;
            var before = history.Points[^1];
            var state = new SortedDictionary<string, string>(before.State, StringComparer.Ordinal);
            using var batch = new WriteBatch();
            for (var count = _random.Next(5) == 0 ? _random.Next(2, 12) : 1; count > 0; count--)
            {
                var key = $"k{_random.Next(Keys):D3}";
                if (_random.Next(6) == 0)
                {
                    batch.Delete(Encoding.UTF8.GetBytes(key));
                    state.Remove(key);
                }
                else
                {
                    state[key] = $"{++_written} {new string('v', _random.Next(600))}";
                    batch.Put(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(state[key]));
                }
            }

            // Remembered before it is tried: a write cut off by the crash may be there.
            var time = Math.Max(Microseconds(_disk.Now), before.Time);
            history.Points.Add(new Point(before.Last + 1, before.Last + (ulong)batch.Count, time, state));
            _index.Write(batch);
        }
    }

    private void Backup()
    {
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        var timeline = _index.Timeline.Id;
        var result = repository.Backup(_index, new BackupOptions { Parallelism = 1 });
        _timelines[timeline].Backups.Add(result.Lsn.Value);
        _timelines[timeline].Known = true;
        Say($"backup at {result.Lsn}");
    }

    private void Ship()
    {
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        var result = repository.Archive(_index, new ArchiveOptions { QueueMaxBytes = _tightQueue ? 20_000 : null });
        Shipments++;
        var history = Current;
        if (result.ArchivedLsn.Value > history.Points[^1].Last) throw Wrong($"LSN {result.ArchivedLsn} was archived, which was never written");
        history.Archived = Math.Max(history.Archived, result.ArchivedLsn.Value);
        history.Known |= result.Pieces > 0;
        if (_durability == Durability.Sync && !_tightQueue && result.LsnsBehind != 0) throw Wrong($"{result.LsnsBehind} durable writes were not shipped");
        foreach (var finding in result.Findings)
        {
            if (finding.Code is not "ArchiveGap") continue;
            Gaps++;
            _gaps = true;
            if (!_tightQueue) throw Wrong($"a gap without need: {finding.Message}");
        }

        Say($"archived to {result.ArchivedLsn} in {result.Pieces} pieces");
    }

    private void RestoreElsewhere()
    {
        var (timeline, history) = _timelines.ElementAt(_random.Next(_timelines.Count));
        var options = new RestoreOptions { Force = true, Parallelism = 1, Timeline = timeline };
        Point expected;
        bool reachable;
        if (_random.Next(3) == 0)
        {
            var from = history.Points[0].Time == 0 && history.Points.Count > 1 ? history.Points[1].Time : history.Points[0].Time;
            var time = from + (long)(_random.NextDouble() * (history.Points[^1].Time - from));
            if (_random.Next(3) == 0) time = history.Points[_random.Next(history.Points.Count)].Time;
            if (time == 0) return;
            options = options with { ToTime = DateTimeOffset.UnixEpoch.AddMicroseconds(time) };
            expected = history.Points.FindLast(p => p.Time <= time)!;
            // What comes behind the last archived write is not known, so its moment is the last one that can be asked for.
            var next = history.Points.Find(p => p.First > expected.Last);
            reachable = history.Reaches(expected.Last) && (time == expected.Time || (next is not null && history.IsArchived(next.Last)));
        }
        else
        {
            var lsn = (ulong)_random.NextInt64((long)history.Points[^1].Last + 1);
            if (_random.Next(2) == 0) lsn = history.Points[_random.Next(history.Points.Count)].Last;
            options = options with { ToLsn = new Lsn(lsn) };
            expected = history.Points.FindLast(p => p.Last <= lsn)!;
            reachable = expected.Last == lsn && history.Reaches(lsn);
        }

        using var repository = BackupRepository.Open(RepositoryPath, Files);
        RestoreResult result;
        try
        {
            result = repository.RestoreIndex(_index.Id.ToString(), TargetPath, options);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.PointNotReachable)
        {
            if (reachable && !_gaps && history.Known) throw Wrong($"{options.ToLsn} {options.ToTime:O} of {timeline} is reachable and was refused: {e.Message}");
            Refusals++;
            return;
        }

        Restores++;
        if (!reachable) Say($"{result.Lsn}: restored what a shipment cut short had sent");
        // A shipment cut short may end between writes of one microsecond; only the clock of a simulation stands still often enough to see it.
        if (!reachable && options.ToTime is not null && history.Points.Find(p => p.Last == result.Lsn.Value) is { } twin && twin.Time == expected.Time)
            expected = twin;
        if (result.Lsn.Value != expected.Last) throw Wrong($"{options.ToLsn} {options.ToTime:O} landed at {result.Lsn} instead of {expected.Last}");
        using var target = HestiaIndex.Open(TargetPath, Options() with { ReadOnly = true, Scheduler = new SimulatedScheduler(_random) });
        var shown = new List<KeyValuePair<string, string>>();
        using (var cursor = target.Scan())
            while (cursor.MoveNext()) shown.Add(new(Encoding.UTF8.GetString(cursor.Key), Encoding.UTF8.GetString(cursor.Value)));
        if (!expected.State.SequenceEqual(shown)) throw Wrong($"LSN {expected.Last} of {timeline} came back with other entries");
    }

    private void RestoreInPlace()
    {
        var history = Current;
        var points = history.Points.FindAll(p => history.Reaches(p.Last) && p.Last > 0);
        if (points.Count == 0 || !history.Known) return;
        var point = points[_random.Next(points.Count)];
        var timeline = _index.Timeline.Id;
        _index.Close();
        using (var repository = BackupRepository.Open(RepositoryPath, Files))
        {
            try
            {
                repository.RestoreIndex(
                    _index.Id.ToString(), IndexPath, new RestoreOptions { Force = true, Parallelism = 1, ToLsn = new Lsn(point.Last), Timeline = timeline });
            }
            catch (HestiaException e) when (e.Code == HestiaErrorCode.PointNotReachable && _gaps)
            {
                Refusals++;
            }
        }

        Open(timeline);
        Say($"restored in place to {_index.LastLsn}, now on {_index.Timeline.Id}");
    }

    private void Reopen()
    {
        var timeline = _index.Timeline.Id;
        _index.Close();
        Open(timeline);
    }

    private void Crash()
    {
        Crashes++;
        var timeline = _index.Timeline.Id;
        _disk.PowerOff();
        _disk.Survival = _random.Next(4) switch { 0 => 0, 1 => 1, _ => _random.NextDouble() };
        _disk.PowerOn();
        Say("power loss");
        _scheduler = new SimulatedScheduler(_random);
        if (!Files.FileExists(IndexPath + "/index.json")) FinishRestore(timeline);
        Open(timeline);
    }

    /// <summary>The power went between the two renames of a restore in place: the next restore puts the old index back first.</summary>
    private void FinishRestore(Guid timeline)
    {
        using var repository = BackupRepository.Open(RepositoryPath, Files);
        var oldest = repository.List()[0];
        repository.Restore(oldest.BackupId, IndexPath, new RestoreOptions { Force = true, Parallelism = 1 });
        Say($"restored {oldest.BackupId} of {oldest.Timeline}, coming from {timeline}");
    }

    /// <summary>Whatever it was, the index is on a timeline that continues a known one at the LSN it has now.</summary>
    private void Open(Guid before)
    {
        _index = HestiaIndex.Open(IndexPath, Options());
        var last = _index.LastLsn.Value;
        var now = _index.Timeline;
        if (!_timelines.TryGetValue(now.Id, out var history))
        {
            if (now.Parent is not { } parent || !_timelines.TryGetValue(parent, out var old)) throw Wrong($"timeline {now.Id} continues nothing known");
            history = new History([.. old.Points.Where(p => p.Last <= now.BranchLsn.Value)]) { Archived = now.BranchLsn.Value };
            history.Holes.AddRange(old.Holes);
            // What was neither archived nor the last write of the backup that was restored went with the log that was replaced.
            if (old.Archived < now.BranchLsn.Value) history.Holes.Add((old.Archived, now.BranchLsn.Value));
            history.Backups.AddRange(old.Backups.Where(lsn => lsn <= now.BranchLsn.Value));
            _timelines.Add(now.Id, history);
        }

        if (history.Points.FindLast(p => p.Last <= last)?.Last != last) throw Wrong($"the index came back at {last}, which never was ({before})");
        history.Points.RemoveAll(p => p.First > last);
        if (history.Archived > last) throw Wrong($"LSN {history.Archived} was archived and the index came back at {last}");
    }

    private static long Microseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private void Say(string what) => _trace.AppendLine(CultureInfo.InvariantCulture, $"{_disk.Calls}: {what}");

    private InvalidOperationException Wrong(string what) => new($"seed {Seed}: {what}\n{Trace}");

    private sealed record Point(ulong First, ulong Last, long Time, SortedDictionary<string, string> State);

    private sealed class History(List<Point> points)
    {
        public List<Point> Points { get; } = points;

        public List<ulong> Backups { get; } = [];

        public ulong Archived { get; set; }

        /// <summary>Writes behind the first and up to the second were never archived.</summary>
        public List<(ulong After, ulong UpTo)> Holes { get; } = [];

        /// <summary>Whether anything of this timeline has reached the repository; until then nothing there can tell where it branched.</summary>
        public bool Known { get; set; }

        public bool IsArchived(ulong lsn) => lsn <= Archived && !Holes.Exists(hole => lsn > hole.After && lsn <= hole.UpTo);

        public bool Reaches(ulong lsn) => IsArchived(lsn) || Backups.Contains(lsn);
    }
}
