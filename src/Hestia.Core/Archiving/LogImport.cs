using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Memtable;
using Hestia.Core.Segments;
using Hestia.Core.Wal;
using Hestia.Core.Writing;

namespace Hestia.Core.Archiving;

/// <summary>
/// Puts records of a log into an index that is not open (a restore being staged): they become segments of level 0, each of the size of a
/// memtable, and a manifest that holds them. Records come in order and without a gap, or are refused.
/// </summary>
internal sealed class LogImport : IDisposable
{
    private readonly FileSystem _files;
    private readonly string _segmentDirectory;
    private readonly SegmentWriterOptions _options;
    private readonly long _memtableBytes;
    private readonly ManifestDocument _base;
    private readonly List<ManifestSegment> _added = []; // newest first, as level 0 is listed
    private MemTable _memtable = new();

    /// <param name="files">Where the index is.</param>
    /// <param name="indexPath">Its folder; only <c>segments</c> in it is written to.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="document">The manifest the records follow.</param>
    /// <param name="memtableBytes">Memory that may be taken before a segment is written.</param>
    public LogImport(FileSystem files, string indexPath, IndexSettings settings, ManifestDocument document, long memtableBytes)
    {
        _files = files;
        _segmentDirectory = Path.Combine(indexPath, FileNames.Segments);
        _options = SegmentWriterOptions.From(settings, settings.Codec, dropLsn: false);
        _memtableBytes = memtableBytes;
        _base = document;
        LastLsn = document.Checkpoint;
        LastCommitTime = document.LastCommitTime;
    }

    public Lsn LastLsn { get; private set; }

    public long LastCommitTime { get; private set; }

    public long Records { get; private set; }

    public long Operations { get; private set; }

    /// <summary>Adds a record whose checksums were found right.</summary>
    /// <exception cref="InvalidDataException">It does not follow the one before, or its payload is no list of operations.</exception>
    public void Add(in WalRecordHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.FirstLsn != LastLsn.Value + 1)
            throw new InvalidDataException($"a record begins at LSN {header.FirstLsn} where {LastLsn.Next} should follow.");
        if (!WalOperations.AreWellFormed(payload, header.Operations))
            throw new InvalidDataException($"the record at LSN {header.FirstLsn} is no list of operations.");
        var lsn = header.FirstLsn;
        while (OperationEncoding.TryRead(payload, out var kind, out var key, out var value, out var size))
        {
            _memtable.Add(key, value, lsn++, kind);
            payload = payload[size..];
        }

        LastLsn = new Lsn(header.LastLsn);
        LastCommitTime = Math.Max(LastCommitTime, header.CommitMicroseconds);
        Records++;
        Operations += header.Operations;
        if (_memtable.AllocatedBytes >= _memtableBytes) WriteOut();
    }

    /// <summary>The manifest of base and records together; its segments are durable when this returns. Number and timeline are the base's.</summary>
    public ManifestDocument Finish()
    {
        WriteOut();
        _files.SyncDirectory(_segmentDirectory);
        if (_added.Count + _base.Segments.Count > Limits.MaxSegments)
            throw new InvalidDataException($"base and log together have more than {Limits.MaxSegments:N0} segments.");
        return _base with
        {
            Checkpoint = LastLsn,
            NextLsn = LastLsn.Next,
            LastCommitTime = LastCommitTime,
            Segments = [.. _added, .. _base.Segments],
        };
    }

    public void Dispose() => _memtable.Release();

    private void WriteOut()
    {
        if (_memtable.OperationCount == 0) return;
        using (var writer = new SegmentWriter(_files, _segmentDirectory, _options))
        {
            using var cursor = _memtable.CreateCursor(ulong.MaxValue);
            for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next()) writer.Add(cursor.Key, cursor.Lsn, cursor.Kind, cursor.Value);
            _added.Insert(0, ManifestSegment.From(writer.Finish(), level: 0));
        }

        _memtable.Release();
        _memtable = new MemTable();
    }
}
