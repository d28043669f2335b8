using System.Diagnostics;
using Hestia.Backup;
using Hestia.Core;

namespace Hestia.CrashWriter;

/// <summary>The threads at work on the index, from open to close.</summary>
internal sealed class Session(WriterArguments arguments, Reporter reporter)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(10);
    private readonly ManualResetEventSlim _stop = new(false);
    private readonly ulong[] _acknowledged = new ulong[arguments.Threads];
    private volatile string? _lastBackup;

    public int Run()
    {
        if (!IndexDescription.IsIndex(arguments.Index)) HestiaIndex.Create(arguments.Index).Close(); // for use by hand
        var index = HestiaIndex.Open(arguments.Index, arguments.Options());
        for (var thread = 0; thread < _acknowledged.Length; thread++)
            _acknowledged[thread] = Workload.ReadCounter(index.Get(Workload.CounterKey(thread)));
        reporter.Line($"o {index.LastLsn.Value} {string.Join(' ', _acknowledged)}");

        var commands = new Thread(WaitForStop) { IsBackground = true, Name = "commands" };
        commands.Start();
        var writers = new List<Thread>();
        for (var thread = 0; thread < arguments.Threads; thread++)
        {
            var own = thread;
            writers.Add(Start($"writer {own}", () => Write(index, own)));
        }

        var jobs = new List<Thread>();
        if (arguments.Has("flush")) jobs.Add(Start("flush", () => Repeat(index, "flush", 1, 40, _ => Flush(index))));
        if (arguments.Has("compact")) jobs.Add(Start("compact", () => Repeat(index, "compact", 20, 200, _ => Compact(index))));
        if (arguments.Has("read")) jobs.Add(Start("read", () => Read(index)));
        if (arguments.Has("backup")) jobs.Add(Start("backup", () => BackUp(index)));
        if (arguments.Has("prune")) jobs.Add(Start("prune", () => Prune(index)));
        if (arguments.Has("restore")) jobs.Add(Start("restore", () => Restore(index)));

        if (arguments.Has("archive")) jobs.Add(Start("archive", () => Archive(index)));

        foreach (var writer in writers) writer.Join();
        // Refused for good is reason enough to end; refused once and told to stop writing is not.
        if (index.State == IndexState.Ready) _stop.Wait();
        _stop.Set();
        foreach (var job in jobs) job.Join();
        if (arguments.Probe && index.State == IndexState.Failed) Probe(index);
        return Close(index);
    }

    private static Thread Start(string name, Action work)
    {
        var thread = new Thread(() => work()) { IsBackground = true, Name = name };
        thread.Start();
        return thread;
    }

    /// <summary>A parent that died closes the pipe as well, so nothing of it is left behind.</summary>
    private void WaitForStop()
    {
        Console.In.ReadLine();
        _stop.Set();
    }

    private void Write(HestiaIndex index, int thread)
    {
        using var batch = new WriteBatch();
        var number = _acknowledged[thread] + 1;
        while (!_stop.IsSet)
        {
            Workload.Fill(batch, thread, number);
            try
            {
                var lsn = index.Write(batch);
                reporter.Line($"w {thread} {number} {lsn.Value} {Stopwatch.GetTimestamp()}");
                Volatile.Write(ref _acknowledged[thread], number);
                number++;
            }
            catch (HestiaException e)
            {
                // What the engine says of itself decides how it goes on, and the refused write must not be seen.
                reporter.Line($"x {thread} {number} {e.Code} {e.Message}");
                CheckRefused(index, thread, number);
                if (e.Code is HestiaErrorCode.IndexFailed or HestiaErrorCode.IndexClosed || arguments.StopOnRefusal) return;
                _stop.Wait(RetryDelay);
            }
        }
    }

    private void CheckRefused(HestiaIndex index, int thread, ulong number)
    {
        try
        {
            var seen = Workload.ReadCounter(index.Get(Workload.CounterKey(thread)));
            if (seen >= number) reporter.Line($"! batch {number} of thread {thread} was refused and is shown");
        }
        catch (HestiaException e)
        {
            reporter.Line($"j get {e.Code} {e.Message}");
        }
    }

    private void Read(HestiaIndex index)
    {
        var seen = new ulong[arguments.Threads];
        Repeat(index, "read", 0, 3, random =>
        {
            var thread = random.Next(seen.Length);
            var number = Workload.ReadCounter(index.Get(Workload.CounterKey(thread)));
            if (number == seen[thread]) return;
            reporter.Line($"s {thread} {number} {Stopwatch.GetTimestamp()}");
            if (number < seen[thread] && index.State != IndexState.Failed)
                reporter.Line($"! thread {thread} was at {seen[thread]} and is shown at {number}");
            seen[thread] = number;
        });
    }

    private void Flush(HestiaIndex index)
    {
        var counters = new ulong[_acknowledged.Length];
        for (var i = 0; i < counters.Length; i++) counters[i] = Volatile.Read(ref _acknowledged[i]);
        reporter.Line("F");
        index.Flush();
        reporter.Line($"f {Stopwatch.GetTimestamp()} {string.Join(' ', counters)}");
    }

    private void Compact(HestiaIndex index)
    {
        reporter.Line("K");
        index.Compact();
        reporter.Line("k");
    }

    private void BackUp(HestiaIndex index)
    {
        using var repository = BackupRepository.Open(arguments.Repository);
        Repeat(index, "backup", 0, 50, _ =>
        {
            reporter.Line("B");
            var result = repository.Backup(index);
            reporter.Line($"b {result.BackupId} {result.Lsn.Value}");
            _lastBackup = result.BackupId;
        });
    }

    /// <summary>Removes all but the newest three backups, then what no backup names any more.</summary>
    private void Prune(HestiaIndex index)
    {
        using var repository = BackupRepository.Open(arguments.Repository);
        Repeat(index, "prune", 0, 50, _ =>
        {
            foreach (var decision in repository.PlanRemoval(new RetentionPolicy { KeepLast = 3 }))
                if (decision.Remove) repository.Remove(decision.BackupId);
            reporter.Line("G");
            reporter.Line($"g {repository.Prune().ObjectsRemoved}");
        });
    }

    private void Archive(HestiaIndex index)
    {
        using var repository = BackupRepository.Open(arguments.Repository);
        Repeat(index, "archive", 0, 20, _ =>
        {
            reporter.Line("A");
            var result = repository.Archive(index);
            reporter.Line($"a {result.ArchivedLsn.Value}");
            foreach (var finding in result.Findings) reporter.Line($"! archive: {finding}");
        });
    }

    private void Restore(HestiaIndex index)
    {
        using var repository = BackupRepository.Open(arguments.Repository);
        var known = repository.List();
        if (known.Count > 0) _lastBackup ??= known[^1].BackupId;
        Repeat(index, "restore", 0, 20, _ =>
        {
            if (_lastBackup is not { } id) return;
            reporter.Line($"R {id}");
            var result = repository.Restore(id, arguments.Target, new RestoreOptions { Force = true });
            reporter.Line($"r {id} {result.Lsn.Value}");
        });
    }

    private void Repeat(HestiaIndex index, string job, int least, int most, Action<Random> work)
    {
        var random = new Random((arguments.Seed * 31) + job.Length + job[0]);
        while (!_stop.Wait(random.Next(least, most + 1)))
        {
            try
            {
                work(random);
            }
            catch (HestiaException e)
            {
                reporter.Line($"j {job} {e.Code} {e.Message}");
                // Reads go on when the index has failed, for as long as there is something to compare.
                if (e.Code is HestiaErrorCode.IndexFailed or HestiaErrorCode.IndexClosed) return;
                _stop.Wait(RetryDelay);
            }

            if (job != "read" && index.State == IndexState.Failed) return;
        }
    }

    private void Probe(HestiaIndex index)
    {
        var (counters, _, wrong) = Contents.Read(index, arguments.Threads);
        reporter.Line(wrong is null ? $"v {string.Join(' ', counters)}" : $"! after the failure: {wrong}");
    }

    private int Close(HestiaIndex index)
    {
        try
        {
            index.Close();
            reporter.Line("q ok");
            return 0;
        }
        catch (HestiaException e)
        {
            reporter.Line($"q {e.Code} {e.Message}");
            return 2;
        }
    }
}
