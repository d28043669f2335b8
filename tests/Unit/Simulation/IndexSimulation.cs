using System.Globalization;
using System.Text;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Reading;
using Hestia.Core.Repair;

namespace Hestia.Unit.Simulation;

/// <summary>
/// One seed: random work on an index whose disk loses power, runs full, fails reads, writes and syncs at moments the seed chooses. Everything
/// is held against a list of what was written: after each crash the index opens by itself and holds exactly the writes up to some point, batches
/// whole, and that point is not before what the durability had promised.
/// </summary>
internal sealed partial class IndexSimulation
{
    private const string Path = "/disk/index";

    private static readonly bool s_live = Environment.GetEnvironmentVariable("HESTIA_SIMULATION_TRACE") is not null;

    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private Durability _durability;
    private readonly HashSet<Durability> _mayBe = []; // what index.json may say after a crash

    /// <summary>Few keys with few values: the same content, and so the same segment names, come again and again.</summary>
    private readonly bool _repetitive;
    private readonly int _keys;
    private readonly IndexOptions _options;
    private readonly StringBuilder _trace = new();

    private readonly WriteHistory _history = new();
    private SimulatedScheduler _scheduler;
    private HestiaIndex? _index;
    private ulong _promised; // survives a power loss
    private ulong _written; // survives a killed process
    private bool _failed;
    private bool _cacheLies; // a sync failed, and the machine has been on since: what is seen is not all on its way to the disk
    private bool _interleaving;

    public IndexSimulation(int seed)
    {
        Seed = seed;
        _random = new Random(seed);
        _disk = new SimulatedDisk(_random.Next());
        _durability = (Durability)_random.Next(4);
        _mayBe.Add(_durability);
        _repetitive = _random.Next(4) == 0;
        _keys = _repetitive ? 3 : 60;
        _scheduler = new SimulatedScheduler(_random);
        _options = new IndexOptions
        {
            MemtableBytes = 64 << 10,
            MaxMemtables = _random.Next(2, 5),
            CacheBytes = _random.Next(2) == 0 ? 0 : 32 << 10,
            MaxOpenFiles = 16,
            Level0Trigger = _random.Next(2, 4),
            Level1Bytes = 16 << 10,
            SegmentBytes = 4 << 10,
            RetiredAge = TimeSpan.FromMinutes(_random.Next(3)),
            RetiredBytes = _random.Next(3) == 0 ? 0 : _random.Next(1 << 20),
            GroupDelay = _random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(1),
        };
    }

    public int Seed { get; }

    /// <summary>What happened so far, for the one who has to replay it.</summary>
    public string Trace => _trace.ToString();

    public int Crashes { get; private set; }

    public int Faults { get; private set; }

    /// <summary>Changes of the durability that succeeded.</summary>
    public int DurabilityChanges { get; private set; }

    /// <summary>Windows in which nothing may change, and nothing did.</summary>
    public int Suspensions { get; private set; }

    /// <summary>Batches that another writer's append wrote along with its own.</summary>
    public int Grouped { get; private set; }

    public int Repairs { get; private set; }

    public void Run(int steps)
    {
        var files = new SimulatedFileSystem(_disk);
        files.CreateDirectory("/disk");
        files.SyncDirectory("/");
        Say($"{_durability}");
        _index = HestiaIndex.Create(Path, new IndexSettings { BlockBytes = 1024, Durability = _durability }, Options());
        _disk.Observer = InterleaveWork;
        for (var step = 0; step < steps; step++)
        {
            _disk.Now += TimeSpan.FromSeconds(_random.Next(20));
            if (_index is not null) Step();
            else if (_random.Next(5) == 0) Repair();
            else Reopen();
        }

        if (_index is null) Reopen();
        if (_index is null) return; // the power went once more
        Verify();
        _disk.CrashAt = null;
        _index.Dispose();
    }

    private IndexOptions Options() => _options with { FileSystem = new SimulatedFileSystem(_disk), Scheduler = _scheduler };

