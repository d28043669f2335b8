using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

namespace Hestia.Backup.Jobs;

/// <summary>What is put in a place: how it is known for what it is, who may have it open, and what of it may be removed.</summary>
internal abstract class TargetContent
{
    /// <summary>For messages: "Hestia index".</summary>
    public abstract string Noun { get; }

    /// <summary>Whether a folder holds one already, damaged or not: only then may it be replaced.</summary>
    public abstract bool Recognizes(FileSystem files, string path);

    /// <summary>Says who is in the way.</summary>
    /// <exception cref="HestiaException">IndexInUse.</exception>
    public abstract void RefuseIfInUse(FileSystem files, string path);

    /// <summary>Keeps others out of the one that is to be replaced, where that is possible.</summary>
    /// <exception cref="HestiaException">IndexInUse, LockUnsupported.</exception>
    public abstract FileLock? Take(FileSystem files, string path);

    /// <summary>Makes the folders of an empty one.</summary>
    public abstract void CreateFolders(FileSystem files, string path);

    /// <summary>Removes one, and only what has its structure; whether nothing is left.</summary>
    public abstract bool Remove(FileSystem files, string path);

    /// <summary>
    /// An index of ours: an index.json that can be read, or one that cannot beside manifests of ours, since a damaged index is what restores are for.
    /// </summary>
    private sealed class IndexContent : TargetContent
    {
        public override string Noun => "Hestia index";

        public override bool Recognizes(FileSystem files, string path)
        {
            try
            {
                IndexSettingsFile.Read(files, path);
                return true;
            }
            catch (HestiaException e) when (e.Code is HestiaErrorCode.NotAnIndex or HestiaErrorCode.FormatTooNew)
            {
                return e.Code == HestiaErrorCode.FormatTooNew;
            }
            catch (HestiaException e) when (e.Code == HestiaErrorCode.SettingsDamaged)
            {
                return files.DirectoryExists(Path.Combine(path, FileNames.Manifests)) && new ManifestStore(files, path).List().Count > 0;
            }
        }

        public override void RefuseIfInUse(FileSystem files, string path) => IndexLock.TakeShared(files, path)?.Dispose();

        public override FileLock? Take(FileSystem files, string path) => IndexLock.Take(files, path);

        public override void CreateFolders(FileSystem files, string path)
        {
            files.CreateDirectory(Path.Combine(path, FileNames.Manifests));
            files.CreateDirectory(Path.Combine(path, FileNames.Segments));
            files.CreateDirectory(Path.Combine(path, FileNames.Wal));
        }

        /// <summary>index.json goes last, so that what is left of a deletion that was cut off is still known for what it is.</summary>
        public override bool Remove(FileSystem files, string path)
        {
            foreach (var name in (string[])[FileNames.Manifests, FileNames.Segments, FileNames.Wal, FileNames.Quarantine])
            {
                var inner = Path.Combine(path, name);
                if (!files.DirectoryExists(inner) || files.ResolveLink(inner) != inner) continue; // what a link leads to is not in the folder
                foreach (var entry in files.List(inner))
                    if (!entry.IsDirectory) files.DeleteFile(Path.Combine(inner, entry.Name));
                if (files.List(inner).Count == 0) files.DeleteDirectory(inner);
            }

            var rest = files.List(path);
            foreach (var entry in rest)
            {
                if (!entry.IsDirectory
                    && (entry.Name is FileNames.Lock or FileNames.Archive or FileNames.LastBackup || entry is { Name: FileNames.ControlSocket, Length: 0 }
                        || FileNames.IsTemporary(entry.Name)))
                    files.DeleteFile(Path.Combine(path, entry.Name));
            }

            rest = files.List(path);
            if (rest.Count > 1 || (rest.Count == 1 && (rest[0].IsDirectory || rest[0].Name != FileNames.Settings))) return false;
            files.DeleteFile(Path.Combine(path, FileNames.Settings));
            files.DeleteDirectory(path);
            return true;
        }
    }

    /// <summary>An index of ours.</summary>
    public static TargetContent Index { get; } = new IndexContent();
}
