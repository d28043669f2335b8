namespace Hestia.Core.Reading;

/// <summary>
/// A position in a sorted run of entries: a memtable, a segment, a level, or several merged. Keys are unsigned bytewise ascending and
/// within one cursor each key occurs once, with its newest operation the cursor may show; tombstones are shown.
/// The spans stay valid until the cursor moves or is disposed. Not thread-safe; allocates nothing per entry.
/// </summary>
internal abstract class EntryCursor : IDisposable
{
    /// <summary>Whether the cursor stands on an entry. False before the first Seek, and past either end.</summary>
    public bool IsValid { get; protected set; }

    public abstract ReadOnlySpan<byte> Key { get; }

    /// <summary>Empty for a tombstone.</summary>
    public abstract ReadOnlySpan<byte> Value { get; }

    /// <summary>0 where the LSN was dropped at the bottom level.</summary>
    public abstract ulong Lsn { get; }

    public abstract OperationKind Kind { get; }

    /// <summary>Stands on the smallest entry.</summary>
    public abstract void SeekToFirst();

    /// <summary>Stands on the largest entry.</summary>
    public abstract void SeekToLast();

    /// <summary>Stands on the first entry whose key is at or after <paramref name="key"/>.</summary>
    public abstract void Seek(ReadOnlySpan<byte> key);

    /// <summary>Stands on the last entry whose key is at or before <paramref name="key"/>.</summary>
    public abstract void SeekForPrevious(ReadOnlySpan<byte> key);

    /// <summary>One entry forward. The cursor must be valid. Direction may change at any entry.</summary>
    public abstract void Next();

    /// <summary>One entry back. The cursor must be valid.</summary>
    public abstract void Previous();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
