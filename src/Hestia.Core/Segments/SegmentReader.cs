using System.Runtime.CompilerServices;
using Hestia.Core.Caching;
using Hestia.Core.Checksums;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>
/// One immutable segment. Open reads only its end; filter and index come with the first use. Reference-counted: it begins with the
/// opener's reference and lets go of everything with the last. Thread-safe; calls need a reference held.
/// </summary>
internal sealed unsafe class SegmentReader
{
    private const int TailBytes = 4 << 10;

    // In front of the filter block, so that its lines fall on cache lines.
    private const int FilterPadding = SegmentFormat.FilterLineBytes - SegmentFormat.BlockHeaderBytes - SegmentFormat.FilterHeadBytes;

    [ThreadStatic]
    private static NativeBuffer? t_scratch;

    [ThreadStatic]
    private static NativeBuffer? t_decoded;

    private readonly PooledFile _file;
    private readonly SegmentFooter _footer;
    private readonly object _loading = new();
    private int _references = 1;
    private volatile SparseIndex? _index;
    private volatile SegmentProperties? _properties;
    private NativeBuffer? _filterMemory;
    private BloomFilter _filter;
    private volatile bool _filterLoaded;

    private SegmentReader(PooledFile file, SegmentId id, long size, SegmentFooter footer, BlockCache cache)
    {
        _file = file;
        _footer = footer;
        Id = id;
        Size = size;
        Cache = cache;
    }

    public SegmentId Id { get; }

    public string Path => _file.Path;

    public long Size { get; }

    /// <summary>Identifies this reader's blocks in the cache.</summary>
    public ulong Number { get; } = BlockCache.NextSegmentNumber();

    public bool HasFilter => _footer.Filter.Length > 0;

    /// <summary>Native bytes that filter and index hold now.</summary>
    public long MetadataBytes => (_filterMemory?.Capacity ?? 0) + (_index?.Bytes ?? 0);

    /// <summary>Where the data and large-value blocks end.</summary>
    public long DataEnd => _footer.DataEnd;

    internal BlockCache Cache { get; }

    internal SparseIndex Index => _index ?? LoadIndex();

    /// <summary>
    /// The hash that <see cref="TryGet"/> and <see cref="MayContain"/> take; computed once however many segments are asked.
    /// </summary>
    public static ulong HashKey(ReadOnlySpan<byte> key) => XxHash64.Compute(key);

