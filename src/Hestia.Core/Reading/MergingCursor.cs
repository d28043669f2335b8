using System.Buffers.Binary;

namespace Hestia.Core.Reading;

/// <summary>
/// Several sorted runs as one. The runs are given newest first; where a key occurs in several, the newest shows and the others are
/// skipped. A binary heap of run numbers, each with the first 8 bytes of its key beside it, so that most comparisons touch no key.
/// </summary>
internal sealed class MergingCursor : EntryCursor
{
    private readonly EntryCursor[] _runs;
    private readonly ulong[] _prefixes;
    private readonly int[] _heap;
    private int _count;
    private bool _forward = true;
    private byte[] _turningKey = [];

    public MergingCursor(EntryCursor[] runsNewestFirst)
    {
        _runs = runsNewestFirst;
        _prefixes = new ulong[_runs.Length];
        _heap = new int[_runs.Length];
    }

    public override ReadOnlySpan<byte> Key => _runs[_heap[0]].Key;

    public override ReadOnlySpan<byte> Value => _runs[_heap[0]].Value;

    public override ulong Lsn => _runs[_heap[0]].Lsn;

    public override OperationKind Kind => _runs[_heap[0]].Kind;

    public override void SeekToFirst()
    {
        foreach (var run in _runs) run.SeekToFirst();
        Build(forward: true);
    }

    public override void SeekToLast()
    {
        foreach (var run in _runs) run.SeekToLast();
        Build(forward: false);
    }

    public override void Seek(ReadOnlySpan<byte> key)
    {
        foreach (var run in _runs) run.Seek(key);
        Build(forward: true);
    }

    public override void SeekForPrevious(ReadOnlySpan<byte> key)
    {
        foreach (var run in _runs) run.SeekForPrevious(key);
        Build(forward: false);
    }

    public override void Next()
    {
        if (!_forward) Turn(forward: true);
        Step();
    }

    public override void Previous()
    {
        if (_forward) Turn(forward: false);
        Step();
    }

    protected override void Dispose(bool disposing)
    {
        foreach (var run in _runs) run.Dispose();
        IsValid = false;
    }

    /// <summary>Moves every run that stands on the current key one on, so that older operations of the key are skipped.</summary>
    private void Step()
    {
        var top = _heap[0];
        // Older runs on the same key go first, while the key is still under the newest one: they are children of the root of the heap.
        while (_count > 1)
        {
            var other = _count > 2 && Less(_heap[2], _heap[1]) ? 2 : 1;
            var run = _heap[other];
            if (_prefixes[run] != _prefixes[top] || !_runs[run].Key.SequenceEqual(_runs[top].Key)) break;
            Advance(other);
        }

        Advance(0);
        IsValid = _count > 0;
    }

    private void Advance(int position)
    {
        var run = _heap[position];
        var cursor = _runs[run];
        if (_forward) cursor.Next();
        else cursor.Previous();
        if (cursor.IsValid)
        {
            _prefixes[run] = Prefix(cursor.Key);
        }
        else
        {
            _count--;
            if (position == _count) return;
            _heap[position] = _heap[_count];
        }

        SiftDown(position);
    }

    /// <summary>
    /// Changes direction on the current key: the other runs stand beyond it in the old direction and have to stand beyond it in the new one.
    /// The current run and those that show the same key stay on it; <see cref="Step"/> moves them.
    /// </summary>
    private void Turn(bool forward)
    {
        var top = _heap[0];
        var key = _runs[top].Key;
        if (_turningKey.Length < key.Length) _turningKey = new byte[Math.Max(key.Length, 256)];
        key.CopyTo(_turningKey);
        key = _turningKey.AsSpan(0, key.Length);
        for (var i = 0; i < _runs.Length; i++)
        {
            if (i == top) continue;
            if (forward) _runs[i].Seek(key);
            else _runs[i].SeekForPrevious(key);
        }

        Build(forward);
    }

    private void Build(bool forward)
    {
        _forward = forward;
        _count = 0;
        for (var i = 0; i < _runs.Length; i++)
        {
            if (!_runs[i].IsValid) continue;
            _prefixes[i] = Prefix(_runs[i].Key);
            _heap[_count++] = i;
        }

        for (var i = (_count / 2) - 1; i >= 0; i--) SiftDown(i);
        IsValid = _count > 0;
    }

    private void SiftDown(int position)
    {
        var run = _heap[position];
        while (true)
        {
            var child = (2 * position) + 1;
            if (child >= _count) break;
            if (child + 1 < _count && Less(_heap[child + 1], _heap[child])) child++;
            if (!Less(_heap[child], run)) break;
            _heap[position] = _heap[child];
            position = child;
        }

        _heap[position] = run;
    }

    private bool Less(int left, int right)
    {
        ulong a = _prefixes[left], b = _prefixes[right];
        if (a != b) return _forward ? a < b : a > b;
        var order = _runs[left].Key.SequenceCompareTo(_runs[right].Key);
        if (order == 0) return left < right; // the newer run first, in both directions
        return _forward ? order < 0 : order > 0;
    }

    /// <summary>The first 8 bytes as a number; a shorter key is filled with zeros, so equal prefixes still need the keys compared.</summary>
    private static ulong Prefix(ReadOnlySpan<byte> key)
    {
        if (key.Length >= 8) return BinaryPrimitives.ReadUInt64BigEndian(key);
        ulong prefix = 0;
        for (var i = 0; i < key.Length; i++) prefix |= (ulong)key[i] << (56 - (8 * i));
        return prefix;
    }
}
