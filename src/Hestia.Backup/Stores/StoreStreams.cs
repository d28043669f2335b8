namespace Hestia.Backup.Stores;

/// <summary>An item being read from front to back.</summary>
internal abstract class StoredReader : IDisposable
{
    /// <summary>Bytes of the whole item.</summary>
    public abstract long Length { get; }

    /// <summary>Some bytes, at least one; 0 only at the end.</summary>
    public abstract int Read(Span<byte> buffer);

    /// <summary>Fills the buffer; less only at the end.</summary>
    public int ReadFull(Span<byte> buffer)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var read = Read(buffer[total..]);
            if (read == 0) break;
            total += read;
        }

        return total;
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>The bytes of an object on their way into a store: read once from front to back, or again after <see cref="Rewind"/>.</summary>
internal abstract class ObjectContent : IDisposable
{
    /// <summary>Bytes it has.</summary>
    public abstract long Length { get; }

    /// <summary>
    /// Whether what has the name and this length by the time it is stored may stay instead: another host was faster. Only for what is named by its content, and
    /// if nothing there is known to be damaged.
    /// </summary>
    public bool TrustsSize { get; init; }

    /// <summary>
    /// Whether what has the name is known to be damaged: then it is replaced, also if the store says that the very same is there. What lies below a store
    /// may rot without its noticing.
    /// </summary>
    public bool Replaces { get; init; }

    /// <summary>Some bytes, at least one; 0 only at the end.</summary>
    public abstract int Read(Span<byte> buffer);

    /// <summary>Begins again, for a store that has to try again.</summary>
    public abstract void Rewind();

    /// <summary>After the last byte: throws if what was read is not what the name promises. Then nothing may be published.</summary>
    public abstract void Verify();

    /// <summary>Fills the buffer; less only at the end.</summary>
    public int ReadFull(Span<byte> buffer)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var read = Read(buffer[total..]);
            if (read == 0) break;
            total += read;
        }

        return total;
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
