using System.Buffers;

namespace Hestia.Backup.Stores;

/// <summary>One thing in a store.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="StoredAt">When it was stored, UTC. Its age is <see cref="RepositoryStore.ReadClock"/> less this.</param>
internal readonly record struct StoredItem(string Name, long Size, DateTime StoredAt);

/// <summary>What a kind of store can do, and what a caller may save itself with it.</summary>
/// <param name="AtomicCreate">
/// <see cref="RepositoryStore.TryCreate"/> is one step in the store, so that of several that race one wins. Without it the random part of
/// names keeps them apart.
/// </param>
/// <param name="DurableWhenStored">
/// What can be read is durable, whoever stored it: <see cref="RepositoryStore.MakeDurable"/> has nothing to do.
/// </param>
/// <param name="Remote">A call is a request over a network and may cost something: reading ahead and asking in bulk pay.</param>
internal readonly record struct StoreCapabilities(bool AtomicCreate, bool DurableWhenStored, bool Remote);

/// <summary>
/// Where a repository keeps its things: named blobs. Names are keys of '/'-separated parts made of lower-case letters, digits, '.', '-'
/// (and 'T', 'Z' in backup ids). Nothing is ever appended to or changed in place; what is readable is complete.
/// Failures are HestiaException naming the store and the thing. Thread-safe; calls block.
/// </summary>
internal abstract class RepositoryStore : IDisposable
{
    private static readonly SearchValues<char> s_nameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789/.-TZ");

    /// <summary>Most names asked for at once by <see cref="GetSizes"/>.</summary>
    public const int PageSize = 500;

    /// <summary>What an unfinished transfer must be older than to be taken for dead.</summary>
    public static readonly TimeSpan DeadAfter = TimeSpan.FromDays(1);

    /// <summary>Where it is, for people: a path or a URL, without secrets.</summary>
    public abstract string Location { get; }

    public abstract StoreCapabilities Capabilities { get; }

    /// <summary>Makes the place ready for repository.json; takes over an empty one and nothing else.</summary>
    /// <exception cref="Core.HestiaException">RepositoryExists, TargetNotEmpty, PathNotFound, ContainerNotFound.</exception>
    public abstract void Prepare(CancellationToken cancellationToken);

    /// <summary>
    /// Every complete item whose name begins with <paramref name="prefix"/>, as it comes, in no particular order. Fetched in pages while it
    /// is enumerated: what is stored or deleted meanwhile may or may not be among them.
    /// </summary>
    public abstract IEnumerable<StoredItem> List(string prefix, CancellationToken cancellationToken);

    /// <summary>
    /// Sizes of many items; -1 where there is none. <paramref name="names"/> are sorted (ordinal) and at most <see cref="PageSize"/>, so
    /// that a store may ask for each or list a range.
    /// </summary>
    public abstract void GetSizes(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken);

    /// <summary>
    /// Stores a small item unless the name is taken; durable when it returns true. Of several that race exactly one gets true, where
    /// <see cref="StoreCapabilities.AtomicCreate"/>. The content must hold something no other caller's content holds (a nonce): a request may
    /// be sent twice, by the network or a share too, and who then finds the name taken reads it back to learn whether it was by itself.
    /// </summary>
    public abstract bool TryCreate(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken);

    /// <summary>
    /// Stores an object, replacing what has the name. Readable and complete when it returns, never in part, and verified by what the store
    /// gave back; durable only after <see cref="MakeDurable"/>. <see cref="ObjectContent.Verify"/> is called before it becomes readable.
    /// What was sent of one that fails is given up: it is never continued. Where <see cref="ObjectContent.TrustsSize"/> an item of the same size may stay.
    /// </summary>
    /// <exception cref="Core.HestiaException">
    /// ObjectDamaged, with the location as its target: the store does not give back what was written. It stays, as it may be another host's by now.
    /// </exception>
    public abstract void Put(string name, ObjectContent content, CancellationToken cancellationToken);

    /// <summary>Makes objects durable that are there already, whoever put them.</summary>
    public abstract void MakeDurable(IReadOnlyCollection<string> names, CancellationToken cancellationToken);

    /// <summary>
    /// Makes every object durable that is there, whoever put it: called for work that ends, or has ended, without a backup that names what it sent.
    /// </summary>
    public virtual void MakeObjectsDurable(CancellationToken cancellationToken)
    {
    }