    private void Step()
    {
        try
        {
            // Few seeds would go this way by themselves: the index fails, the machine stays on, the next process finds what the cache shows.
            if (_failed && _random.Next(4) == 0)
            {
                if (_random.Next(2) == 0) Close();
                else Crash(power: false);
                return;
            }

            switch (_random.Next(100))
            {
                case < 43: WriteOne(); break;
                case < 44: ChangeDurability(); break;
                case < 45: Suspend(); break;
                case < 55: WriteTogether(); break;
                case < 62: WriteMany(); break;
                case < 70: _scheduler.TryRunPending(); break;
                case < 75: Guarded("flush", () => Promise(_index!.Flush().Checkpoint.Value)); break;
                case < 77: Guarded("compact", () => _index!.Compact()); break;
                case < 83 when _repetitive: Guarded("compact", () => _index!.Compact()); break;
                case < 83: ReadSome(); break;
                case < 85: Close(); break;
                case < 90: _disk.CrashAt = _disk.Calls + _random.Next(30); break;
                case < 92: Crash(power: true); break;
                case < 94: Crash(power: false); break;
                case < 97: PlantFault(); break;
                default: Verify(); break;
            }
        }
        catch (PowerLossException)
        {
            Crash(power: true);
        }

        // Background work that ran into the crash keeps it to itself; the disk tells.
        if (_disk.IsOff) Crash(power: true);
    }

    /// <summary>Between a compaction's output and its manifest other work may come: a flush, and with it the deletion of retired files.</summary>
    private void InterleaveWork(DiskCall call, string path)
    {
        if (_interleaving || call != DiskCall.SyncDirectory || !path.EndsWith("segments", StringComparison.Ordinal) || _random.Next(3) != 0) return;
        _interleaving = true;
        try
        {
            _disk.Now += TimeSpan.FromMinutes(_random.Next(4));
            _index?.PruneRetired();
            _scheduler.TryRun("hestia-flush"); // compaction is one at a time
        }
        finally
        {
            _interleaving = false;
        }
    }

    private void ReadSome()
    {
        var model = ModelAt(_index!.LastLsn.Value);
        for (var i = 0; i < 10; i++)
        {
            var key = $"k{_random.Next(_keys):D3}";
            var actual = Tolerant(() => _index.Get(Encoding.UTF8.GetBytes(key)), out var failed);
            if (failed) return;
            if (!Same(ValueIn(model, key), actual)) throw Wrong($"'{key}' reads wrong at {_index.LastLsn}");
        }
    }

    private void Close()
    {
        var last = _index!.LastLsn.Value;
        try
        {
            _index.Close();
            if (_failed) throw Wrong("closing a failed index claimed success");
            Promise(last);
            Say("closed");
        }
        catch (HestiaException e)
        {
            Say($"close failed: {e.Code}");
        }

        if (_disk.IsOff)
        {
            Crash(power: true);
            return;
        }

        _cacheLies |= _failed;
        _index = null;
        _scheduler = new SimulatedScheduler(_random);
        if (_disk.CrashAt is not null) return;
        _disk.Fault = null;
        CheckClosed();
    }

    private void Crash(bool power)
    {
        Crashes++;
        if (power)
        {
            _disk.PowerOff();
            _disk.Survival = _random.Next(4) switch { 0 => 0, 1 => 1, _ => _random.NextDouble() };
            _disk.PowerOn();
            _written = 0;
            _cacheLies = false;
        }
        else
        {
            // What was written stays: a killed process loses only what was in its memory.
            if (_durability != Durability.Off && !_failed && _index is not null) _written = Math.Max(_written, _index.LastLsn.Value);
            _disk.KillProcess();
            _cacheLies |= _failed;
        }

        Say(power ? $"power loss, promised {_promised}" : $"killed, promised {_promised}");
        _index = null;
        _scheduler = new SimulatedScheduler(_random);
        CheckClosed(deep: _random.Next(6) == 0); // read-only, before anything is recovered
    }

