using Hestia.Core.Caching;
using Hestia.Core.Checksums;
using Hestia.Core.Compression;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>
/// Writes one segment, front to back, under a temporary name; <see cref="Finish"/> gives it the name of its hash. Memory is bounded by the
/// filter and the index, whatever the number of entries. Not thread-safe. A write that failed leaves the writer good for Dispose only.
/// </summary>
internal sealed unsafe class SegmentWriter : IDisposable
{
    private readonly FileSystem _fileSystem;
    private readonly string _directory;
    private readonly SegmentWriterOptions _options;
    private readonly string _temporaryPath;
    private readonly BlockBuilder _block;
    private readonly SparseIndexBuilder _index = new();
    private readonly HashList _hashes = new();
    private readonly NativeBuffer _compressed = new();
    private readonly NativeBuffer _lastKey = new(Limits.MaxKeyBytes);
    private readonly StorageFile _file;
    private readonly SegmentOutput _output;
    private byte[] _separator = [];
    private byte[] _minKey = [];
    private int _lastKeyLength;
    private bool _finished;
    private bool _disposed;
    private long _tombstones;
    private ulong _minLsn = ulong.MaxValue;
    private ulong _maxLsn;
    private long _keyBytes;
    private long _valueBytes;
    private long _dataBlocks;
    private long _dataBlockBytes;
    private long _largeValues;
    private long _largeValueBytes;

    /// <summary>Creates the temporary file in <paramref name="segmentsDirectory"/>.</summary>
    public SegmentWriter(FileSystem fileSystem, string segmentsDirectory, SegmentWriterOptions options)
    {
        options.Validate();
        _fileSystem = fileSystem;
        _directory = segmentsDirectory;
        _options = options;
        _temporaryPath = Path.Combine(segmentsDirectory, Guid.NewGuid().ToString("N") + FileNames.TemporarySuffix);
        _block = new BlockBuilder(options.RestartInterval);
        try
        {
            _file = fileSystem.Open(_temporaryPath, FileOpenMode.CreateNew);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            DisposeBuffers();
            throw HestiaException.FromIO(e, _temporaryPath, "creating");
        }

        _output = new SegmentOutput(_file);
        Span<byte> header = stackalloc byte[SegmentFormat.HeaderBytes];
        SegmentHeader.Encode(header);
        _output.Write(header);
    }

    /// <summary>Bytes of the file so far, the block being built included and the tail (filter, index) not.</summary>
    public long BytesWritten => _output.Position + _block.Size;

    public long EntryCount { get; private set; }

    /// <summary>Whether the segment should end here whatever its size, because its index, which readers hold in memory, has become large.</summary>
    public bool IsIndexFull => _index.Bytes >= SegmentFormat.IndexCutBytes;

