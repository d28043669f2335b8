namespace Hestia.Core.IO;

/// <summary>
/// One open file. Reads and writes go to an explicit offset, so that threads can share it; growth and sync are the owner's business.
/// Failures are IOException or UnauthorizedAccessException. A failed write may have written a part.
/// </summary>
internal abstract class StorageFile(string path) : IDisposable
{
    /// <summary>The name it was opened by.</summary>
    public string Path { get; } = path;

    /// <summary>Bytes in the file now.</summary>
    public abstract long Length { get; }

    /// <summary>Fills <paramref name="buffer"/> from <paramref name="offset"/>; fewer bytes only at the end of the file.</summary>
    public abstract int Read(long offset, Span<byte> buffer);

    /// <summary>Writes all of <paramref name="buffer"/> at <paramref name="offset"/>, or throws.</summary>
    public abstract void Write(long offset, ReadOnlySpan<byte> buffer);

    /// <summary>
    /// Bytes that were written may begin their way to the device, so that the sync at the end finds less to do. A hint: nothing is durable for
    /// it, and it reports no failure.
    /// </summary>
    public virtual void StartWriting(long offset, long count)
    {
    }

    /// <summary>Reserves space so that the file is <paramref name="length"/> bytes long and reads as zeros where nothing was written.</summary>
    public abstract void Preallocate(long length);

    /// <summary>Cuts or extends the file.</summary>
    public abstract void SetLength(long length);

    /// <summary>
    /// Makes the bytes (and the length, where it changed) durable. The first failure is final: the caller must never sync this file
    /// again and must treat what it had not yet synced as lost, because the kernel reports an error only once.
    /// </summary>
    public abstract void SyncData();

    /// <summary>As <see cref="SyncData"/>, with all metadata.</summary>
    public abstract void Sync();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
