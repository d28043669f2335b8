using System.Globalization;

namespace Hestia.Unit.Crashes;

/// <summary>One acknowledged write, as the child reported it.</summary>
internal readonly record struct ReportedWrite(int Thread, ulong Number, ulong Lsn, long Ticks);

/// <summary>Something the engine refused: a write (thread and number) or a job.</summary>
internal sealed record Refusal(string What, string Code, string Text);

/// <summary>Everything the child has said. Thread-safe: lines come in while the test looks.</summary>
internal sealed class Reports(int threads)
{
    private readonly object _gate = new();
    private readonly List<ReportedWrite> _writes = [];
    private readonly List<Refusal> _refusals = [];
    private readonly List<Refusal> _jobRefusals = [];
    private readonly List<(string Id, ulong Lsn)> _backups = [];
    private readonly List<string> _restoresBegun = [];
    private readonly List<string> _restoresFinished = [];
    private readonly List<string> _wrong = [];
    private readonly List<(int Thread, ulong Number, long Ticks)> _seen = [];
    private readonly List<(ulong[] Counters, long Ticks)> _flushed = [];

    public int Threads => threads;

    public int? ProcessId { get; private set; }

    /// <summary>What each thread had written when the child opened the index; null if it did not come so far.</summary>
    public ulong[]? Opened { get; private set; }

    /// <summary>What reads showed after a failure, if the child was told to look.</summary>
    public ulong[]? Probed { get; private set; }

    /// <summary>"ok", or the code that Close threw; null if the child was ended before.</summary>
    public string? Closed { get; private set; }

    public int Flushes => Copy(_flushed).Count;

    public int FlushesBegun { get; private set; }

    public int Compactions { get; private set; }

    public int CompactionsBegun { get; private set; }

    public int BackupsBegun { get; private set; }

    public int ShipmentsBegun { get; private set; }

    public int ShipmentsFinished { get; private set; }

    /// <summary>The last LSN the archive was reported to hold; 0 if no shipment ended.</summary>
    public ulong Archived { get; private set; }

    public IReadOnlyList<ReportedWrite> Writes => Copy(_writes);

    public int WriteCount
    {
        get
        {
            lock (_gate) return _writes.Count;
        }
    }

    public IReadOnlyList<Refusal> Refusals => Copy(_refusals);

    public IReadOnlyList<Refusal> JobRefusals => Copy(_jobRefusals);

    public IReadOnlyList<(string Id, ulong Lsn)> Backups => Copy(_backups);

    public int PrunesBegun { get; private set; }

    public int PrunesFinished { get; private set; }

    public IReadOnlyList<string> RestoresBegun => Copy(_restoresBegun);

    public IReadOnlyList<string> RestoresFinished => Copy(_restoresFinished);

    /// <summary>What the child itself found wrong.</summary>
    public IReadOnlyList<string> Wrong => Copy(_wrong);

    /// <summary>The newest batch of each thread that a reader had seen before then.</summary>
    public ulong[] Seen(long beforeTicks)
    {
        var result = new ulong[threads];
        foreach (var (thread, number, ticks) in Copy(_seen))
            if (ticks < beforeTicks) result[thread] = Math.Max(result[thread], number);
        return result;
    }

    /// <summary>What the flushes that had finished before then hold at least; <paramref name="before"/> was held already.</summary>
    public ulong[] Flushed(IReadOnlyList<ulong> before, long beforeTicks)
    {
        var result = before.ToArray();
        foreach (var (counters, ticks) in Copy(_flushed))
        {
            if (ticks >= beforeTicks) continue;
            for (var i = 0; i < threads; i++) result[i] = Math.Max(result[i], counters[i]);
        }

        return result;
    }

    /// <summary>Acknowledged batches of each thread: those it began with and those it reported.</summary>
    public ulong[] Acknowledged(IReadOnlyList<ulong> before, long beforeTicks = long.MaxValue)
    {
        var result = before.ToArray();
        lock (_gate)
        {
            foreach (var write in _writes)
                if (write.Ticks < beforeTicks) result[write.Thread] = Math.Max(result[write.Thread], write.Number);
        }

        return result;
    }

    public void Add(string line)
    {
        lock (_gate) Parse(line.Split(' '), line);
    }

    private void Parse(string[] parts, string line)
    {
        switch (parts[0])
        {
            case "w":
                _writes.Add(new ReportedWrite(
                    int.Parse(parts[1], CultureInfo.InvariantCulture), Number(parts[2]), Number(parts[3]),
                    long.Parse(parts[4], CultureInfo.InvariantCulture)));
                break;
            case "s":
                _seen.Add((
                    int.Parse(parts[1], CultureInfo.InvariantCulture), Number(parts[2]),
                    long.Parse(parts[3], CultureInfo.InvariantCulture)));
                break;
            case "f":
                _flushed.Add((Counters(parts[2..]), long.Parse(parts[1], CultureInfo.InvariantCulture)));
                break;
            case "F":
                FlushesBegun++;
                break;
            case "K":
                CompactionsBegun++;
                break;
            case "k":
                Compactions++;
                break;
            case "x":
                _refusals.Add(new Refusal($"{parts[1]} {parts[2]}", parts[3], string.Join(' ', parts[4..])));
                break;
            case "j":
                _jobRefusals.Add(new Refusal(parts[1], parts[2], string.Join(' ', parts[3..])));
                break;
            case "B":
                BackupsBegun++;
                break;
            case "A":
                ShipmentsBegun++;
                break;
            case "a":
                ShipmentsFinished++;
                Archived = Number(parts[1]);
                break;
            case "b":
                _backups.Add((parts[1], Number(parts[2])));
                break;
            case "G":
                PrunesBegun++;
                break;
            case "g":
                PrunesFinished++;
                break;
            case "R":
                _restoresBegun.Add(parts[1]);
                break;
            case "r":
                _restoresFinished.Add(parts[1]);
                break;
            case "o":
                Opened = Counters(parts[2..]);
                break;
            case "v":
                Probed = Counters(parts[1..]);
                break;
            case "q":
                Closed = parts[1];
                break;
            case "p":
                ProcessId = int.Parse(parts[1], CultureInfo.InvariantCulture);
                break;
            default:
                _wrong.Add(line);
                break;
        }
    }

    private static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);

    private static ulong[] Counters(string[] parts) => [.. parts.Select(Number)];

    private List<T> Copy<T>(List<T> list)
    {
        lock (_gate) return [.. list];
    }
}
