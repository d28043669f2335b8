using Hestia.Core.Checksums;
using Hestia.Core.Consistency;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>What the check of a segment found; without findings it is whole.</summary>
/// <param name="Findings">Everything that is wrong.</param>
/// <param name="Properties">What the segment says of itself, if that is readable.</param>
/// <param name="Entries">Entries read.</param>
internal sealed record SegmentVerification(IReadOnlyList<Finding> Findings, SegmentProperties? Properties, long Entries);

/// <summary>
/// Reads a whole segment front to back and checks everything its format promises: every byte is covered by a checksum that is compared,
/// or is itself compared. Reports instead of throwing; memory is bounded by filter, index and the largest block.
/// </summary>
internal sealed unsafe class SegmentVerifier : IDisposable
{
    private const int MaxFindings = 1000;

    private readonly List<Finding> _findings = [];
    private readonly string _name;
    private readonly StorageFile _file;
    private readonly SegmentScanner _scanner;
    private readonly SegmentWalker _walker;
    private readonly SegmentTail _tail;
    private readonly BlockCursor _block = new();
    private readonly List<(BlockLocation Location, int Length)> _largeValues = [];
    private readonly byte[] _lastKey = new byte[Limits.MaxKeyBytes];
    private int _lastKeyLength;
    private byte[]? _firstKey;
    private int _nextLargeValue;
    private long _entries;
    private long _tombstones;
    private long _keyBytes;
    private long _valueBytes;
    private ulong _minLsn = ulong.MaxValue;
    private ulong _maxLsn;
    private int _dataBlocks;
    private long _dataBlockBytes;
    private long _largeCount;
    private long _largeBytes;
    private BlockKind _lastKind = BlockKind.Data;
    private bool _damaged;

    private SegmentVerifier(StorageFile file, string name, bool deep, Action<long>? progress, CancellationToken cancellation)
    {
        _file = file;
        _name = name;
        _tail = SegmentTail.Load(file);
        _scanner = new SegmentScanner(file, deep, progress, cancellation);
        _walker = new SegmentWalker(_scanner, _tail.Footer is not null);
    }

