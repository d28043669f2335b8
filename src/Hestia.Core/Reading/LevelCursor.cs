using Hestia.Core.Segments;

namespace Hestia.Core.Reading;

/// <summary>The segments of one level below 0, one after the other; only the one it stands in is open.</summary>
internal sealed class LevelCursor(LiveSegment[] segments, bool fillCache, int readAheadBytes) : EntryCursor
{
    private EntryCursor? _current;
    private int _index = -1;

    public override ReadOnlySpan<byte> Key => _current!.Key;

    public override ReadOnlySpan<byte> Value => _current!.Value;

    public override ulong Lsn => _current!.Lsn;

    public override OperationKind Kind => _current!.Kind;

    public override void SeekToFirst()
    {
        if (Enter(0)) _current!.SeekToFirst();
        SkipEmptyForward();
    }

    public override void SeekToLast()
    {
        if (Enter(segments.Length - 1)) _current!.SeekToLast();
        SkipEmptyBackward();
    }

    public override void Seek(ReadOnlySpan<byte> key)
    {
        if (Enter(IndexView.FirstAtOrAfter(segments, key))) _current!.Seek(key);
        SkipEmptyForward();
    }

    public override void SeekForPrevious(ReadOnlySpan<byte> key)
    {
        // The last segment whose lower bound is at or before the key.
        int low = 0, high = segments.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (segments[middle].Manifest.LowerBound.AsSpan().SequenceCompareTo(key) <= 0) low = middle + 1;
            else high = middle;
        }

        if (Enter(low - 1)) _current!.SeekForPrevious(key);
        SkipEmptyBackward();
    }

    public override void Next()
    {
        _current!.Next();
        if (!_current.IsValid) SkipEmptyForward();
    }

    public override void Previous()
    {
        _current!.Previous();
        if (!_current.IsValid) SkipEmptyBackward();
    }

    protected override void Dispose(bool disposing)
    {
        _current?.Dispose();
        _current = null;
        IsValid = false;
    }

    private bool Enter(int index)
    {
        if (index < 0 || index >= segments.Length)
        {
            _current?.Dispose();
            _current = null;
            _index = index;
            return false;
        }

        if (_current is not null && index == _index) return true;
        _current?.Dispose();
        _index = index;
        _current = segments[index].Reader.CreateCursor(fillCache, readAheadBytes);
        return true;
    }

    private void SkipEmptyForward()
    {
        while (_current is { IsValid: false } && Enter(_index + 1)) _current!.SeekToFirst();
        IsValid = _current is { IsValid: true };
    }

    private void SkipEmptyBackward()
    {
        while (_current is { IsValid: false } && Enter(_index - 1)) _current!.SeekToLast();
        IsValid = _current is { IsValid: true };
    }
}
