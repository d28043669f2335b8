using System.Diagnostics;
using System.Text.Json;
using Hestia.Backup;
using Hestia.Bench.Engines;
using Hestia.Core;

namespace Hestia.Bench;

/// <summary>Runs the workloads of one engine and writes a JSON line for each row.</summary>
internal sealed class Worker : IDisposable
{
    /// <summary>Every so many operations one is timed: enough for a p99.9, too few to slow what is measured.</summary>
    private const int SampleEvery = 16;

    private readonly BenchArguments _arguments;
    private readonly string _name;
    private readonly string _folder;
    private IEngine? _engine;
    private KeySpace _keys;
    private long _filled;

    private Worker(BenchArguments arguments)
    {
        _arguments = arguments;
        _name = arguments.Engines[0];
        _folder = Path.Combine(arguments.Folder, $"hestia-bench-{Environment.ProcessId}");
    }

    private string IndexPath => Path.Combine(_folder, "index");

    public static int Run(BenchArguments arguments)
    {
        using var worker = new Worker(arguments);
        try
        {
            foreach (var workload in arguments.Workloads) worker.Run(workload);
            return 0;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            return 1;
        }
    }

    public void Dispose()
    {
        _engine?.Dispose();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private void Run(string workload)
    {
        switch (workload)
        {
            case "fillrandom" or "fillseq":
                foreach (var durability in _arguments.Durabilities)
                {
                    foreach (var writers in _arguments.Writers)
                    {
                        CreateEmpty(workload == "fillrandom", durability);
                        Fill(workload, durability, writers);
                    }
                }

                break;
            case "readrandom" or "readmissing":
                EnsureFilled();
                foreach (var readers in _arguments.Readers)
                    Read(workload, readers, workload == "readmissing" ? 100 : _arguments.MissPercent);
                break;
            case "scan" or "scanreverse":
                EnsureFilled();
                Scan(workload, _engine!, workload == "scanreverse");
                break;
            case "lifecycle":
                Lifecycle();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(workload), workload, "No such workload.");
        }
    }

    private void CreateEmpty(bool random, Durability durability)
    {
        _engine?.Dispose();
        _engine = null;
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
        Directory.CreateDirectory(_folder);
        _keys = new KeySpace(random, _arguments.ValueBytes, _arguments.Values);
        _engine = EngineFactory.Open(_name, new EngineSettings(IndexPath, durability, _arguments.CacheBytes));
        _filled = 0;
    }

    /// <summary>Reads need the whole index: one is filled, unmeasured, if none was or the time was up before it was full.</summary>
    private void EnsureFilled()
    {
        if (_engine is not null && _keys.Random && _filled == _arguments.Entries) return;
        CreateEmpty(random: true, Durability.Off);
        var key = new byte[KeySpace.KeyBytes];
        var value = new byte[_keys.ValueBytes];
        for (var i = 0L; i < _arguments.Entries; i++)
        {
            _keys.Key(i, key);
            _keys.Value(i, value);
            _engine!.Put(key, value);
        }

        _engine!.Flush();
        _engine.Settle();
        _filled = _arguments.Entries;
    }

    /// <summary>Load time includes the final flush: writes that only wait in memory are not done yet.</summary>
    private void Fill(string workload, Durability durability, int writers)
    {
        var engine = _engine!;
        var entries = _arguments.Entries;
        Measure(workload, durability, writers, (writer, run) =>
        {
            var key = new byte[KeySpace.KeyBytes];
            var value = new byte[_keys.ValueBytes];
            for (var i = (long)writer; i < entries && !run.TimeIsUp; i += writers)
            {
                _keys.Key(i, key);
                _keys.Value(i, value);
                run.Begin();
                engine.Put(key, value);
                run.End();
            }
        }, engine.Flush);
    }

    private void Read(string workload, int readers, int missPercent)
    {
        var engine = _engine!;
        var perReader = _arguments.Entries / readers;
        Measure(workload, null, readers, (reader, run) =>
        {
            var key = new byte[KeySpace.KeyBytes];
            var value = new byte[Math.Max(_keys.ValueBytes, 1)];
            var state = KeySpace.Mix((ulong)reader + 77);
            for (var i = 0L; i < perReader && !run.TimeIsUp; i++)
            {
                state = KeySpace.Mix(state + 0x9E3779B97F4A7C15);
                var miss = (int)(state % 100) < missPercent;
                var number = (long)((state >> 8) % (ulong)_filled);
                _keys.Key(miss ? _filled + number : number, key);
                run.Begin();
                var length = engine.Get(key, value);
                run.End();
                if (length != (miss ? -1 : _keys.ValueBytes))
                    throw new InvalidOperationException($"Get of entry {number:N0} ({(miss ? "absent" : "present")}) returned {length}.");
            }
        });
    }