    /// <summary>Checks a segment.</summary>
    /// <param name="fileSystem">Where it lies.</param>
    /// <param name="path">Its file.</param>
    /// <param name="name">How findings call it: its path relative to the index.</param>
    /// <param name="id">The hash it is named by; compared if <paramref name="deep"/>.</param>
    /// <param name="expectedSize">Its size as the manifest has it, or null.</param>
    /// <param name="deep">Also compute the SHA-256 of the file, in the same pass.</param>
    /// <param name="progress">Called with the bytes read since the last call.</param>
    /// <param name="cancellation">Ends the check with OperationCanceledException.</param>
    public static SegmentVerification Verify(
        FileSystem fileSystem,
        string path,
        string name,
        SegmentId? id,
        long? expectedSize,
        bool deep,
        Action<long>? progress = null,
        CancellationToken cancellation = default)
    {
        try
        {
            using var file = fileSystem.Open(path, FileOpenMode.ReadSequential);
            using var verifier = new SegmentVerifier(file, name, deep, progress, cancellation);
            verifier.Run(expectedSize, deep ? id : null);
            return new SegmentVerification(verifier._findings, verifier._tail.Properties, verifier._entries);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Failed("SegmentMissing", "The segment is missing.", name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Failed(CheckFindings.SegmentUnreadable, $"The segment cannot be read: {e.Message}", name);
        }
    }

    public void Dispose()
    {
        _walker.Dispose();
        _scanner.Dispose();
        _tail.Dispose();
        _block.Dispose();
    }

    private static SegmentVerification Failed(string code, string message, string name) =>
        new([new Finding(FindingSeverity.Error, code, message, name)], null, 0);

    private void Run(long? expectedSize, SegmentId? id)
    {
        if (expectedSize is { } size && size != _file.Length)
        {
            var message = $"The segment has {_file.Length:N0} bytes where the manifest says {size:N0}.";
            Report("SegmentSize", message, Math.Min(size, _file.Length));
        }

        if (_tail.NewerVersion > 0)
        {
            Report("SegmentFormatTooNew",
                $"The segment has format version {_tail.NewerVersion}; this version of Hestia reads up to {SegmentFormat.Version}.", 0);
            return;
        }

        foreach (var (kind, offset, problem) in _tail.Problems)
        {
            var part = kind is null ? "footer" : kind.ToString()!.ToLowerInvariant();
            if (_tail.IsUnreadable(offset))
            {
                Report(CheckFindings.SegmentUnreadable, $"The device could not read the {part}: {problem}", offset);
                continue;
            }

            var code = kind is null ? "SegmentFooter" : $"Segment{kind}";
            Report(code, $"The {part} is damaged: {problem}. The entries themselves are not in it.", offset);
        }

        while (_walker.Next() != WalkStep.End)
        {
            if (_walker.Step == WalkStep.Damage) OnDamage();
            else OnBlock();
        }

        foreach (var (offset, problem) in _scanner.Unreadable)
            Report(CheckFindings.SegmentUnreadable, $"The device could not read here: {problem}", offset);
        // Totals of a file that is known to be damaged would only repeat that.
        if (!_damaged) CompareTotals();
        if (id is not { } expected) return;
        var actual = _scanner.ReadHash();
        if (actual != expected) Report("SegmentHash", $"The SHA-256 of the file is {actual}, not the one it is named by.", 0);
    }

    private void OnDamage()
    {
        _damaged = true;
        // The walk and the footer see the same damage in these; it is reported once.
        if (_tail.Problems.Any(p => p.Kind is not null && p.Offset == _walker.Offset)) return;
        var what = _walker.Kind is { } kind ? $"A block of kind {kind} is damaged" : "The segment is damaged";
        ReportRange("SegmentBlock", $"{what}: {_walker.Problem} ({_walker.End - _walker.Offset:N0} bytes).", _walker.Offset, _walker.End);
    }

    private void OnBlock()
    {
        var kind = _walker.Kind!.Value;
        // Large values stand among the data; the others follow in the order of their numbers, each once.
        var rank = kind == BlockKind.LargeValue ? BlockKind.Data : kind;
        if (rank < _lastKind || (rank == _lastKind && rank != BlockKind.Data))
            Damaged("SegmentBlockOrder", $"A {kind} block stands behind a {_lastKind} block.");
        _lastKind = rank;
        switch (kind)
        {
            case BlockKind.Data:
                CheckDataBlock();
                break;
            case BlockKind.LargeValue:
                _largeValues.Add((_walker.Location, _walker.PayloadLength));
                _largeCount++;
                _largeBytes += _walker.Location.Length;
                break;
            default:
                CheckPlace(kind);
                break;
        }
    }

    private void CheckPlace(BlockKind kind)
    {
        if (_tail.Footer is not { } footer) return;
        var expected = kind switch { BlockKind.Filter => footer.Filter, BlockKind.Index => footer.Index, _ => footer.Properties };
        if (_walker.Location != expected) Damaged("SegmentFooter", $"The footer names another {kind} block than the one that is here.");
    }

    private void CheckDataBlock()
    {
        var number = _dataBlocks++;
        _dataBlockBytes += _walker.Location.Length;
        if (_tail.Index is { } index)
        {
            if (number >= index.Count) Damaged("SegmentIndex", "The index has fewer data blocks than the file.");
            else if (!_damaged && (index.Offset(number) != _walker.Offset || index.Length(number) != _walker.Location.Length))
                Damaged("SegmentIndex", "The index names another place for this data block.");
        }

        if (_tail.Properties is { } properties && _walker.Codec == BlockCodec.Snappy && properties.Codec != BlockCodec.Snappy)
            Damaged("SegmentProperties", "A data block is compressed where the properties say none is.");
        if (!_block.Open(_walker.Payload, _walker.PayloadLength))
        {
            ReportBlock("The entries of a data block do not fit together.");
            return;
        }

        var first = true;
        while (_block.NextChecked(first))
        {
            CheckEntry(first, number);
            first = false;
        }

        if (_block.IsDamaged || !_block.EndsAtEntriesEnd) ReportBlock("The entries of a data block do not fit together.");
        if (!_damaged && _nextLargeValue != _largeValues.Count)
            Damaged("SegmentLargeValue", "A large value stands in the file that no entry refers to.");
        _largeValues.Clear();
        _nextLargeValue = 0;
    }

    private void CheckEntry(bool firstOfBlock, int blockNumber)
    {
        var key = _block.Key;
        var last = _lastKey.AsSpan(0, _lastKeyLength);
        if (key.SequenceCompareTo(last) <= 0) Damaged("SegmentKeyOrder", "The keys do not ascend.", key);
        if (firstOfBlock && !_damaged && blockNumber > 0 && _tail.Index is { } index)
        {
            var separator = index.Separator(blockNumber);
            if (last.SequenceCompareTo(separator) >= 0 || key.SequenceCompareTo(separator) < 0)
                Damaged("SegmentIndex", "The separator of a data block does not lie between the block before and its first key.", key);
        }

        if (!_tail.MayContain(XxHash64.Compute(key)))
            Damaged("SegmentFilter", "The filter denies a key that is here: a lookup would not find it.", key);
        var lsn = _block.Lsn;
        _minLsn = Math.Min(_minLsn, lsn);
        _maxLsn = Math.Max(_maxLsn, lsn);
        if (_block.Kind == OperationKind.Delete) _tombstones++;
        _valueBytes += _block.IsLargeValue ? CheckLargeValue() : _block.StoredValue.Length;
        _entries++;
        _keyBytes += key.Length;
        _firstKey ??= key.ToArray();
        key.CopyTo(_lastKey);
        _lastKeyLength = key.Length;
    }

    private int CheckLargeValue()
    {
        var good = LargeValueReference.TryDecode(_block.StoredValue, _walker.Offset, out var reference);
        // They stand in front of the block in the order of its entries; a damaged one is missing from the list.
        if (good)
        {
            while (_nextLargeValue < _largeValues.Count && _largeValues[_nextLargeValue].Location.Offset < reference.Block.Offset)
                _nextLargeValue++;
            good = _nextLargeValue < _largeValues.Count && _largeValues[_nextLargeValue] == (reference.Block, reference.ValueLength);
        }

        if (good) _nextLargeValue++;
        else Damaged("SegmentLargeValue", "The large value of a key is damaged or missing.", _block.Key);
        return reference.ValueLength;
    }

    private void CompareTotals()
    {
        if (_largeValues.Count > 0) Damaged("SegmentLargeValue", "A large value stands in the file that no entry refers to.");
        if (_tail.Index is { } index && index.Count != _dataBlocks)
            Damaged("SegmentIndex", $"The index has {index.Count:N0} data blocks, the file {_dataBlocks:N0}.");
        if (_tail.Footer is { Filter.Length: > 0 } != _tail.Properties is { BloomBitsPerKey: > 0 }
            && _tail is { Footer: not null, Properties: not null })
            Damaged("SegmentProperties", "Footer and properties disagree on whether there is a filter.");
        if (_tail.Properties is not { } p) return;
        Compare("entries", p.Entries, _entries);
        Compare("tombstones", p.Tombstones, _tombstones);
        Compare("key bytes", p.KeyBytes, _keyBytes);
        Compare("value bytes", p.ValueBytes, _valueBytes);
        Compare("data blocks", p.DataBlocks, _dataBlocks);
        Compare("bytes of data blocks", p.DataBlockBytes, _dataBlockBytes);
        Compare("large values", p.LargeValues, _largeCount);
        Compare("bytes of large values", p.LargeValueBytes, _largeBytes);
        if (p.MinLsn != _minLsn || p.MaxLsn != _maxLsn)
            Damaged("SegmentProperties", $"The properties give LSN {p.MinLsn} to {p.MaxLsn}, the entries have {_minLsn} to {_maxLsn}.");
        if (!p.MinKey.AsSpan().SequenceEqual(_firstKey) || !p.MaxKey.AsSpan().SequenceEqual(_lastKey.AsSpan(0, _lastKeyLength)))
            Damaged("SegmentProperties", "The smallest and largest key of the properties are not those of the entries.");
    }

    private void Compare(string what, long expected, long actual)
    {
        if (expected != actual) Damaged("SegmentProperties", $"The properties give {expected:N0} {what}, the file has {actual:N0}.");
    }

    private void ReportBlock(string message)
    {
        _damaged = true;
        ReportRange("SegmentBlock", message, _walker.Offset, _walker.End);
    }

    private void Damaged(string code, string message, ReadOnlySpan<byte> key = default)
    {
        _damaged = true;
        if (_findings.Count >= MaxFindings) return;
        var at = key.IsEmpty ? null : key.ToArray();
        Report(code, message, _walker.Offset, at, at);
    }

    private void ReportRange(string code, string message, long offset, long end)
    {
        byte[]? first = null, last = null;
        if (_tail.Footer is not { } footer || offset < footer.DataEnd)
        {
            if (!_tail.TryGetKeyRange(offset, end, out first, out last)) first = _lastKeyLength == 0 ? null : _lastKey[.._lastKeyLength];
        }

        Report(code, message, offset, first, last);
    }

    private void Report(string code, string message, long offset, byte[]? first = null, byte[]? last = null)
    {
        if (_findings.Count >= MaxFindings) return;
        Lsn? firstLsn = null, lastLsn = null;
        if (_tail.Properties is { } properties)
        {
            firstLsn = new Lsn(properties.MinLsn);
            lastLsn = new Lsn(properties.MaxLsn);
        }

        _findings.Add(new Finding(FindingSeverity.Error, code, message, _name, offset, firstLsn, lastLsn, first, last));
    }
}
