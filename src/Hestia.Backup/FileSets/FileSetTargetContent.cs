using Hestia.Backup.Jobs;
using Hestia.Core.IO;

namespace Hestia.Backup.FileSets;

/// <summary>
/// A folder of another system in the place of a restore. Without its kind nothing is known for one, so that nothing is replaced; and only what the
/// backup itself put there is removed.
/// </summary>
internal sealed class FileSetTargetContent(FileSetKind? kind, string title, FileSetManifest manifest) : TargetContent
{
    private readonly HashSet<string> _own = new(manifest.Files.Select(static f => f.Path), StringComparer.Ordinal);

    public override string Noun => title + " directory";

    public override bool Recognizes(FileSystem files, string path) => kind?.Recognizes(path) ?? false;

    /// <summary>
    /// It is only asked where one is replaced with force, and who says that answers for an owner on another machine, which nobody can look up.
    /// </summary>
    public override void RefuseIfInUse(FileSystem files, string path) => kind?.RefuseIfInUse(path, allowUnknownOwner: true);

    /// <summary>Its locks are files that say who has it, which nobody can hold for the other system.</summary>
    public override FileLock? Take(FileSystem files, string path)
    {
        RefuseIfInUse(files, path);
        return null;
    }

    public override void CreateFolders(FileSystem files, string path)
    {
        foreach (var folder in manifest.Folders) files.CreateDirectory(Path.Combine(path, folder.Replace('/', Path.DirectorySeparatorChar)));
    }

    public override bool Remove(FileSystem files, string path) => Remove(files, path, "");

    private bool Remove(FileSystem files, string root, string prefix)
    {
        var folder = Path.Combine(root, prefix.Replace('/', Path.DirectorySeparatorChar));
        var empty = true;
        foreach (var entry in files.List(folder))
        {
            var path = prefix.Length == 0 ? entry.Name : $"{prefix}/{entry.Name}";
            if (entry.IsDirectory)
            {
                var inner = Path.Combine(folder, entry.Name);
                empty &= files.ResolveLink(inner) == inner && Remove(files, root, path); // what a link leads to is not in the folder
            }
            else if (_own.Contains(path) || (kind?.IsOwnName(path) ?? false)) files.DeleteFile(Path.Combine(folder, entry.Name));
            else empty = false;
        }

        if (empty) files.DeleteDirectory(folder);
        return empty;
    }
}
