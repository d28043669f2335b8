using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Checking;

/// <summary>
/// Checks a directory of HestiaStore 1.0 without changing a byte: manifests, index.map, every block and chunk, the order and place of keys, sparse indexes,
/// Bloom filters, delta files against their count, the log against its checkpoint, and who holds the lock. Thread-safe.
/// </summary>
public static class StoreChecker
{
    /// <summary>Checks it. Damage is reported, not thrown; codes are in <see cref="StoreFindings"/>.</summary>
    /// <exception cref="HestiaException">PathNotFound; NotAnIndex: it is no directory of HestiaStore; AccessDenied; IoError.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static CheckReport Check(string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Check(FileSystem.Physical, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), progress, cancellationToken);

    /// <summary>As the other one; without counting live entries, which takes a second reading, if nobody wants their number.</summary>
    internal static CheckReport Check(
        FileSystem files, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default, bool countEntries = true)
    {
        StoreDirectory.RequireOne(files, path);
        try
        {
            return new StoreCheck(files, path, progress, cancellationToken, countEntries).Run();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "checking");
        }
    }
}