    private void Scan(string workload, IEngine engine, bool reverse)
    {
        Measure(workload, null, 1, (_, run) =>
        {
            using var cursor = engine.Scan(reverse);
            Span<byte> last = stackalloc byte[KeySpace.KeyBytes];
            var count = 0L;
            while (cursor.MoveNext())
            {
                var order = cursor.Key.SequenceCompareTo(last);
                if (count > 0 && (reverse ? order >= 0 : order <= 0))
                    throw new InvalidOperationException($"Key {count:N0} of the scan is out of order.");
                if (cursor.Value.Length != _keys.ValueBytes)
                    throw new InvalidOperationException($"Value {count:N0} of the scan has {cursor.Value.Length} bytes.");
                cursor.Key.CopyTo(last);
                count++;
            }

            run.Count(count);
            if (count != _filled) throw new InvalidOperationException($"The scan showed {count:N0} of {_filled:N0} entries.");
        });
    }

    /// <summary>An index's whole life: what must stay under a memory limit however large the index is.</summary>
    private void Lifecycle()
    {
        CreateEmpty(random: true, _arguments.Durabilities[0]);
        Fill("lifecycle load", _arguments.Durabilities[0], _arguments.Writers[0]);
        if (_filled != _arguments.Entries)
            throw new InvalidOperationException("The time was up before the index was loaded; give --seconds 0.");
        Scan("lifecycle scan", _engine!, reverse: false);
        if (_engine is not HestiaEngine hestia) return;

        var restoredPath = Path.Combine(_folder, "restored");
        using var repository = BackupRepository.Create(Path.Combine(_folder, "repository"));
        BackupResult? backup = null;
        Measure("lifecycle backup", null, 1, (_, run) => run.Bytes(_filled, (backup = repository.Backup(hestia.Index)).BytesSent));
        hestia.Dispose();
        _engine = null;
        Measure("lifecycle restore", null, 1, (_, run) => run.Bytes(_filled, repository.Restore(backup!.BackupId, restoredPath).Bytes));
        using var restored = EngineFactory.Open(_name, new EngineSettings(restoredPath, _arguments.Durabilities[0], _arguments.CacheBytes));
        Scan("lifecycle rescan", restored, reverse: false);
    }

    private void Measure(string workload, Durability? durability, int threads, Action<int, ThreadRun> body, Action? final = null)
    {
        GC.Collect();
        ProcessMemory.ResetPeak();
        var limit = _arguments.Seconds > 0 ? TimeSpan.FromSeconds(_arguments.Seconds) : TimeSpan.MaxValue;
        var clock = Stopwatch.StartNew();
        var runs = new ThreadRun[threads];
        for (var i = 0; i < threads; i++) runs[i] = new ThreadRun(clock, limit);
        if (threads == 1)
        {
            body(0, runs[0]);
        }
        else
        {
            var tasks = new Task[threads];
            for (var i = 0; i < threads; i++)
            {
                var number = i;
                tasks[i] = Task.Factory.StartNew(() => body(number, runs[number]), TaskCreationOptions.LongRunning);
            }

            Task.WaitAll(tasks);
        }

        final?.Invoke();
        var seconds = clock.Elapsed.TotalSeconds;
        var latency = new LatencyHistogram();
        foreach (var run in runs) latency.Add(run.Latency);
        var operations = runs.Sum(r => r.Operations);
        if (durability is not null) _filled = operations;
        var bytes = runs.Sum(r => r.MovedBytes);
        Console.WriteLine(JsonSerializer.Serialize(
            new BenchResult
            {
                Engine = _name,
                Version = _engine?.Version ?? "",
                Workload = workload,
                Durability = durability?.ToString(),
                Threads = threads,
                Operations = operations,
                Seconds = seconds,
                BytesPerSecond = bytes > 0 ? bytes / seconds : null,
                P50Microseconds = latency.Microseconds(0.5),
                P99Microseconds = latency.Microseconds(0.99),
                P999Microseconds = latency.Microseconds(0.999),
                MaxMicroseconds = latency.Microseconds(1),
                PeakRssBytes = ProcessMemory.PeakBytes(),
                DiskBytes = ProcessMemory.DirectoryBytes(IndexPath),
                Facts = _engine?.Facts(),
            },
            Report.LineJson));
    }

    /// <summary>What one thread of a row did.</summary>
    private sealed class ThreadRun(Stopwatch clock, TimeSpan limit)
    {
        private long _started;

        public LatencyHistogram Latency { get; } = new();

        public long Operations { get; private set; }

        public long MovedBytes { get; private set; }

        /// <summary>Looked at rarely: a clock read costs as much as a fast get.</summary>
        public bool TimeIsUp => (Operations & 1023) == 0 && clock.Elapsed > limit;

        public void Begin()
        {
            if (Operations % SampleEvery == 0) _started = Stopwatch.GetTimestamp();
        }

        public void End()
        {
            if (Operations++ % SampleEvery == 0) Latency.Add(Stopwatch.GetTimestamp() - _started);
        }

        public void Count(long operations) => Operations = operations;

        public void Bytes(long operations, long bytes)
        {
            Operations = operations;
            MovedBytes = bytes;
        }
    }
}
