using Hestia.Core.Diagnostics;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Reading;
using Hestia.Core.Segments;
using Hestia.Core.Wal;
using Hestia.Core.Writing;

namespace Hestia.Core.Recovery;

/// <summary>
/// Puts the log into memtables. When one is full it is written out at once, so that opening takes no more memory than running does;
/// the last one stays in memory with its log, as it was before the crash.
/// </summary>
internal sealed class Replay : IDisposable
{
    private readonly IndexContext _context;
    private readonly ManifestStore _store;
    private readonly bool _readOnly;
    private ManifestDocument _manifest;
    private byte[] _manifestBytes;
    private ManifestFile _file;
    private ulong _lastNumber;
    private MemTable _memtable = new();
    private bool _handedOver;

    public Replay(IndexContext context, ManifestStore store, ManifestDocument manifest, byte[] manifestBytes, ManifestFile file, ulong lastNumber, bool readOnly)
    {
        _context = context;
        _store = store;
        _manifest = manifest;
        _manifestBytes = manifestBytes;
        _file = file;
        _lastNumber = lastNumber;
        _readOnly = readOnly;
    }

    public long Records { get; private set; }

    public long Operations { get; private set; }

    public Lsn LastLsn { get; private set; }

    public long LastCommitTime { get; private set; }

    /// <summary>The manifest in force now: the one replay began with, or the last one written meanwhile.</summary>
    public ManifestFile ManifestFile => _file;

    /// <summary>Manifests that replay replaced, oldest first.</summary>
    public List<(ManifestDocument Document, ManifestFile File)> Replaced { get; } = [];

    public void Run(WalScanResult scan, ByteProgress progress, CancellationToken cancellationToken)
    {
        var visitor = new Visitor(this);
        var result = WalReplay.Run(_context.Files, scan, _manifest.Checkpoint, ref visitor, cancellationToken, progress);
        Records = result.Records;
        Operations = result.Operations;
    }

    /// <summary>Hands everything over to the running index.</summary>
    public LiveSet TakeLive(Lsn visible)
    {
        var live = new LiveSet(_context, _store, _manifest, _manifestBytes, _lastNumber, [_memtable], visible);
        _handedOver = true;
        return live;
    }

    /// <summary>Frees the memtable unless it was handed over.</summary>
    public void Dispose()
    {
        if (!_handedOver) _memtable.Release();
    }

    private void WriteOut()
    {
        if (_readOnly || !_memtable.Fills(_context.Options.MemtableBytes)) return;
        _memtable.Freeze();
        var info = Flusher.WriteSegment(_context, retired: null, _memtable);
        var segments = new List<ManifestSegment>(_manifest.Segments.Count + 1);
        if (info is not null) segments.Add(ManifestSegment.From(info, level: 0));
        segments.AddRange(_manifest.Segments);
        var checkpoint = new Lsn(_memtable.LastLsn);
        var next = _manifest with
        {
            Number = ++_lastNumber,
            Checkpoint = checkpoint,
            NextLsn = checkpoint.Next,
            LastCommitTime = Math.Max(LastCommitTime, _manifest.LastCommitTime),
            Segments = segments,
        };
        var file = _store.Write(next, out _manifestBytes);
        Replaced.Add((_manifest, _file));
        (_manifest, _file) = (next, file);
        var written = _memtable;
        _memtable = new MemTable();
        written.Release();
    }

    private readonly struct Visitor(Replay replay) : IWalVisitor
    {
        public void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => replay._memtable.Add(key, value, lsn, kind);

        public void EndRecord(ulong lastLsn, long commitMicroseconds)
        {
            replay.LastLsn = new Lsn(lastLsn);
            replay.LastCommitTime = commitMicroseconds;
            replay.WriteOut();
        }
    }
}
