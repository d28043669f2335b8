using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

namespace Hestia.Core;

/// <summary>
/// Makes the directory of a new index. index.json is written last and durably, so a crash in between leaves a folder that is no index yet and
/// that creating again completes.
/// </summary>
internal static class IndexCreation
{
    /// <exception cref="HestiaException">IndexExists, TargetNotEmpty, PathNotFound, InvalidOption, AccessDenied, DiskFull, IoError, LockUnsupported.</exception>
    public static void Create(string path, IndexSettings settings, FileSystem files)
    {
        OptionRanges.Check(settings);
        try
        {
            Refuse(path, files);
            var parent = Path.GetDirectoryName(path);
            var isNew = !files.DirectoryExists(path);
            if (isNew)
            {
                if (parent is not null && !files.DirectoryExists(parent))
                {
                    throw new HestiaException(
                        HestiaErrorCode.PathNotFound,
                        $"The index '{path}' can't be created: there is no folder '{parent}'.",
                        parent,
                        "Create that folder first, or correct the path.");
                }

                files.CreateDirectory(path);
                if (parent is not null) files.SyncDirectory(parent);
            }

            Fill(path, settings, files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "creating");
        }
    }

    /// <summary>Only what an earlier, unfinished creation left may be in the way.</summary>
    private static void Refuse(string path, FileSystem files)
    {
        if (files.FileExists(path)) throw new HestiaException(HestiaErrorCode.TargetNotEmpty, $"'{path}' is a file.", path, "Give the path of a folder that is empty or not there.");
        if (!files.DirectoryExists(path)) return;
        var entries = files.List(path);
        foreach (var entry in entries)
        {
            if (entry.Name == FileNames.Settings)
                throw new HestiaException(HestiaErrorCode.IndexExists, $"There is an index at '{path}' already.", path, "Open it without asking for its creation, or choose another folder.");
        }

        foreach (var entry in entries)
        {
            var ours = entry.Name is FileNames.Lock or FileNames.Manifests or FileNames.Segments or FileNames.Wal
                || (entry.Name.StartsWith(FileNames.Settings, StringComparison.Ordinal) && FileNames.IsTemporary(entry.Name));
            var leftover = ours && (!entry.IsDirectory || IsUnfinished(path, entry.Name, files));
            if (!leftover)
            {
                throw new HestiaException(
                    HestiaErrorCode.TargetNotEmpty,
                    $"'{path}' holds '{entry.Name}', so no index is created there.",
                    path,
                    "Choose a folder that is empty or not there.");
            }
        }
    }

    /// <summary>A folder without data: no segment, no log, and of manifests only the first one.</summary>
    private static bool IsUnfinished(string path, string name, FileSystem files)
    {
        foreach (var entry in files.List(Path.Combine(path, name)))
        {
            if (FileNames.IsTemporary(entry.Name)) continue;
            if (name == FileNames.Manifests && ManifestFormat.TryParseFileName(entry.Name, out var number, out var checkpoint) && number == 1 && checkpoint == Lsn.None) continue;
            return false;
        }

        return true;
    }

    private static void Fill(string path, IndexSettings settings, FileSystem files)
    {
        using var held = IndexLock.Take(files, path);
        Refuse(path, files); // again: another process may have created one here before this one had the lock
        foreach (var name in (string[])[FileNames.Manifests, FileNames.Segments, FileNames.Wal])
        {
            var directory = Path.Combine(path, name);
            files.CreateDirectory(directory);
            files.CopyOwnership(path, directory);
        }

        files.SyncDirectory(path);
        var id = Guid.NewGuid();
        var manifest = new ManifestDocument
        {
            Number = 1,
            IndexId = id,
            Timeline = Timeline.First(),
            Checkpoint = Lsn.None,
            NextLsn = Lsn.None.Next,
            LastCommitTime = 0,
            Segments = [],
        };
        new ManifestStore(files, path).Write(manifest, out _);
        var named = settings with { Name = settings.Name ?? DefaultName(path) };
        OptionRanges.Check(named);
        files.WriteAtomically(
            Path.Combine(path, FileNames.Settings),
            new IndexSettingsFile(id, files.Clock.GetUtcNow(), named).Serialize(),
            ownerModel: path);
    }

    /// <summary>The name of an index that was not given one.</summary>
    public static string DefaultName(string path)
    {
        var name = Path.GetFileName(path);
        if (name.Length == 0) name = "index";
        return name.Length <= Limits.MaxNameLength ? name : name[..Limits.MaxNameLength];
    }
}
