namespace Hestia.Backup.Stores;

/// <summary>One thing in a store.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="StoredAt">When it was stored, by the clock of the store; only to be compared with other times of the same store.</param>
internal readonly record struct StoredItem(string Name, long Size, DateTime StoredAt);

/// <summary>
/// Where a repository keeps its things: named blobs. Names are keys of '/'-separated parts made of lower-case letters, digits, '.', '-'
/// (and 'T', 'Z' in backup ids). Nothing is ever appended to or changed in place; what is readable is complete.
/// Failures are HestiaException naming the store and the thing. Thread-safe.
/// </summary>
internal abstract class RepositoryStore : IDisposable
{
    /// <summary>Most names asked for at once by <see cref="GetSizes"/>.</summary>
    public const int PageSize = 500;

    /// <summary>Where it is, for people.</summary>
    public abstract string Location { get; }

    /// <summary>Every complete item whose name begins with <paramref name="prefix"/>, as it comes, in no particular order.</summary>
    public abstract IEnumerable<StoredItem> List(string prefix, CancellationToken cancellationToken);

    /// <summary>
    /// Sizes of many items; -1 where there is none. <paramref name="names"/> are sorted and at most <see cref="PageSize"/>, so that a
    /// store may ask for each or list a range.
    /// </summary>
    public abstract void GetSizes(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken);

    /// <summary>
    /// Stores a small item unless the name is taken; durable when it returns true. Of several that race exactly one gets true.
    /// </summary>
    public abstract bool TryCreate(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken);

    /// <summary>
    /// Stores an object, replacing what has the name. Readable and complete when it returns, never in part; durable only after
    /// <see cref="MakeDurable"/>. <see cref="ObjectContent.Verify"/> is called before it becomes readable.
    /// </summary>
    public abstract void Put(string name, ObjectContent content, CancellationToken cancellationToken);

    /// <summary>Makes objects durable that are there already, whoever put them.</summary>
    public abstract void MakeDurable(IReadOnlyCollection<string> names, CancellationToken cancellationToken);

    /// <summary>Opens an item for reading from <paramref name="offset"/> to its end; null if there is none.</summary>
    public abstract StoredReader? OpenRead(string name, long offset, CancellationToken cancellationToken);

    /// <summary>Removes an item; no error if there is none.</summary>
    public abstract void Delete(string name, CancellationToken cancellationToken);

    /// <summary>Bytes that can still be stored, or null where nobody knows.</summary>
    public abstract long? AvailableBytes();

    /// <summary>Whether a local folder lies in the store or the store in the folder.</summary>
    public virtual bool Overlaps(string localPath) => false;

    /// <summary>Proves that items can be created, read back and removed; throws what fails.</summary>
    public void ProbeWrite(CancellationToken cancellationToken)
    {
        var name = $"locks/probe-{Guid.NewGuid():n}.json";
        byte[] content = [.. "{}\n"u8];
        if (!TryCreate(name, content, cancellationToken)) throw new InvalidOperationException("A random name was taken.");
        try
        {
            var back = ReadAll(name, content.Length, cancellationToken);
            if (back is null || !back.AsSpan().SequenceEqual(content))
            {
                throw new Core.HestiaException(
                    Core.HestiaErrorCode.IoError,
                    $"The repository '{Location}' does not give back what was written into it.",
                    Location,
                    "Check the device or share it is on.");
            }
        }
        finally
        {
            Delete(name, CancellationToken.None);
        }
    }

    /// <summary>A whole small item; null if there is none.</summary>
    /// <exception cref="InvalidDataException">It is larger than <paramref name="maxBytes"/>.</exception>
    public byte[]? ReadAll(string name, int maxBytes, CancellationToken cancellationToken)
    {
        using var reader = OpenRead(name, 0, cancellationToken);
        if (reader is null) return null;
        if (reader.Length > maxBytes)
            throw new InvalidDataException($"it is {reader.Length:N0} bytes long; at most {maxBytes:N0} are expected there.");
        var bytes = new byte[reader.Length];
        var read = reader.ReadFull(bytes);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}

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

    /// <summary>Some bytes, at least one; 0 only at the end.</summary>
    public abstract int Read(Span<byte> buffer);

    /// <summary>Begins again, for a store that has to try again.</summary>
    public abstract void Rewind();

    /// <summary>After the last byte: throws if what was read is not what the name promises. Then nothing may be published.</summary>
    public abstract void Verify();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