    /// <summary>Appends an entry; keys strictly ascend. A tombstone has no value.</summary>
    /// <exception cref="HestiaException">A key out of order or limits exceeded (InternalError), or a failure of the file.</exception>
    public void Add(ReadOnlySpan<byte> key, ulong lsn, OperationKind kind, ReadOnlySpan<byte> value)
    {
        if ((uint)(key.Length - 1) >= Limits.MaxKeyBytes || value.Length > Limits.MaxValueBytes || _finished)
            ThrowMisuse(key, value.Length);
        var last = new ReadOnlySpan<byte>(_lastKey.Pointer, _lastKeyLength);
        var shared = key.CommonPrefixLength(last);
        // Also right for the first entry, whose predecessor is the empty key.
        if (shared == key.Length || (shared < last.Length && key[shared] < last[shared])) ThrowOrder(key, last);
        if (_options.DropLsn) lsn = 0;

        var large = value.Length >= Limits.LargeValueBytes;
        if (kind == OperationKind.Delete && !value.IsEmpty) ThrowMisuse(key, value.Length);
        // The block is closed before a large value is written: that has to stand in front of the very block which refers to it.
        var storedLength = large ? SegmentFormat.LargeReferenceBytes : value.Length;
        if (_block.EntryCount > 0 && _block.SizeWith(key.Length, shared, storedLength, lsn) > _options.BlockBytes) FlushBlock();
        if (_block.EntryCount == 0)
        {
            // The shortest key above everything before: one byte more than the two have in common.
            if (EntryCount == 0) _minKey = key.ToArray();
            else _separator = key[..(shared + 1)].ToArray();
        }

        if (large)
        {
            Span<byte> reference = stackalloc byte[SegmentFormat.LargeReferenceBytes];
            WriteLargeValue(value, reference);
            _block.Add(key, shared, lsn, SegmentFormat.TagLargeValue, reference);
        }
        else if (kind == OperationKind.Delete)
        {
            _block.Add(key, shared, lsn, SegmentFormat.TagTombstone, default);
            _tombstones++;
        }
        else
        {
            _block.Add(key, shared, lsn, (uint)value.Length + SegmentFormat.TagInline, value);
        }

        if (_options.BloomBitsPerKey > 0) _hashes.Add(XxHash64.Compute(key));
        if (lsn < _minLsn) _minLsn = lsn;
        if (lsn > _maxLsn) _maxLsn = lsn;
        EntryCount++;
        _keyBytes += key.Length;
        _valueBytes += value.Length;
        key[shared..].CopyTo(new Span<byte>(_lastKey.Pointer + shared, key.Length - shared));
        _lastKeyLength = key.Length;
    }

    /// <summary>
    /// Writes the tail, syncs the file and gives it its name. The directory is not synced: the caller does that once for many segments.
    /// A file of that name is replaced: it held the same bytes, or should have.
    /// </summary>
    /// <param name="announce">Called with name and size before the file gets its name, so that nobody deletes that name from then on.</param>
    /// <param name="withdraw">Called with the name if it was announced and this throws all the same.</param>
    public SegmentInfo Finish(Action<SegmentId, long>? announce = null, Action<SegmentId>? withdraw = null)
    {
        if (_finished || EntryCount == 0) throw new InvalidOperationException("A segment is finished once and has at least one entry.");
        _finished = true;
        try
        {
            FlushBlock();
            var filter = WriteFilter();
            var index = _output.WriteBlock(BlockKind.Index, BlockCodec.None, _index.Finish());
            var maxKey = new ReadOnlySpan<byte>(_lastKey.Pointer, _lastKeyLength).ToArray();
            var properties = _output.WriteBlock(BlockKind.Properties, BlockCodec.None, MakeProperties(maxKey).Encode());
            var size = _output.Position + SegmentFormat.FooterBytes;
            Span<byte> footer = stackalloc byte[SegmentFormat.FooterBytes];
            new SegmentFooter(filter, index, properties, size, SegmentFormat.Version).Encode(footer);
            _output.Write(footer);
            var id = _output.Complete();
            _file.Dispose();
            announce?.Invoke(id, size);
            try
            {
                PutInPlace(id, size);
            }
            catch
            {
                withdraw?.Invoke(id);
                throw;
            }

            return new SegmentInfo(id, size, EntryCount, _tombstones, _minKey, maxKey, new Lsn(_minLsn), new Lsn(_maxLsn), _options.Codec);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            DeleteTemporary();
            throw HestiaException.FromIO(e, _temporaryPath, "writing the segment");
        }
        catch
        {
            DeleteTemporary();
            throw;
        }
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (!_finished) DeleteTemporary();
        _file.Dispose();
        _output.Dispose();
        DisposeBuffers();
    }

    private void FlushBlock()
    {
        BlockLocation location;
        try
        {
            location = WriteCompressed(BlockKind.Data, _block.Finish());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, _temporaryPath, "writing the segment");
        }

