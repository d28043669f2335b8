namespace Hestia.HestiaStore.Reading;

/// <summary>Entries in ascending order, each key once. What it gives is valid until the next move.</summary>
internal abstract class EntrySource : IDisposable
{
    public abstract ReadOnlySpan<byte> Key { get; }

    /// <summary>The value; empty where <see cref="IsTombstone"/>.</summary>
    public abstract ReadOnlySpan<byte> Value { get; }

    /// <summary>Whether the entry says that the key is deleted.</summary>
    public abstract bool IsTombstone { get; }

    /// <summary>Moves to the next entry; false at the end.</summary>
    /// <exception cref="StoreDamageException">What is there cannot be right.</exception>
    public abstract bool MoveNext();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
