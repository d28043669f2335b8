using Hestia.Core;

namespace Hestia.Backup.Logical;

/// <summary>
/// Entries that can be imported, in the form an index of ours stores them, one at a time:
/// <c>while (source.MoveNext()) use(source.Key, source.Value)</c>. The order is the source's; ascending unsigned bytewise is fastest. Not
/// thread-safe.
/// </summary>
public abstract class EntrySource : IDisposable
{
    /// <summary>What kind of source it is, for people, such as <c>Hestia export</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>Full path it is read from.</summary>
    public abstract string Path { get; }

    /// <summary>Name of the index the entries came from; null where it is not known.</summary>
    public abstract string? IndexName { get; }

    /// <summary>How the keys are to be shown.</summary>
    public abstract DataEncoding KeyEncoding { get; }

    /// <summary>How the values are to be shown.</summary>
    public abstract DataEncoding ValueEncoding { get; }

    /// <summary>Bytes to read, for progress; 0 where that is not known.</summary>
    public abstract long BytesTotal { get; }

    /// <summary>Bytes read so far.</summary>
    public abstract long BytesRead { get; }

    /// <summary>Key of the current entry; valid until the next call of <see cref="MoveNext"/>.</summary>
    public abstract ReadOnlySpan<byte> Key { get; }

    /// <summary>Value of the current entry; valid until the next call of <see cref="MoveNext"/>.</summary>
    public abstract ReadOnlySpan<byte> Value { get; }

    /// <summary>
    /// The fingerprint the entries must have, as lower-case hexadecimal digits; known once <see cref="MoveNext"/> has returned false. Null where
    /// the source has none.
    /// </summary>
    public virtual string? ExpectedFingerprint => null;

    /// <summary>What the reader should know of how this source was taken, such as a log that was replayed.</summary>
    public virtual IReadOnlyList<Finding> Findings => [];

    /// <summary>
    /// Moves to the next entry. Returns false at the end, and only after everything that the source has to prove itself complete and undamaged was
    /// compared.
    /// </summary>
    /// <exception cref="HestiaException">ExportDamaged, SourceDamaged, FormatTooNew, IoError, AccessDenied.</exception>
    public abstract bool MoveNext();

    /// <summary>Closes what it reads from.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes what it reads from.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
