using System.Runtime.ExceptionServices;

namespace Hestia.Core.Reading;

/// <summary>
/// The entries of a scan, one at a time: <c>while (cursor.MoveNext()) use(cursor.Key, cursor.Value)</c>. It reads the state of the moment it
/// was made, allocates nothing per entry, and its spans stay valid until the next call. Dispose it: it keeps memtables and files alive.
/// A cursor that failed to move stands on no entry and goes nowhere any more: each further call fails the same way. Not thread-safe.
/// </summary>
public sealed class IndexCursor : IDisposable
{
    private readonly ScanBounds _bounds;
    private readonly bool _reverse;
    private readonly long _limit;
    private IndexSnapshot? _snapshot;
    private EntryCursor? _entries;
    private bool _started;
    private long _shown;
    private Exception? _failure;

    /// <summary>Takes over one reference of the snapshot.</summary>
    internal IndexCursor(IndexSnapshot snapshot, in ScanOptions options)
    {
        if (options.Limit < 0) throw new HestiaException(HestiaErrorCode.InvalidOption, $"Limit is {options.Limit}; it can be 0 (all) or more.");
        _bounds = new ScanBounds(options);
        _reverse = options.Reverse;
        _limit = options.Limit == 0 ? long.MaxValue : options.Limit;
        _snapshot = snapshot;
        SnapshotLsn = snapshot.Lsn;
        _entries = snapshot.View.CreateCursor(snapshot.Lsn.Value, options.FillCache, ReadAheadBytes);
    }

    /// <summary>How far a scan reads ahead of itself, at most.</summary>
    private const int ReadAheadBytes = 256 << 10;

    /// <summary>The state the cursor reads: every write up to this LSN and none after.</summary>
    public Lsn SnapshotLsn { get; }

    /// <summary>Key of the current entry.</summary>
    public ReadOnlySpan<byte> Key => Current.Key;

    /// <summary>Value of the current entry.</summary>
    public ReadOnlySpan<byte> Value => Current.Value;

    /// <summary>LSN of the write that made the current entry; <see cref="Lsn.None"/> where it was dropped at the bottom level.</summary>
    public Lsn Lsn => new(Current.Lsn);

    private EntryCursor Current => _started && _failure is null && _entries is { IsValid: true } entries ? entries : throw new InvalidOperationException("The cursor stands on no entry.");

    /// <summary>Moves to the next entry; false at the end.</summary>
    /// <exception cref="HestiaException">SegmentDamaged, IoError.</exception>
    public bool MoveNext()
    {
        var entries = _entries ?? throw new ObjectDisposedException(nameof(IndexCursor));
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
        try
        {
            if (!_started)
            {
                _started = true;
                Start(entries);
            }
            else if (entries.IsValid)
            {
                Step(entries);
            }

            while (entries.IsValid)
            {
                if (_reverse ? _bounds.IsBeforeLower(entries.Key) : _bounds.IsPastUpper(entries.Key)) break;
                if (entries.Kind == OperationKind.Put)
                {
                    if (_shown >= _limit) break;
                    _shown++;
                    return true;
                }

                Step(entries);
            }
        }
        catch (Exception e)
        {
            // Some runs have moved and others have not, so going on would show entries twice, or an end that is none.
            _failure = e is IOException or UnauthorizedAccessException ? HestiaException.FromIO(e, "segments", "reading") : e;
            if (ReferenceEquals(_failure, e)) throw;
            throw _failure;
        }

        Dispose();
        _entries = EndedCursor.Instance;
        return false;
    }

    /// <summary>Lets go of the snapshot.</summary>
    public void Dispose()
    {
        _entries?.Dispose();
        _entries = null;
        _snapshot?.Release();
        _snapshot = null;
    }

    private void Step(EntryCursor entries)
    {
        if (_reverse) entries.Previous();
        else entries.Next();
    }

    private void Start(EntryCursor entries)
    {
        if (!_reverse)
        {
            if (_bounds.Lower is { } lower) entries.Seek(lower);
            else entries.SeekToFirst();
            return;
        }

        if (_bounds.Upper is not { } upper)
        {
            entries.SeekToLast();
            return;
        }

        entries.SeekForPrevious(upper);
        if (!_bounds.UpperInclusive && entries.IsValid && entries.Key.SequenceEqual(upper)) entries.Previous();
    }

    /// <summary>What a cursor that ran to its end stands on; it holds nothing.</summary>
    private sealed class EndedCursor : EntryCursor
    {
        public static readonly EndedCursor Instance = new();

        public override ReadOnlySpan<byte> Key => default;

        public override ReadOnlySpan<byte> Value => default;

        public override ulong Lsn => 0;

        public override OperationKind Kind => OperationKind.Delete;

        public override void SeekToFirst()
        {
        }

        public override void SeekToLast()
        {
        }

        public override void Seek(ReadOnlySpan<byte> key)
        {
        }

        public override void SeekForPrevious(ReadOnlySpan<byte> key)
        {
        }

        public override void Next()
        {
        }

        public override void Previous()
        {
        }
    }
}
