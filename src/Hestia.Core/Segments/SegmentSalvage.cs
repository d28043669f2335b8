using Hestia.Core.Caching;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>Entries that a damaged segment no longer gives: those between two keys (both themselves possibly lost), null meaning open.</summary>
internal sealed record LostRange(long Offset, long Length, byte[]? FirstKey, byte[]? LastKey, Lsn? FirstLsn, Lsn? LastLsn, string Reason);

/// <summary>
/// Every entry of a damaged segment that can still be proved right, in key order, and what is lost. Works on the data blocks' own headers;
/// index and properties, where they are good, only tell more exactly which keys the lost blocks held.
/// </summary>
internal sealed unsafe class SegmentSalvage : IDisposable
{
    private const int MaxLostRanges = 100_000;

    private readonly List<LostRange> _lost = [];
    private readonly List<int> _openRanges = [];
    private readonly StorageFile _file;
    private readonly SegmentTail _tail;
    private readonly SegmentScanner _scanner;
    private readonly SegmentWalker _walker;
    private readonly BlockCursor _block = new();
    private readonly NativeBuffer _large = new();
    private readonly byte[] _lastKey = new byte[Limits.MaxKeyBytes];
    private int _lastKeyLength;
    private int _largeLength;
    private bool _inBlock;
    private bool _firstOfBlock;
    private bool _pastData;

    private SegmentSalvage(StorageFile file, Action<long>? progress, CancellationToken cancellation)
    {
        _file = file;
        _tail = SegmentTail.Load(file);
        _scanner = new SegmentScanner(file, hash: false, progress, cancellation);
        _walker = new SegmentWalker(_scanner, _tail.Footer is not null);
    }

    /// <summary>What is lost; complete once <see cref="Next"/> has returned false.</summary>
    public IReadOnlyList<LostRange> Lost => _lost;

    /// <summary>What the segment says of itself, or null if that is lost, too.</summary>
    public SegmentProperties? Properties => _tail.Properties;

    /// <summary>Entries read so far.</summary>
    public long Entries { get; private set; }

    public ReadOnlySpan<byte> Key => _block.Key;

    public ReadOnlySpan<byte> Value => _block.IsLargeValue ? new ReadOnlySpan<byte>(_large.Pointer, _largeLength) : _block.StoredValue;

    public ulong Lsn => _block.Lsn;

    public OperationKind Kind => _block.Kind;

    /// <summary>Opens a segment, however damaged.</summary>
    /// <exception cref="HestiaException">The file cannot be opened, or is of a newer version.</exception>
    public static SegmentSalvage Open(FileSystem fileSystem, string path, Action<long>? progress = null, CancellationToken cancellation = default)
    {
        StorageFile? file = null;
        try
        {
            file = fileSystem.Open(path, FileOpenMode.ReadSequential);
            var salvage = new SegmentSalvage(file, progress, cancellation);
            if (salvage._tail.NewerVersion == 0) return salvage;
            var version = salvage._tail.NewerVersion;
            salvage.Dispose();
            throw SegmentErrors.TooNew(path, version);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw SegmentErrors.FromIO(e, path);
        }
    }

    /// <summary>Stands on the next readable entry; false at the end.</summary>
    public bool Next()
    {
        while (true)
        {
            if (_inBlock)
            {
                if (NextInBlock()) return true;
                _inBlock = false;
            }

            switch (_walker.Next())
            {
                case WalkStep.End:
                    return false;
                case WalkStep.Damage when _walker.Kind is null or BlockKind.Data:
                    Lose(_walker.Offset, _walker.End, _walker.Problem);
                    break;
                case WalkStep.Block when _walker.Kind == BlockKind.Data:
                    _inBlock = _block.Open(_walker.Payload, _walker.PayloadLength);
                    _firstOfBlock = true;
                    if (!_inBlock) Lose(_walker.Offset, _walker.End, "the entries of a block do not fit together");
                    break;
                case WalkStep.Block when _walker.Kind != BlockKind.LargeValue:
                    _pastData = true;
                    break;
                default:
                    break; // a damaged large value is lost with the entry that refers to it
            }
        }
    }