    /// <summary>
    /// Makes the next list of what lies below <paramref name="prefix"/> (a folder, with its slash) show all that any host had stored before this call.
    /// Nothing to do where lists always do.
    /// </summary>
    /// <returns>False if that cannot be had, and only time helps.</returns>
    public virtual bool Revalidate(string prefix, CancellationToken cancellationToken) => true;

    /// <summary>
    /// Opens an item for reading at most <paramref name="maxBytes"/> from <paramref name="offset"/>; null if there is none. A store over a
    /// network fetches only that range.
    /// </summary>
    public abstract StoredReader? OpenRead(string name, long offset, long maxBytes, CancellationToken cancellationToken);

    /// <summary>Removes an item; no error if there is none.</summary>
    public abstract void Delete(string name, CancellationToken cancellationToken);

    /// <summary>Removes items; no error for those that are not there. They go one after the other, some of them if it fails.</summary>
    public virtual void Delete(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        foreach (var name in names) Delete(name, cancellationToken);
    }

    /// <summary>The time by the clock that <see cref="StoredItem.StoredAt"/> comes from, UTC.</summary>
    public abstract DateTime ReadClock(CancellationToken cancellationToken);

    /// <summary>Removes what transfers left that died longer ago than <paramref name="olderThan"/>, by the clock of the store.</summary>
    /// <returns>How many.</returns>
    public abstract int RemoveUnfinished(TimeSpan olderThan, CancellationToken cancellationToken);

    /// <summary>Bytes that can still be stored, or null where nobody knows.</summary>
    public virtual long? AvailableBytes() => null;

    /// <summary>Whether a local folder lies in the store or the store in the folder.</summary>
    public virtual bool Overlaps(string localPath) => false;

    /// <summary>Opens an item for reading from <paramref name="offset"/> to its end; null if there is none.</summary>
    public StoredReader? OpenRead(string name, long offset, CancellationToken cancellationToken) =>
        OpenRead(name, offset, long.MaxValue, cancellationToken);

    /// <summary>Proves that items can be created (and one only once), read back and removed; throws what fails.</summary>
    public void ProbeWrite(CancellationToken cancellationToken)
    {
        var name = $"locks/probe-{Guid.NewGuid():n}.json";
        var content = System.Text.Encoding.UTF8.GetBytes($$"""{"nonce":"{{Guid.NewGuid()}}"}""" + "\n");
        if (!TryCreate(name, content, cancellationToken)) throw Broken("says that a random name is taken");
        try
        {
            var back = ReadAll(name, content.Length, cancellationToken);
            if (back is null || !back.AsSpan().SequenceEqual(content)) throw Broken("does not give back what was written into it");
            var other = System.Text.Encoding.UTF8.GetBytes($$"""{"nonce":"{{Guid.NewGuid()}}"}""" + "\n");
            if (TryCreate(name, other, cancellationToken)) throw Broken("lets a name be taken twice");
        }
        finally
        {
            Delete(name, CancellationToken.None);
        }

        Core.HestiaException Broken(string what) => new(
            Core.HestiaErrorCode.IoError,
            $"The repository '{Location}' {what}.",
            Location,
            "Check the device, share or service it is on.");
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

    /// <summary>Whether an item holds exactly these bytes: so one learns that a name found taken was taken by oneself.</summary>
    protected bool Holds(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        using var reader = OpenRead(name, 0, cancellationToken);
        if (reader is null || reader.Length != content.Length) return false;
        var bytes = new byte[content.Length];
        return reader.ReadFull(bytes) == bytes.Length && content.SequenceEqual(bytes);
    }

    /// <summary>Whether a text can be a name: no part of it can lead out of the place that holds the repository.</summary>
    protected static bool IsName(string name)
    {
        // Asked of every object of a backup; the library's own search is fast from the first call on.
        return name.Length > 0 && name[0] != '/' && !name.Contains("//", StringComparison.Ordinal)
            && !name.Contains("..", StringComparison.Ordinal) && !name.AsSpan().ContainsAnyExcept(s_nameCharacters);
    }

    /// <summary>The name, or a defect: names come from this assembly alone.</summary>
    protected static string CheckName(string name) =>
        IsName(name) ? name : throw new ArgumentException($"'{name}' is no name of a store.", nameof(name));

    internal static Core.HestiaException Exists(string location) => new(
        Core.HestiaErrorCode.RepositoryExists,
        $"There is a repository in '{location}' already.",
        location,
        "Use it as it is, or choose another place.");

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