        _index.Add(_separator, location.Offset, location.Length);
        _dataBlocks++;
        _dataBlockBytes += location.Length;
    }

    private void WriteLargeValue(ReadOnlySpan<byte> value, Span<byte> reference)
    {
        BlockLocation location;
        try
        {
            location = WriteCompressed(BlockKind.LargeValue, value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, _temporaryPath, "writing the segment");
        }

        new LargeValueReference(location, value.Length).Encode(reference);
        _largeValues++;
        _largeValueBytes += location.Length;
    }

    private BlockLocation WriteCompressed(BlockKind kind, ReadOnlySpan<byte> payload)
    {
        if (_options.Codec == BlockCodec.Snappy)
        {
            var capacity = SnappyCodec.MaxCompressedLength(payload.Length);
            var buffer = new Span<byte>(_compressed.Reserve(capacity), capacity);
            var length = SnappyCodec.Compress(payload, buffer);
            if (SegmentFormat.IsWorthCompressing(payload.Length, length))
                return _output.WriteBlock(kind, BlockCodec.Snappy, buffer[..length]);
        }

        return _output.WriteBlock(kind, BlockCodec.None, payload);
    }

    private BlockLocation WriteFilter()
    {
        if (_options.BloomBitsPerKey == 0) return new BlockLocation(_output.Position, 0, 0);
        var length = (int)BloomFilter.PayloadBytes(_hashes.Count, _options.BloomBitsPerKey);
        using var payload = new NativeBuffer(length);
        BloomFilter.Build(_hashes.Pointer, _hashes.Count, _options.BloomBitsPerKey, payload.Pointer);
        return _output.WriteBlock(BlockKind.Filter, BlockCodec.None, new ReadOnlySpan<byte>(payload.Pointer, length));
    }

    private SegmentProperties MakeProperties(byte[] maxKey) => new()
    {
        Entries = EntryCount,
        Tombstones = _tombstones,
        MinLsn = _minLsn,
        MaxLsn = _maxLsn,
        KeyBytes = _keyBytes,
        ValueBytes = _valueBytes,
        DataBlocks = _dataBlocks,
        DataBlockBytes = _dataBlockBytes,
        LargeValues = _largeValues,
        LargeValueBytes = _largeValueBytes,
        BlockBytes = _options.BlockBytes,
        RestartInterval = _options.RestartInterval,
        BloomBitsPerKey = _options.BloomBitsPerKey,
        Codec = _options.Codec,
        MinKey = _minKey,
        MaxKey = maxKey,
    };

    private void PutInPlace(SegmentId id, long size)
    {
        var path = Path.Combine(_directory, id + FileNames.SegmentExtension);
        _fileSystem.CopyOwnership(_directory, _temporaryPath);
        try
        {
            // Replacing rather than keeping what is there: these bytes were just hashed, the others long ago.
            _fileSystem.RenameFile(_temporaryPath, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Windows may refuse to replace a file that a reader has open; the same name then means the same bytes.
            if (!_fileSystem.FileExists(path) || LengthOf(path) != size) throw;
            _fileSystem.DeleteFile(_temporaryPath);
        }
    }

    private long LengthOf(string path)
    {
        using var file = _fileSystem.Open(path, FileOpenMode.Read);
        return file.Length;
    }

    private void DeleteTemporary()
    {
        try
        {
            _file.Dispose();
            _fileSystem.DeleteFile(_temporaryPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It carries the suffix of unfinished files, so the next open removes it.
        }
    }

    private void DisposeBuffers()
    {
        _block.Dispose();
        _index.Dispose();
        _hashes.Dispose();
        _compressed.Dispose();
        _lastKey.Dispose();
    }

    private static void ThrowOrder(ReadOnlySpan<byte> key, ReadOnlySpan<byte> last) => throw new HestiaException(
        HestiaErrorCode.InternalError,
        $"Key 0x{Start(key)} does not come after 0x{Start(last)}.");

    private static string Start(ReadOnlySpan<byte> key) => Convert.ToHexString(key[..Math.Min(32, key.Length)]);

    private static void ThrowMisuse(ReadOnlySpan<byte> key, int valueLength) => throw new HestiaException(
        HestiaErrorCode.InternalError,
        $"An entry with a key of {key.Length:N0} and a value of {valueLength:N0} bytes cannot be added to this segment.");
}
