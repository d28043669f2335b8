namespace Hestia.HestiaStore;

/// <summary>One file of a HestiaStore directory.</summary>
/// <param name="RelativePath">Path below the directory, with '/' between folders on every system.</param>
/// <param name="Length">Bytes.</param>
/// <param name="LastWriteTimeUtc">When it was last written.</param>
public sealed record StoreFile(string RelativePath, long Length, DateTime LastWriteTimeUtc)
{
    /// <summary>Whether it is the lock of the index or of a segment, which names an owner and holds no data.</summary>
    public bool IsLock => RelativePath == Format.StoreFileNames.Lock || RelativePath.EndsWith("/" + Format.StoreFileNames.Lock, StringComparison.Ordinal);
}
