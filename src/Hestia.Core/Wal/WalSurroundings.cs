using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Wal;

/// <summary>
/// What the index around a log says of it: whose it is, and from where on it is needed. A log that lies by itself, or whose index cannot
/// be read, is judged by itself.
/// </summary>
/// <param name="IndexPath">The index's folder, or null.</param>
/// <param name="ManifestNumber">The manifest that was gone by; 0 if there was none.</param>
/// <param name="Options">For the scan.</param>
/// <param name="IsWhole">Whether the whole index was asked for, or its whole log, and not one file of it.</param>
internal sealed record WalSurroundings(string? IndexPath, ulong ManifestNumber, WalScanOptions Options, bool IsWhole = false)
{
    private static readonly WalScanOptions s_alone = new(null, null, null, IncludeUnneeded: true);

    public static WalSurroundings Of(FileSystem files, string path)
    {
        path = Path.TrimEndingDirectorySeparator(path);
        var isFile = files.FileExists(path);
        var directory = isFile ? Path.GetDirectoryName(path) : path;
        if (directory is null) return new WalSurroundings(null, 0, s_alone);
        var isInside = string.Equals(Path.GetFileName(directory), FileNames.Wal, StringComparison.OrdinalIgnoreCase);
        var index = isInside && !files.DirectoryExists(Path.Combine(directory, FileNames.Wal)) ? Path.GetDirectoryName(directory) : directory;
        if (index is null || (isFile && !isInside)) return new WalSurroundings(null, 0, s_alone);
        if (index.Length == 0) index = ".";
        if (!files.FileExists(Path.Combine(index, FileNames.Settings)))
        {
            // Beside manifests or segments it is the log of an index that has lost its index.json; elsewhere it lies by itself.
            var wasIndex = !isFile && (files.DirectoryExists(Path.Combine(index, FileNames.Manifests))
                || files.DirectoryExists(Path.Combine(index, FileNames.Segments)));
            return new WalSurroundings(wasIndex ? index : null, 0, s_alone, wasIndex);
        }

        var id = IdOf(files, index);
        // One file by itself: where it begins and ends is no gap.
        if (isFile) return new WalSurroundings(index, 0, s_alone with { IndexId = id });
        var manifest = Newest(files, index, id);
        return new WalSurroundings(index, manifest?.Number ?? 0,
            new WalScanOptions(id ?? manifest?.IndexId, manifest?.Timeline.Id, manifest?.Checkpoint, IncludeUnneeded: true),
            IsWhole: true);
    }

    /// <summary>Whether the index's owner has written another manifest since, so that what was found may be of before.</summary>
    public bool IsOutdated(FileSystem files) =>
        ManifestNumber > 0 && (Newest(files, IndexPath!, Options.IndexId)?.Number ?? 0) != ManifestNumber;

    private static Guid? IdOf(FileSystem files, string index)
    {
        try
        {
            return IndexSettingsFile.Read(files, index).Id;
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.SettingsDamaged or HestiaErrorCode.FormatTooNew or HestiaErrorCode.NotAnIndex)
        {
            return null; // for Test-HestiaIndex to tell
        }
    }

    private static ManifestDocument? Newest(FileSystem files, string index, Guid? id)
    {
        try
        {
            return ManifestSurvey.Make(files, index).Newest(id)?.Document;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, index, "listing the manifests of");
        }
    }
}
