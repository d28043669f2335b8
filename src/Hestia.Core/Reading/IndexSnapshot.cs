namespace Hestia.Core.Reading;

/// <summary>
/// A stable view: every write up to <see cref="Lsn"/> and none after, whatever is written, flushed or compacted meanwhile. It keeps the
/// memtables and files it shows, so dispose it soon. Thread-safe.
/// </summary>
public sealed class IndexSnapshot : IDisposable
{
    private readonly Action _released;
    private IndexView? _view;
    private int _references = 1;
    private int _disposed;

    internal IndexSnapshot(IndexView view, Lsn lsn, Action released)
    {
        _view = view;
        Lsn = lsn;
        _released = released;
    }

    /// <summary>The last write it shows.</summary>
    public Lsn Lsn { get; }

    internal IndexView View => _view ?? throw new ObjectDisposedException(nameof(IndexSnapshot));

    /// <summary>The value of a key, or null if the key is not there.</summary>
    /// <exception cref="HestiaException">SegmentDamaged, IoError.</exception>
    public byte[]? Get(ReadOnlySpan<byte> key) => Get(key, out _);

    /// <summary>The value of a key and the LSN of the write that made it, or null if the key is not there.</summary>
    /// <exception cref="HestiaException">SegmentDamaged, IoError.</exception>
    public byte[]? Get(ReadOnlySpan<byte> key, out Lsn lsn)
    {
        Acquire();
        try
        {
            return PointRead.Get(View, key, Lsn.Value, out lsn);
        }
        finally
        {
            Release();
        }
    }

    /// <summary>A cursor over this view; the cursor keeps the view alive by itself.</summary>
    public IndexCursor Scan(ScanOptions options = default)
    {
        Acquire();
        try
        {
            return new IndexCursor(this, options);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Lets go of the view once no cursor reads it any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Release();
    }

    /// <summary>Gives back one reference: the owner's, or a cursor's.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0) return;
        Interlocked.Exchange(ref _view, null)?.Release();
        _released();
    }

    private void Acquire()
    {
        var current = Volatile.Read(ref _references);
        while (true)
        {
            ObjectDisposedException.ThrowIf(current <= 0, this);
            var seen = Interlocked.CompareExchange(ref _references, current + 1, current);
            if (seen == current) return;
            current = seen;
        }
    }
}