    public void Dispose()
    {
        _walker.Dispose();
        _scanner.Dispose();
        _tail.Dispose();
        _block.Dispose();
        _large.Dispose();
        _file.Dispose();
    }

    private bool NextInBlock()
    {
        while (_block.NextChecked(_firstOfBlock))
        {
            _firstOfBlock = false;
            var key = _block.Key;
            if (key.SequenceCompareTo(_lastKey.AsSpan(0, _lastKeyLength)) <= 0)
            {
                // Whatever it is, it is not this segment's next block.
                Lose(_walker.Offset, _walker.End, "the keys do not ascend");
                return false;
            }

            CloseRanges(key);
            key.CopyTo(_lastKey);
            _lastKeyLength = key.Length;
            if (_block.IsLargeValue && !ReadLargeValue())
            {
                var copy = key.ToArray();
                Add(new LostRange(_walker.Offset, 0, copy, copy, new Lsn(_block.Lsn), new Lsn(_block.Lsn), "the large value of this key is damaged"));
                continue;
            }

            Entries++;
            return true;
        }

        if (_block.IsDamaged) Lose(_walker.Offset, _walker.End, "the entries of a block do not fit together");
        return false;
    }

    private bool ReadLargeValue()
    {
        if (!LargeValueReference.TryDecode(_block.StoredValue, _walker.Offset, out var reference)) return false;
        using var stored = new NativeBuffer((nint)reference.Block.Length);
        var block = new Span<byte>(stored.Pointer, (int)reference.Block.Length);
        try
        {
            if (_file.Read(reference.Block.Offset, block) != block.Length) return false;
        }
        catch (IOException)
        {
            return false;
        }

        if (BlockDecoder.Check(block, reference.Block.Offset, BlockKind.LargeValue, Limits.MaxValueBytes, out var frame, out _largeLength) is not null) return false;
        return _largeLength == reference.ValueLength
            && LargeValueReference.IsBlock(block, reference.Block.Crc)
            && BlockDecoder.TryDecode(block, frame, new Span<byte>(_large.Reserve(_largeLength), _largeLength));
    }

    private void Lose(long offset, long end, string reason)
    {
        // Damage behind the data takes no entries with it.
        if (_pastData) return;
        if (_tail.Footer is { } footer && offset >= footer.DataEnd) return;
        // The header of the file holds none either.
        if (end <= SegmentFormat.HeaderBytes) return;
        Lsn? firstLsn = null, lastLsn = null;
        if (Properties is { } properties)
        {
            firstLsn = new Lsn(properties.MinLsn);
            lastLsn = new Lsn(properties.MaxLsn);
        }

        if (!_tail.TryGetKeyRange(offset, end, out var first, out var last))
        {
            // Without the index, the neighbours bound what is lost; the next one is not known yet.
            first = _lastKeyLength == 0 ? Properties?.MinKey : _lastKey[.._lastKeyLength];
            last = Properties?.MaxKey;
            _openRanges.Add(_lost.Count);
        }

        Add(new LostRange(offset, end - offset, first, last, firstLsn, lastLsn, reason));
    }

    private void Add(LostRange range)
    {
        if (_lost.Count < MaxLostRanges) _lost.Add(range);
        else _lost[^1] = _lost[^1] with { LastKey = range.LastKey, Length = range.Offset + range.Length - _lost[^1].Offset };
    }

    private void CloseRanges(ReadOnlySpan<byte> key)
    {
        if (_openRanges.Count == 0) return;
        var copy = key.ToArray();
        foreach (var at in _openRanges)
        {
            var index = Math.Min(at, _lost.Count - 1);
            _lost[index] = _lost[index] with { LastKey = copy };
        }

        _openRanges.Clear();
    }
}
