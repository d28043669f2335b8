using Hestia.Core.IO;
using Hestia.Core.Wal;
using Hestia.Core.Writing;

namespace Hestia.Core.Repair;

/// <summary>LSNs from one to another, both included.</summary>
internal readonly record struct LsnRange(Lsn First, Lsn Last)
{
    public ulong Count => Last.Value - First.Value + 1;

    public override string ToString() => First == Last ? $"LSN {First}" : $"LSN {First} to {Last}";
}

/// <summary>
/// Every record above a checkpoint that can be read in a damaged log: behind damage, behind gaps, in files whose header is gone or whose
/// name is another's. Only the tail that a crash tore, which had never been synced, counts as cut. Each LSN is given once, in order.
/// </summary>
internal sealed class LogSalvage
{
    private readonly FileSystem _files;
    private readonly Lsn _after;
    private readonly CancellationToken _cancellation;
    private readonly List<Source> _sources = [];
    private readonly List<string> _foreign = [];

    private LogSalvage(FileSystem files, Lsn after, CancellationToken cancellation)
    {
        _files = files;
        _after = after;
        _cancellation = cancellation;
    }

    /// <summary>What the log was judged to be for the checkpoint.</summary>
    public required WalScanResult Scan { get; init; }

    /// <summary>LSNs between the checkpoint and the end that no readable record holds.</summary>
    public IReadOnlyList<LsnRange> Gaps { get; private set; } = [];

    public ulong MissingLsns { get; private set; }

    /// <summary>Last LSN that a readable record holds, or the checkpoint.</summary>
    public Lsn LastKept { get; private set; }

    /// <summary>Last LSN that is known to have been written.</summary>
    public Lsn LastSeen { get; private set; }

    public long Operations { get; private set; }

    public long LastCommitMicroseconds { get; private set; }

    /// <summary>Whether the log's own files could serve an open from that checkpoint, with nothing missing.</summary>
    public bool IsUsableAsItIs => Scan.CanOpen && Gaps.Count == 0;

    /// <summary>Files of another index, or another timeline of this one.</summary>
    public IReadOnlyList<string> Foreign => _foreign;

    /// <summary>Reads the whole log once.</summary>
    /// <param name="files">Where it lies.</param>
    /// <param name="walDirectory">The folder of the log.</param>
    /// <param name="indexId">Files of others are left out; null: not known.</param>
    /// <param name="timeline">As <paramref name="indexId"/>.</param>
    /// <param name="after">The checkpoint.</param>
    /// <param name="known">An LSN known from elsewhere to have been written.</param>
    /// <param name="cancellation">Ends it.</param>
    public static LogSalvage Survey(FileSystem files, string walDirectory, Guid? indexId, Guid? timeline, Lsn after, Lsn known,
        CancellationToken cancellation)
    {
        var scan = WalScan.Run(files, walDirectory, new WalScanOptions(indexId, timeline, after, IncludeUnneeded: true), cancellation);
        var salvage = new LogSalvage(files, after, cancellation) { Scan = scan };
        salvage.FindSources(indexId, timeline);
        var counter = new Counter();
        salvage.Walk(ref counter, known);
        salvage.Operations = counter.Operations;
        return salvage;
    }

    /// <summary>Gives every readable operation above the checkpoint, in order of LSN.</summary>
    public void Replay<TVisitor>(ref TVisitor visitor)
        where TVisitor : IWalVisitor => Walk(ref visitor, LastSeen);

    private void FindSources(Guid? indexId, Guid? timeline)
    {
        foreach (var scanned in Scan.Files)
        {
            if (scanned.Header is { } header
                && ((indexId is { } id && header.IndexId != id) || (timeline is { } t && header.TimelineId != t)))
            {
                _foreign.Add(scanned.Path);
                continue;
            }

            if (scanned.Action == WalFileAction.Remove) continue;
            var limit = scanned.Action == WalFileAction.CutTail ? scanned.CutOffset!.Value : long.MaxValue;
            WalFormat.TryParseFileName(scanned.Name, out var first);
            if (scanned.Header is { } good) _sources.Add(new Source(scanned.Path, good.FirstLsn, good.Seed, limit));
            else if (FindSeed(scanned.Path, first) is { } seed) _sources.Add(new Source(scanned.Path, first, seed, limit));
            else _sources.Add(new Source(scanned.Path, first, null, limit));
        }

        _sources.Sort(static (a, b) => a.First.CompareTo(b.First));
    }

    private uint? FindSeed(string path, Lsn first)
    {
        using var file = _files.Open(path, FileOpenMode.ReadSequential);
        using var window = new WalWindow(file);
        return WalSeedRecovery.TryFind(window, first, _cancellation, out var seed) ? seed : null;
    }

    private void Walk<TVisitor>(ref TVisitor visitor, Lsn known)
        where TVisitor : IWalVisitor
    {
        var gaps = new List<LsnRange>();
        var last = _after.Value;
        var seen = Math.Max(_after.Value, known.Value);
        foreach (var source in _sources)
        {
            // A file is begun behind records that had been written; one that a crash left begun in vain was sorted out before.
            seen = Math.Max(seen, source.First.Value - 1);
            if (source.Seed is { } seed) Walk(source, seed, ref visitor, ref last, gaps);
        }

        LastKept = new Lsn(last);
        LastSeen = new Lsn(Math.Max(seen, last));
        if (seen > last) gaps.Add(new LsnRange(new Lsn(last + 1), new Lsn(seen)));
        Gaps = gaps;
        MissingLsns = 0;
        foreach (var gap in gaps) MissingLsns += gap.Count;
    }

    private void Walk<TVisitor>(in Source source, uint seed, ref TVisitor visitor, ref ulong last, List<LsnRange> gaps)
        where TVisitor : IWalVisitor
    {
        using var file = _files.Open(source.Path, FileOpenMode.ReadSequential);
        using var reader = new WalReader(file, seed);
        long records = 0;
        while (true)
        {
            while (reader.TryReadNext())
            {
                if (reader.NextOffset > source.Limit) return;
                var header = reader.Header;
                if (header.LastLsn <= last || !WalOperations.AreWellFormed(reader.Payload, header.Operations)) continue;
                if (header.FirstLsn > last + 1) gaps.Add(new LsnRange(new Lsn(last + 1), new Lsn(header.FirstLsn - 1)));
                var payload = reader.Payload;
                for (var lsn = header.FirstLsn; lsn <= header.LastLsn; lsn++)
                {
                    OperationEncoding.TryRead(payload, out var kind, out var key, out var value, out var size);
                    payload = payload[size..];
                    if (lsn > last) visitor.Apply(lsn, kind, key, value);
                }

                last = header.LastLsn;
                LastCommitMicroseconds = Math.Max(LastCommitMicroseconds, header.CommitMicroseconds);
                visitor.EndRecord(header.LastLsn, header.CommitMicroseconds);
                if ((++records & 0xFFF) == 0) _cancellation.ThrowIfCancellationRequested();
            }

            if (reader.Damage is null || !reader.Resynchronise(_cancellation)) return;
        }
    }

    private readonly record struct Source(string Path, Lsn First, uint? Seed, long Limit);

    private struct Counter : IWalVisitor
    {
        public long Operations { get; private set; }

        public void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Operations++;

        public readonly void EndRecord(ulong lastLsn, long commitMicroseconds)
        {
        }
    }
}
