using Hestia.Core.Caching;
using Hestia.Core.Reading;

namespace Hestia.Core.Segments;

/// <summary>A position in a segment. Holds a reference to its reader until it is disposed.</summary>
internal sealed unsafe class SegmentCursor : EntryCursor
{
    private const int FirstReadAhead = 16 << 10;

    private readonly SegmentReader _reader;
    private readonly SparseIndex _index;
    private readonly bool _useCache;
    private readonly int _maxReadAhead;
    private readonly BlockCursor _block = new();
    private readonly NativeBuffer _window = new();
    private readonly NativeBuffer _decoded = new();
    private NativeBuffer? _large;
    private int _largeStart;
    private int _largeLength = -1;
    private BlockHandle _pinned;
    private long _windowStart;
    private int _windowLength;
    private int _readAhead;
    private int _current = -1;
    private bool _disposed;

    internal SegmentCursor(SegmentReader reader, bool fillCache, int readAheadBytes)
    {
        _reader = reader;
        try
        {
            _index = reader.Index;
        }
        catch
        {
            DisposeBuffers();
            throw;
        }

        _useCache = fillCache && reader.Cache.BudgetBytes > 0;
        _maxReadAhead = Math.Max(0, readAheadBytes);
        _readAhead = _useCache ? 0 : _maxReadAhead;
    }

    public override ReadOnlySpan<byte> Key => _block.Key;

    public override ReadOnlySpan<byte> Value => _block.IsLargeValue ? LargeValue() : _block.StoredValue;

    public override ulong Lsn => _block.Lsn;

    public override OperationKind Kind => _block.Kind;

    public override void SeekToFirst()
    {
        OpenBlock(0);
        Stand(_block.First());
    }

    public override void SeekToLast()
    {
        OpenBlock(_index.Count - 1);
        Stand(_block.Last());
    }

    public override void Seek(ReadOnlySpan<byte> key)
    {
        OpenBlock(_index.Find(key));
        if (_block.Seek(key)) Stand(true);
        else EnterNext();
    }

    public override void SeekForPrevious(ReadOnlySpan<byte> key)
    {
        OpenBlock(_index.Find(key));
        if (_block.Seek(key))
        {
            if (_block.Key.SequenceEqual(key)) Stand(true);
            else if (_block.Previous()) Stand(true);
            else EnterPrevious(); // the separator may lie below the block's first key
        }
        else
        {
            if (_block.IsDamaged) Stand(false);
            else Stand(_block.Last());
        }
    }

    public override void Next()
    {
        _largeLength = -1;
        if (!_block.Next()) EnterNext();
    }

    public override void Previous()
    {
        _largeLength = -1;
        if (!_block.Previous()) EnterPrevious();
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        IsValid = false;
        _pinned.Release();
        _pinned = default;
        DisposeBuffers();
        _reader.Release();
    }

    private void DisposeBuffers()
    {
        _block.Dispose();
        _window.Dispose();
        _decoded.Dispose();
        _large?.Dispose();
    }

    private void EnterNext()
    {
        if (_block.IsDamaged || _current + 1 >= _index.Count)
        {
            Stand(false);
            return;
        }

        OpenBlock(_current + 1);
        Stand(_block.First());
    }

    private void EnterPrevious()
    {
        if (_block.IsDamaged || _current == 0)
        {
            Stand(false);
            return;
        }

        OpenBlock(_current - 1);
        Stand(_block.Last());
    }

    private void Stand(bool valid)
    {
        _largeLength = -1;
        IsValid = valid;
        if (_block.IsDamaged)
            throw SegmentErrors.Damaged(_reader.Path, _index.Offset(_current), "the entries of a block do not fit together");
    }

    private void OpenBlock(int block)
    {
        if (block == _current && _block is { IsDamaged: false }) return;
        ObjectDisposedException.ThrowIf(_disposed, this);
        IsValid = false;
        _largeLength = -1;
        var step = _current < 0 ? 0 : block - _current;
        _current = -1; // nowhere, should reading fail
        _pinned.Release();
        _pinned = default;
        var offset = _index.Offset(block);
        var length = _index.Length(block);
        if (length > SegmentFormat.MaxDataPayloadBytes + SegmentFormat.BlockOverhead)
            throw SegmentErrors.Damaged(_reader.Path, offset, "a data block is longer than there can be");
        bool opened;
        if (_useCache)
        {
            if (!_reader.Cache.TryGet(_reader.Number, (ulong)offset, out _pinned))
            {
                // Only a cursor that goes on in one direction reads ahead, and twice as far each time.
                if (!InWindow(offset, length))
                    _readAhead = step is 1 or -1 ? Math.Min(Math.Max(FirstReadAhead, _readAhead * 2), _maxReadAhead) : 0;
                _pinned = _reader.PutBlock(Stored(offset, length, step < 0), offset);
            }

            opened = _block.Open(_pinned.Data, _pinned.Length, _pinned.Aid);
        }
        else
        {
            opened = OpenUncached(Stored(offset, length, step < 0), offset);
        }

        _current = block;
        if (!opened) Stand(false);
    }

    private bool OpenUncached(ReadOnlySpan<byte> stored, long offset)
    {
        var problem = BlockDecoder.Check(stored, offset, BlockKind.Data, SegmentFormat.MaxDataPayloadBytes, out var frame, out var length);
        if (problem is not null) throw SegmentErrors.Damaged(_reader.Path, offset, problem);
        // A block stored as it is can be read where it lies: the window is not refilled before the cursor leaves the block.
        if (frame.Codec == BlockCodec.None)
            return _block.Open(_window.Pointer + (offset - _windowStart) + SegmentFormat.BlockHeaderBytes, length);
        var decoded = _decoded.Reserve(length);
        if (!BlockDecoder.TryDecode(stored, frame, new Span<byte>(decoded, length)))
            throw SegmentErrors.Damaged(_reader.Path, offset, "a compressed block cannot be decoded");
        return _block.Open(decoded, length);
    }

    private bool InWindow(long offset, int length) => offset >= _windowStart && offset + length <= _windowStart + _windowLength;

    private ReadOnlySpan<byte> Stored(long offset, int length, bool backward)
    {
        if (!InWindow(offset, length))
        {
            var start = offset;
            var end = offset + length;
            var more = Math.Max(0, _readAhead - length);
            if (backward) start = Math.Max(SegmentFormat.HeaderBytes, start - more);
            else end = Math.Min(_reader.DataEnd, end + more);
            _windowLength = 0;
            var size = (int)(end - start);
            _reader.ReadExactly(start, new Span<byte>(_window.Reserve(size), size));
            _windowStart = start;
            _windowLength = size;
        }

        return new ReadOnlySpan<byte>(_window.Pointer + (offset - _windowStart), length);
    }

    private ReadOnlySpan<byte> LargeValue()
    {
        if (_largeLength < 0)
            (_largeStart, _largeLength) = _reader.ReadLargeValue(_block.StoredValue, _index.Offset(_current), _large ??= new NativeBuffer());
        return new ReadOnlySpan<byte>(_large!.Pointer + _largeStart, _largeLength);
    }
}