    private void PlantFault()
    {
        var call = _random.Next(4) == 0 ? DiskCall.Sync : (DiskCall)_random.Next((int)DiskCall.List + 1);
        var error = _random.Next(2) == 0 && call is DiskCall.Write or DiskCall.Create or DiskCall.Resize ? 28 : 5;
        var after = _random.Next(8);
        var times = _random.Next(1, 4);
        Say($"fault {call} {(error == 28 ? "ENOSPC" : "EIO")} after {after} times {times}");
        _disk.Fault = (made, path) =>
        {
            if (made != call && !(call == DiskCall.Sync && made == DiskCall.SyncDirectory)) return null;
            if (after-- > 0 || times-- <= 0) return null;
            Faults++;
            var cause = (IOException)Hestia.Core.IO.IOErrors.FromErrno(error, $"planted on {made} of {path}");
            return made == DiskCall.SyncDirectory ? new Hestia.Core.IO.SyncFailedException(cause.Message, cause) : cause;
        };
    }

    /// <summary>
    /// A repair of an index that is closed or crashed, not damaged: it keeps all that opening would have recovered, and may be cut off by
    /// the next power loss.
    /// </summary>
    private void Repair()
    {
        _disk.Fault = null;
        if (_random.Next(2) == 0) _disk.CrashAt = _disk.Calls + _random.Next(12);
        try
        {
            var files = new SimulatedFileSystem(_disk);
            var before = IndexChecker.Check(files, Path).LastLsn.Value;
            var report = IndexRepairer.Repair(files, Path);
            Repairs++;
            Say($"repaired at {report.LastLsn}{string.Concat(report.Actions.Select(a => " " + a.Code))}");
            if (report.LastLsn.Value != before) throw Wrong($"repair ended at {report.LastLsn}, before it {before} was the last write");
            if (report.Lost.Count > 0) throw Wrong($"repair of an honest crash lost something: {report.Lost[0].Message}");
            _written = Math.Max(_written, before);
            if (_disk.CrashAt is null) CheckClosed();
        }
        catch (PowerLossException)
        {
            Crash(power: true);
        }
        catch (HestiaException) when (_disk.IsOff)
        {
            Crash(power: true);
        }
        catch (HestiaException e)
        {
            throw Wrong($"repair of an honest crash refused: {e.Code}: {e.Message}");
        }
    }

    private void Reopen()
    {
        _failed = false;
        _disk.Fault = null;
        if (_random.Next(4) == 0) _disk.CrashAt = _disk.Calls + _random.Next(25);
        try
        {
            _index = HestiaIndex.Open(Path, Options());
        }
        catch (PowerLossException)
        {
            Crash(power: true);
            return;
        }
        catch (HestiaException) when (_disk.IsOff)
        {
            Crash(power: true);
            return;
        }
        catch (HestiaException e)
        {
            throw Wrong($"an honest crash was called {e.Code}: {e.Message}");
        }

        if (!_mayBe.Contains(_index.Durability)) throw Wrong($"the durability is {_index.Durability} and should be {string.Join(" or ", _mayBe)}");
        (_durability, var last) = (_index.Durability, _index.LastLsn.Value);
        _mayBe.Clear();
        _mayBe.Add(_durability);
        Say($"opened at {last}, {_durability}{string.Concat(_index.Recovery.Notices.Select(n => " " + n.Code))}");
        if (last < _written) throw Wrong($"{last} is the last write after a kill, but {_written} had been written");
        if (last < _promised) throw Wrong($"{last} is the last write, but {_promised} had been promised");
        if (_history.CameBack(last, () => Content(_index, default)) is { } wrong) throw Wrong(wrong);
        _promised = last; // recovery makes durable what it shows
        if (_disk.CrashAt is null) Verify();
        if (_cacheLies && _random.Next(2) == 0) _disk.CrashAt = _disk.Calls + _random.Next(12);
    }

    private void Verify()
    {
        if (_index is null) return;
        var last = _index.LastLsn.Value;
        var model = ModelAt(last);
        foreach (var reverse in (bool[])[false, true])
        {
            var shown = Tolerant(() => Content(_index, new ScanOptions { Reverse = reverse }), out var failed);
            if (failed) return;
            Compare(model, shown!, last);
        }

        if (_disk.Fault is null && !_failed) CheckOpen(deep: _random.Next(8) == 0);
    }

