using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore;

/// <summary>
/// A directory that HestiaStore 1.0 wrote, as it is. Reading takes no lock and changes nothing; an index whose owner lives is refused
/// where its files would be read. Thread-safe; readers are not.
/// </summary>
public sealed class StoreDirectory
{
    private const int MaxDepth = 8;

    private readonly FileSystem _files;

    private StoreDirectory(FileSystem files, string path, StoreManifest manifest)
    {
        _files = files;
        Path = path;
        Manifest = manifest;
    }

    /// <summary>Full path.</summary>
    public string Path { get; }

    /// <summary>Name of the index, from its manifest.</summary>
    public string Name => Manifest.Name;

    /// <summary>Type of the keys.</summary>
    public StoreType KeyType => Manifest.KeyType;

    /// <summary>Type of the values.</summary>
    public StoreType ValueType => Manifest.ValueType;

    /// <summary>Every property of manifest.txt, as text.</summary>
    public IReadOnlyDictionary<string, string> Properties => Manifest.Properties.Values;

    /// <summary>Whether writes go to a log first.</summary>
    public bool WalEnabled => Manifest.WalEnabled;

    internal StoreManifest Manifest { get; }

    internal FileSystem Files => _files;

    /// <summary>
    /// Whether a directory holds a HestiaStore index, of whatever version and in whatever state: its manifest, or, where that is lost, its
    /// segments. Never throws.
    /// </summary>
    public static bool IsStoreDirectory(string path) => IsStoreDirectory(FileSystem.Physical, path);

    /// <summary>Opens a directory for reading.</summary>
    /// <exception cref="HestiaException">
    /// PathNotFound; NotAnIndex; FormatUnsupported: a version, type or filter that is not understood, by name; ManifestMissing;
    /// ManifestDamaged; AccessDenied; IoError.
    /// </exception>
    public static StoreDirectory Open(string path) => Open(FileSystem.Physical, System.IO.Path.GetFullPath(path));

    /// <summary>Who has the directory open, as far as that can be known from here.</summary>
    public StoreLock ReadLock() => StoreLock.Read(_files, Path);

    /// <summary>Every file below the directory, in order of path; those of quarantine/ too.</summary>
    /// <exception cref="HestiaException">AccessDenied, IoError.</exception>
    public IReadOnlyList<StoreFile> ListFiles()
    {
        try
        {
            return List(_files, Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, Path, "listing");
        }
    }

    /// <summary>Refuses a directory that is open, or may be.</summary>
    /// <param name="allowUnknownOwner">Go on where the owner cannot be looked up from here (a lock from another machine).</param>
    /// <exception cref="HestiaException">IndexInUse, with the owner named.</exception>
    public void RequireNotInUse(bool allowUnknownOwner = false) => RequireNotInUse(_files, Path, allowUnknownOwner);

    /// <summary>
    /// Reads every live entry in the order of the key type: delta files over the main file of each segment, the log that a crash left over
    /// both, deleted entries left out. Memory does not grow with the index: per file of one segment a block and a chunk, and at most 32 MiB of the log.
    /// </summary>
    /// <param name="options">How, or null for the defaults.</param>
    /// <param name="cancellationToken">Ends opening; reading has a token of its own.</param>
    /// <exception cref="HestiaException">IndexInUse; and everything that is damaged or missing, by name. Never less than the index holds.</exception>
    public StoreEntryReader ReadEntries(StoreReadOptions? options = null, CancellationToken cancellationToken = default) =>
        StoreEntryReader.Open(this, options ?? new StoreReadOptions(), cancellationToken);

    internal static bool IsStoreDirectory(FileSystem files, string path)
    {
        try
        {
            var manifest = System.IO.Path.Combine(path, StoreFileNames.Manifest);
            if (files.FileExists(manifest) && files.FileLength(manifest) <= JavaProperties.MaxFileBytes)
            {
                try
                {
                    if (StoreManifest.IsOne(JavaProperties.Parse(files.ReadAllBytes(manifest, JavaProperties.MaxFileBytes)))) return true;
                }
                catch (InvalidDataException)
                {
                    // Damaged: the segments tell.
                }
            }

            if (!files.DirectoryExists(path)) return false;
            foreach (var entry in files.List(path))
            {
                if (!entry.IsDirectory || StoreFileNames.SegmentId(entry.Name) is null) continue;
                foreach (var file in files.List(System.IO.Path.Combine(path, entry.Name)))
                    if (StoreFileNames.SstVersion(file.Name) is not null) return true;
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>As <see cref="RequireNotInUse(bool)"/>, of a directory whose manifest may be lost or not understood.</summary>
    internal static void RequireNotInUse(FileSystem files, string path, bool allowUnknownOwner)
    {
        var found = StoreLock.Read(files, path);
        if (found.State == StoreLockState.Alive)
        {
            throw new HestiaException(
                HestiaErrorCode.IndexInUse, $"The HestiaStore directory '{path}' is open: {found}. {found.Reason}", path, "Close it there first.");
        }

        if (found.State == StoreLockState.Unknown && !allowUnknownOwner)
        {
            throw new HestiaException(
                HestiaErrorCode.IndexInUse,
                $"The HestiaStore directory '{path}' may be open: {found}. {found.Reason}",
                path,
                "Make sure that it is closed there, then use -Force.");
        }
    }

    /// <summary>Name of an index as its manifest says it, of whatever version; the folder's where that cannot be read.</summary>
    internal static string NameOf(FileSystem files, string path)
    {
        RequireOne(files, path);
        try
        {
            var properties = JavaProperties.Parse(files.ReadAllBytes(System.IO.Path.Combine(path, StoreFileNames.Manifest), JavaProperties.MaxFileBytes));
            if (properties.Text(StoreManifest.NameProperty) is { Length: > 0 } name) return name;
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException)
        {
            // Lost or damaged; what cannot be read for another reason is refused by whoever reads the files.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }

        return System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(path));
    }

    /// <summary>Every file below a directory, in order of path.</summary>
    internal static List<StoreFile> List(FileSystem files, string path)
    {
        var result = new List<StoreFile>();
        List(files, path, "", 0, result);
        result.Sort(static (a, b) => string.CompareOrdinal(a.RelativePath, b.RelativePath));
        return result;
    }

    /// <exception cref="HestiaException">PathNotFound, NotAnIndex.</exception>
    internal static void RequireOne(FileSystem files, string path)
    {
        if (!files.DirectoryExists(path)) throw new HestiaException(HestiaErrorCode.PathNotFound, $"There is no directory '{path}'.", path,
            "Check the path.");
        if (!IsStoreDirectory(files, path))
            throw new HestiaException(HestiaErrorCode.NotAnIndex,
                $"'{path}' is no directory of HestiaStore: there is no manifest.txt of it and no segment.", path, "Check the path.");
    }

    internal static StoreDirectory Open(FileSystem files, string path)
    {
        RequireOne(files, path);
        try
        {
            return new StoreDirectory(files, path, StoreManifest.Read(files, path));
        }
        catch (StoreDamageException e)
        {
            throw e.ToHestiaException(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    private static void List(FileSystem files, string path, string folder, int depth, List<StoreFile> result)
    {
        foreach (var entry in files.List(System.IO.Path.Combine(path, folder)))
        {
            var relative = folder.Length == 0 ? entry.Name : folder + "/" + entry.Name;
            if (!entry.IsDirectory) result.Add(new StoreFile(relative, entry.Length, entry.LastWriteTimeUtc));
            else if (depth < MaxDepth) List(files, path, relative, depth + 1, result);
        }
    }
}
