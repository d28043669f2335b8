using Hestia.Core.Caching;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>
/// Footer, index, filter and properties of a segment that may be damaged: what is good of them, and what is wrong with the rest.
/// </summary>
internal sealed unsafe class SegmentTail : IDisposable
{
    private readonly List<(BlockKind? Kind, long Offset, string Problem)> _problems = [];
    private readonly HashSet<long> _unreadable = [];
    private NativeBuffer? _filterMemory;
    private BloomFilter _filter;

    private SegmentTail(long length) => FileLength = length;

    public long FileLength { get; }

    public SegmentFooter? Footer { get; private set; }

    public SparseIndex? Index { get; private set; }

    public SegmentProperties? Properties { get; private set; }

    /// <summary>What is wrong with these parts; without a kind it is the footer.</summary>
    public IReadOnlyList<(BlockKind? Kind, long Offset, string Problem)> Problems => _problems;

    /// <summary>Whether the problem at an offset is that the device did not give the bytes, not that they are wrong.</summary>
    public bool IsUnreadable(long offset) => _unreadable.Contains(offset);

    /// <summary>Version of the format if it is newer than this code, otherwise 0.</summary>
    public uint NewerVersion { get; private set; }

    public static SegmentTail Load(StorageFile file)
    {
        var tail = new SegmentTail(file.Length);
        try
        {
            tail.LoadFooter(file);
            if (tail.Footer is not { } footer) return tail;
            using (var block = tail.ReadBlock(file, footer.Properties, BlockKind.Properties, 0))
                if (block != null) tail.LoadProperties(Payload(block, footer.Properties));
            using (var block = tail.ReadBlock(file, footer.Index, BlockKind.Index, 0))
                if (block != null) tail.LoadIndex(Payload(block, footer.Index));
            if (footer.Filter.Length > 0) tail.LoadFilter(file, footer.Filter);
            return tail;
        }
        catch
        {
            tail.Dispose();
            throw;
        }
    }

    /// <summary>False only if there is a good filter and it denies the key.</summary>
    public bool MayContain(ulong hash) => _filterMemory is null || _filter.MayContain(hash);

    /// <summary>
    /// Between which keys the bytes from <paramref name="offset"/> to <paramref name="end"/> stand, as the index has it; false without one
    /// or where they hold no entries.
    /// </summary>
    public bool TryGetKeyRange(long offset, long end, out byte[]? first, out byte[]? last)
    {
        first = last = null;
        if (Index is not { } index || offset >= Footer!.DataEnd) return false;
        // A large value stands in front of the data block that refers to it, so the block after `offset` is always at stake.
        int low = 0, high = index.Count - 1;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (index.Offset(middle) + index.Length(middle) > offset) high = middle;
            else low = middle + 1;
        }

        var stop = low + 1;
        while (stop < index.Count && index.Offset(stop) < end) stop++;
        first = low == 0 ? Properties?.MinKey : index.Separator(low);
        last = stop < index.Count ? index.Separator(stop) : Properties?.MaxKey;
        return true;
    }

    public void Dispose()
    {
        Index?.Dispose();
        _filterMemory?.Dispose();
    }

    private static ReadOnlySpan<byte> Payload(NativeBuffer block, BlockLocation location) =>
        BlockFrame.PayloadOf(new ReadOnlySpan<byte>(block.Pointer, (int)location.Length));

    private void LoadFooter(StorageFile file)
    {
        var offset = FileLength - SegmentFormat.FooterBytes;
        if (offset < SegmentFormat.HeaderBytes)
        {
            _problems.Add((null, 0, $"the file has {FileLength:N0} bytes and is too short to be a segment"));
            return;
        }

        Span<byte> bytes = stackalloc byte[SegmentFormat.FooterBytes];
        if (!TryRead(file, offset, bytes, out var problem))
        {
            _problems.Add((null, offset, problem));
            return;
        }

        var footer = SegmentFooter.TryDecode(bytes, FileLength, out problem);
        if (footer is null) _problems.Add((null, offset, problem));
        else if (footer.Version > SegmentFormat.Version) NewerVersion = footer.Version;
        else Footer = footer;
    }

    private void LoadProperties(ReadOnlySpan<byte> payload)
    {
        Properties = SegmentProperties.TryDecode(payload);
        if (Properties is null) _problems.Add((BlockKind.Properties, Footer!.Properties.Offset, "the properties contradict themselves"));
    }

    private void LoadIndex(ReadOnlySpan<byte> payload)
    {
        Index = SparseIndex.TryOpen(payload, Footer!.DataEnd);
        if (Index is null) _problems.Add((BlockKind.Index, Footer.Index.Offset, "the index does not fit the file"));
    }

    private void LoadFilter(StorageFile file, BlockLocation location)
    {
        const int Padding = SegmentFormat.FilterLineBytes - SegmentFormat.BlockHeaderBytes - SegmentFormat.FilterHeadBytes;
        var memory = ReadBlock(file, location, BlockKind.Filter, Padding);
        if (memory is null) return;
        if (BloomFilter.TryOpen(memory.Pointer + Padding + SegmentFormat.BlockHeaderBytes, location.Length - SegmentFormat.BlockOverhead,
            out _filter))
        {
            _filterMemory = memory;
            return;
        }

        memory.Dispose();
        _problems.Add((BlockKind.Filter, location.Offset, "the filter does not fit together"));
    }

    private NativeBuffer? ReadBlock(StorageFile file, BlockLocation location, BlockKind kind, int padding)
    {
        var memory = new NativeBuffer((nint)location.Length + padding);
        var block = new Span<byte>(memory.Pointer + padding, (int)location.Length);
        if (!TryRead(file, location.Offset, block, out var problem))
        {
            _problems.Add((kind, location.Offset, problem));
        }
        else if (!BlockFrame.TryRead(block, location.Offset, out var frame, out var crc) || frame.Kind != kind
            || frame.Codec != BlockCodec.None || crc != location.Crc)
        {
            _problems.Add((kind, location.Offset, $"the checksum of the {kind} block is wrong"));
        }
        else
        {
            return memory;
        }

        memory.Dispose();
        return null;
    }

    private bool TryRead(StorageFile file, long offset, Span<byte> buffer, out string problem)
    {
        try
        {
            problem = "the file ends early";
            return file.Read(offset, buffer) == buffer.Length;
        }
        catch (IOException e)
        {
            problem = e.Message;
            _unreadable.Add(offset);
            return false;
        }
    }
}