    private void CheckOpen(bool deep)
    {
        var report = _index!.Check(new CheckOptions { Deep = deep });
        if (!report.Healthy) throw Wrong($"the open index fails its check: {string.Join("; ", report.Findings)}");
    }

    private void CheckClosed(bool deep = true)
    {
        var report = IndexChecker.Check(new SimulatedFileSystem(_disk), Path, new CheckOptions { Deep = deep });
        if (!report.Healthy) throw Wrong($"the closed index fails its check: {string.Join("; ", report.Findings)}");
        if (report.LastLsn.Value < _promised) throw Wrong($"the check sees {report.LastLsn} as the last write, {_promised} was promised");
    }

    private void Guarded(string what, Action action)
    {
        try
        {
            action();
        }
        catch (HestiaException e)
        {
            Say($"{what} refused: {e.Code}");
            NoteFailure(e);
        }
    }

    /// <summary>A read may fail with a planted fault; it may not be wrong.</summary>
    private static T? Tolerant<T>(Func<T?> read, out bool failed)
        where T : class
    {
        failed = false;
        try
        {
            return read();
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.IoError)
        {
            failed = true;
            return null;
        }
    }

    private void NoteFailure(HestiaException e)
    {
        if (_disk.IsOff) throw new PowerLossException();
        if (_index!.State == IndexState.Failed) _failed = true;
        Expected(e);
    }

    private void Expected(HestiaException e)
    {
        // A disk that fails may make calls fail, with these names; anything else would be damage of our own making.
        if (e.Code is not (HestiaErrorCode.IoError or HestiaErrorCode.DiskFull or HestiaErrorCode.IndexFailed)) throw Wrong($"refused with {e}");
    }

    private void Promise(ulong lsn) => _promised = Math.Max(_promised, lsn);

    private SortedDictionary<string, ModelEntry> ModelAt(ulong last)
    {
        try
        {
            return _history.ModelAt(last);
        }
        catch (InvalidOperationException e)
        {
            throw Wrong(e.Message);
        }
    }

    private void Compare(SortedDictionary<string, ModelEntry> expected, SortedDictionary<string, ModelEntry> shown, ulong last)
    {
        if (!expected.Keys.SequenceEqual(shown.Keys)) throw Wrong($"the keys shown at {last} are not those written");
        foreach (var (key, entry) in shown)
            if (!expected[key].Equals(entry)) throw Wrong($"'{key}' shows a wrong value, or a value of another write, at {last}");
    }

    private static SortedDictionary<string, ModelEntry> Content(HestiaIndex index, ScanOptions options)
    {
        using var snapshot = index.CreateSnapshot();
        return Content(snapshot, options);
    }

    /// <summary>All entries, in the order the cursor has them.</summary>
    private static SortedDictionary<string, ModelEntry> Content(IndexSnapshot snapshot, ScanOptions options, Action? between = null)
    {
        var shown = new SortedDictionary<string, ModelEntry>(StringComparer.Ordinal);
        string? previous = null;
        using var cursor = snapshot.Scan(options);
        while (cursor.MoveNext())
        {
            var key = Encoding.UTF8.GetString(cursor.Key);
            if (previous is not null && string.CompareOrdinal(previous, key) * (options.Reverse ? -1 : 1) >= 0)
                throw new InvalidOperationException($"'{key}' is shown after '{previous}'");
            shown.Add(key, new ModelEntry(cursor.Value.ToArray(), cursor.Lsn.Value));
            previous = key;
            between?.Invoke();
        }

        return shown;
    }

    private static byte[]? ValueIn(SortedDictionary<string, ModelEntry> model, string key) => model.TryGetValue(key, out var entry) ? entry.Value : null;

    private static bool Same(byte[]? expected, byte[]? actual) =>
        expected is null ? actual is null : actual is not null && expected.AsSpan().SequenceEqual(actual);

    private void Say(string what)
    {
        if (s_live) Console.WriteLine($"{_disk.Calls}: {what}");
        _trace.AppendLine(CultureInfo.InvariantCulture, $"{_disk.Calls}: {what}");
    }

    private InvalidOperationException Wrong(string what) => new($"seed {Seed}: {what}\n{Trace}");
}