    /// <summary>Opens a segment: its length and its footer are checked, with one read.</summary>
    /// <exception cref="HestiaException">SegmentMissing, SegmentDamaged, FormatTooNew, or a failure of the file.</exception>
    public static SegmentReader Open(
        FileSystem fileSystem, string path, SegmentId id, long expectedSize, BlockCache cache, OpenFileLimit files)
    {
        var file = new PooledFile(fileSystem, path, files);
        try
        {
            var length = file.ReadLength();
            if (length != expectedSize)
            {
                var problem = $"it has {length:N0} bytes where {expectedSize:N0} are expected";
                throw SegmentErrors.Damaged(path, Math.Min(length, expectedSize), problem);
            }

            if (length < SegmentFormat.HeaderBytes + SegmentFormat.FooterBytes)
                throw SegmentErrors.Damaged(path, 0, "it is too short to be a segment");
            var tail = new byte[(int)Math.Min(length, TailBytes)];
            var tailAt = length - tail.Length;
            if (file.Read(tailAt, tail) != tail.Length) throw SegmentErrors.Damaged(path, tailAt, "it ends early");
            var footer = SegmentFooter.TryDecode(tail.AsSpan(tail.Length - SegmentFormat.FooterBytes), length, out var reason)
                ?? throw SegmentErrors.Damaged(path, length - SegmentFormat.FooterBytes, reason);
            if (footer.Version > SegmentFormat.Version) throw SegmentErrors.TooNew(path, footer.Version);
            var reader = new SegmentReader(file, id, length, footer, cache);
            if (footer.Properties.Offset >= tailAt)
                reader._properties =
                    reader.DecodeProperties(tail.AsSpan((int)(footer.Properties.Offset - tailAt), (int)footer.Properties.Length));
            return reader;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file.Dispose();
            throw SegmentErrors.FromIO(e, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Takes a reference; false if the last one is gone.</summary>
    public bool TryAcquire()
    {
        var now = Volatile.Read(ref _references);
        while (now > 0)
        {
            var seen = Interlocked.CompareExchange(ref _references, now + 1, now);
            if (seen == now) return true;
            now = seen;
        }

        return false;
    }

    /// <summary>Gives a reference back. Blocks still in the cache are never asked for again and make way in time.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0) return;
        _file.Dispose();
        _index?.Dispose();
        _filterMemory?.Dispose();
    }

    /// <summary>False: the key is not in this segment. True: it probably is.</summary>
    public bool MayContain(ulong keyHash)
    {
        if (!HasFilter) return true;
        if (!_filterLoaded) LoadFilter();
        return _filter.MayContain(keyHash);
    }

    /// <summary>Finds a key; the value found must be disposed.</summary>
    /// <exception cref="HestiaException">SegmentDamaged, or a failure of the file.</exception>
    public bool TryGet(ReadOnlySpan<byte> key, ulong keyHash, out SegmentValue value)
    {
        value = default;
        if (!MayContain(keyHash)) return false;
        var index = Index;
        var block = index.Find(key);
        var handle = GetBlock(index.Offset(block), index.Length(block));
        int found;
        var entry = default(BlockEntry);
        var ordinal = 0;
        if (BlockView.TryOpen(handle.Data, handle.Length, out var view))
        {
            fixed (byte* target = key) found = view.Find(target, key.Length, handle.Aid, out entry, out ordinal);
        }
        else
        {
            found = -1;
        }

        if (found <= 0)
        {
            handle.Release();
            if (found < 0) throw SegmentErrors.Damaged(Path, index.Offset(block), "the entries of a block do not fit together");
            return false;
        }

        if (entry.Tag == SegmentFormat.TagLargeValue) return GetLargeValue(handle, entry, view.Lsn(ordinal), out value);
        value = new SegmentValue(handle, view.Lsn(ordinal), entry.Kind, entry.Value, entry.ValueLength);
        return true;
    }

    /// <summary>
    /// A cursor over all entries. With <paramref name="fillCache"/> it goes through the cache and reads ahead, the further the longer it
    /// goes on in one direction, up to <paramref name="readAheadBytes"/>; without, it leaves the cache alone and always reads that much at
    /// once.
    /// </summary>
    public SegmentCursor CreateCursor(bool fillCache, int readAheadBytes)
    {
        if (!TryAcquire()) throw new ObjectDisposedException(nameof(SegmentReader));
        try
        {
            return new SegmentCursor(this, fillCache, readAheadBytes);
        }
        catch
        {
            Release();
            throw;
        }
    }

    public SegmentProperties ReadProperties()
    {
        if (_properties is { } known) return known;
        var bytes = new byte[_footer.Properties.Length];
        ReadExactly(_footer.Properties.Offset, bytes);
        return _properties = DecodeProperties(bytes);
    }

    /// <summary>What the manifest needs to know, from the segment's own properties.</summary>
    public SegmentInfo ReadInfo()
    {
        var p = ReadProperties();
        return new SegmentInfo(Id, Size, p.Entries, p.Tombstones, p.MinKey, p.MaxKey, new Lsn(p.MinLsn), new Lsn(p.MaxLsn), p.Codec);
    }

    /// <summary>Fills the buffer from the file, or throws.</summary>
    internal void ReadExactly(long offset, Span<byte> buffer)
    {
        int read;
        try
        {
            read = _file.Read(offset, buffer);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw SegmentErrors.FromIO(e, Path);
        }

        if (read != buffer.Length) throw SegmentErrors.Damaged(Path, offset + read, "the file ends early");
    }

    /// <summary>The decoded payload of a data block, pinned; from the cache or through it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal BlockHandle GetBlock(long offset, int length) =>
        Cache.TryGet(Number, (ulong)offset, out var handle) ? handle : ReadBlock(offset, length);

    /// <summary>Checks and decodes a stored data block into the cache; the handle is pinned.</summary>
    internal BlockHandle PutBlock(ReadOnlySpan<byte> stored, long offset)
    {
        var problem = BlockDecoder.Check(stored, offset, BlockKind.Data, SegmentFormat.MaxDataPayloadBytes, out var frame, out var length);
        if (problem is not null) throw SegmentErrors.Damaged(Path, offset, problem);
        // The payload is taken apart before it has its place, because only its end says how long a guide it needs.
        var payload = BlockFrame.PayloadOf(stored);
        if (frame.Codec != BlockCodec.None)
        {
            var decoded = new Span<byte>((t_decoded ??= new NativeBuffer(8 << 10)).Reserve(length), length);
            if (!BlockDecoder.TryDecode(stored, frame, decoded))
                throw SegmentErrors.Damaged(Path, offset, "a compressed block cannot be decoded");
            payload = decoded;
        }

        BlockHandle handle;
        fixed (byte* source = payload)
        {
            var aid = BlockView.TryOpen(source, length, out var view) ? BlockGuide.Measure(view) : 0;
            handle = Cache.Reserve(Number, (ulong)offset, length, aid);
            payload.CopyTo(new Span<byte>(handle.Data, length));
            if (aid > 0 && !BlockGuide.TryBuild(view, handle.Aid))
            {
                handle.Release();
                throw SegmentErrors.Damaged(Path, offset, "the restart points of a block do not ascend");
            }
        }

        Cache.Publish(handle);
        return handle;
    }

    /// <summary>
    /// Reads a large value into <paramref name="buffer"/>; <paramref name="blockOffset"/> is where the reference stands. Returns where in the
    /// buffer it begins, and its length.
    /// </summary>
    internal (int Start, int Length) ReadLargeValue(ReadOnlySpan<byte> reference, long blockOffset, NativeBuffer buffer)
    {
        if (!LargeValueReference.TryDecode(reference, DataEnd, out var large))
            throw SegmentErrors.Damaged(Path, blockOffset, "it refers to a large value outside the file");
        // One stored as it is needs no second buffer: it is used where it was read. A compressed one is shorter than its value.
        var plain = large.Block.Length == large.ValueLength + SegmentFormat.BlockOverhead;
        using var stored = plain ? null : new NativeBuffer((nint)large.Block.Length);
        var block = new Span<byte>((stored ?? buffer).Reserve((nint)large.Block.Length), (int)large.Block.Length);
        ReadExactly(large.Block.Offset, block);
        var problem =
            BlockDecoder.Check(block, large.Block.Offset, BlockKind.LargeValue, Limits.MaxValueBytes, out var frame, out var length);
        if (problem is null && (length != large.ValueLength || !LargeValueReference.IsBlock(block, large.Block.Crc)))
            problem = "a large value is not the one its entry refers to";
        if (problem is null && plain && frame.Codec != BlockCodec.None) problem = "a compressed value is as long as it was";
        if (problem is null && !plain && !BlockDecoder.TryDecode(block, frame, new Span<byte>(buffer.Reserve(length), length)))
            problem = "a compressed value cannot be decoded";
        if (problem is not null) throw SegmentErrors.Damaged(Path, large.Block.Offset, problem);
        return (plain ? SegmentFormat.BlockHeaderBytes : 0, length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private BlockHandle ReadBlock(long offset, int length)
    {
        if (length > SegmentFormat.MaxDataPayloadBytes + SegmentFormat.BlockOverhead)
            throw SegmentErrors.Damaged(Path, offset, "a data block is longer than there can be");
        var scratch = t_scratch ??= new NativeBuffer(8 << 10);
        var stored = new Span<byte>(scratch.Reserve(length), length);
        ReadExactly(offset, stored);
        return PutBlock(stored, offset);
    }

    private bool GetLargeValue(BlockHandle handle, in BlockEntry entry, ulong lsn, out SegmentValue value)
    {
        var buffer = new NativeBuffer();
        try
        {
            var (start, length) = ReadLargeValue(new ReadOnlySpan<byte>(entry.Value, entry.ValueLength), 0, buffer);
            value = new SegmentValue(buffer, lsn, start, length);
            return true;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
        finally
        {
            handle.Release();
        }
    }

    private SparseIndex LoadIndex()
    {
        lock (_loading)
        {
            if (_index is { } loaded) return loaded;
            var location = _footer.Index;
            using var memory = new NativeBuffer((nint)location.Length);
            var block = new Span<byte>(memory.Pointer, (int)location.Length);
            ReadExactly(location.Offset, block);
            CheckPlain(block, location, BlockKind.Index);
            return _index = SparseIndex.TryOpen(BlockFrame.PayloadOf(block), DataEnd)
                ?? throw SegmentErrors.Damaged(Path, location.Offset, "its index does not fit the file");
        }
    }

    private void LoadFilter()
    {
        lock (_loading)
        {
            if (_filterLoaded) return;
            var location = _footer.Filter;
            var memory = new NativeBuffer((nint)location.Length + FilterPadding);
            try
            {
                var block = new Span<byte>(memory.Pointer + FilterPadding, (int)location.Length);
                ReadExactly(location.Offset, block);
                CheckPlain(block, location, BlockKind.Filter);
                if (!BloomFilter.TryOpen(memory.Pointer + FilterPadding + SegmentFormat.BlockHeaderBytes,
                    location.Length - SegmentFormat.BlockOverhead, out _filter))
                    throw SegmentErrors.Damaged(Path, location.Offset, "its filter does not fit together");
            }
            catch
            {
                memory.Dispose();
                throw;
            }

            _filterMemory = memory;
            _filterLoaded = true;
        }
    }

    private SegmentProperties DecodeProperties(ReadOnlySpan<byte> block)
    {
        CheckPlain(block, _footer.Properties, BlockKind.Properties);
        return SegmentProperties.TryDecode(BlockFrame.PayloadOf(block))
            ?? throw SegmentErrors.Damaged(Path, _footer.Properties.Offset, "its properties contradict themselves");
    }

    private void CheckPlain(ReadOnlySpan<byte> block, BlockLocation location, BlockKind kind)
    {
        if (!BlockFrame.TryRead(block, location.Offset, out var frame, out var crc) || crc != location.Crc || frame.Kind != kind
            || frame.Codec != BlockCodec.None)
            throw SegmentErrors.Damaged(Path, location.Offset, $"the checksum of its {kind} block is wrong");
    }
}
