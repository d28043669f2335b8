using Hestia.Backup.Encryption;
using Hestia.Backup.Format;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>An open repository as the jobs see it: its store, who it is, and how its objects are named.</summary>
internal sealed class RepositoryContext(
    RepositoryStore store, RepositoryDescriptor descriptor, FileSystem files, RepositoryCipher? cipher = null)
{
    /// <summary>
    /// Everything but repository.json goes through it. Of an encrypted repository it encrypts and decrypts: whoever uses it gives and gets
    /// plain names, sizes and bytes. What it reads may be InvalidDataException: it is not what was written there.
    /// </summary>
    public RepositoryStore Store { get; } = cipher is null ? store : new EncryptedStore(store, cipher);

    /// <summary>The store itself.</summary>
    public RepositoryStore PlainStore { get; } = store;

    public RepositoryDescriptor Descriptor { get; } = descriptor;

    /// <summary>The local file system: of indexes that are backed up and of restore targets.</summary>
    public FileSystem Files { get; } = files;

    public string Location => Store.Location;

    public TimeProvider Clock => Files.Clock;

    /// <summary>How long markers last and how waiting is done.</summary>
    public Pruning.MarkerTiming Markers { get; init; } = new();

    /// <summary>
    /// The one place that says under which name a segment is stored: its hash, or in an encrypted repository a keyed hash of that, from
    /// which the segment cannot be told. So what is listed below objects/ is compared with these names, never the other way round.
    /// </summary>
    public string ObjectName(SegmentId id) => cipher is null ? RepositoryNames.Object(id) : cipher.ObjectName(id);

    /// <summary>Reads repository.json.</summary>
    /// <exception cref="HestiaException">RepositoryNotFound, RepositoryDamaged, FormatTooNew.</exception>
    public static RepositoryDescriptor ReadDescriptor(RepositoryStore store, CancellationToken cancellationToken)
    {
        try
        {
            var bytes = store.ReadAll(RepositoryNames.Descriptor, RepositoryDescriptor.MaxBytes, cancellationToken);
            return bytes is not null ? RepositoryDescriptor.Parse(bytes) : throw NotFound(store.Location);
        }
        catch (InvalidDataException e)
        {
            throw new HestiaException(
                HestiaErrorCode.RepositoryDamaged,
                $"The repository '{store.Location}' cannot be understood: {e.Message}",
                store.Location,
                "Put repository.json back from a copy of the repository; its objects and backups are untouched by this.",
                e);
        }
    }

    public static HestiaException NotFound(string location) => new(
        HestiaErrorCode.RepositoryNotFound,
        $"There is no repository in '{location}'.",
        location,
        "Check the path and that the share is mounted; New-HestiaRepository makes a new one.");

    /// <summary>Proves, before anything is published, that the place still is the repository that was opened.</summary>
    public void EnsureSame(CancellationToken cancellationToken)
    {
        var found = ReadDescriptor(Store, cancellationToken);
        if (found.Id == Descriptor.Id && (found.Encryption is null) == (Descriptor.Encryption is null)) return;
        throw new HestiaException(
            HestiaErrorCode.RepositoryDamaged,
            $"'{Location}' is another repository now than when it was opened.",
            Location,
            "Check what is mounted there.");
    }

    /// <summary>Sizes of all objects of a list of segments, in its order; -1 where there is none.</summary>
    public long[] ObjectSizes(IReadOnlyList<SegmentId> segments, int parallelism, CancellationToken cancellationToken)
    {
        var order = new int[segments.Count];
        var names = new string[segments.Count];
        for (var i = 0; i < names.Length; i++)
        {
            order[i] = i;
            names[i] = ObjectName(segments[i]);
        }

        if (Store.Capabilities.Remote) Array.Sort(names, order, StringComparer.Ordinal); // neighbours come in one page
        var pages = new int[(names.Length + RepositoryStore.PageSize - 1) / RepositoryStore.PageSize];
        for (var i = 0; i < pages.Length; i++) pages[i] = i * RepositoryStore.PageSize;
        var sorted = new long[names.Length];
        Workers.Run(
            pages,
            parallelism,
            (start, token) =>
            {
                var count = Math.Min(RepositoryStore.PageSize, names.Length - start);
                Store.GetSizes(names.AsSpan(start, count), sorted.AsSpan(start, count), token);
            },
            cancellationToken);
        var sizes = new long[names.Length];
        for (var i = 0; i < sizes.Length; i++) sizes[order[i]] = sorted[i];
        return sizes;
    }

    public static int CheckParallelism(int parallelism)
    {
        if (parallelism is >= 1 and <= Workers.MaxParallelism) return parallelism;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"Parallelism is {parallelism}; it can be 1 to {Workers.MaxParallelism}.",
            action: "Choose a value in that range.");
    }
}
