using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

namespace Hestia.Core.Consistency;

/// <summary>
/// Checks an index that is closed: index.json, every manifest, every byte of the live segments, their order, the log, and what lies beside
/// them. Changes not one byte.
/// </summary>
public static class IndexChecker
{
    /// <summary>Checks the index in a folder. Damage is reported, not thrown.</summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex, FormatTooNew, IndexInUse, LockUnsupported, AccessDenied, IoError.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static CheckReport Check(
        string path,
        CheckOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Check(FileSystem.Physical, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), options, progress, cancellationToken);
    }

    internal static CheckReport Check(
        FileSystem files,
        string path,
        CheckOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        try
        {
            IndexSettingsFile.Read(files, path);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.SettingsDamaged)
        {
            // An index, only a damaged one: that is for the report. Of a newer format nothing can be said here.
        }

        using var held = IndexLock.TakeShared(files, path);
        try
        {
            return new IndexCheck(files, path, options ?? new CheckOptions(), progress, cancellationToken).Run().Report;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "checking");
        }
    }
}
