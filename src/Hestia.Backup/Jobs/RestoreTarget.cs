using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup.Jobs;

/// <summary>What is at the place an index is to be restored to.</summary>
internal enum TargetState
{
    Missing,
    EmptyFolder,
    Index,
}

/// <summary>
/// The place a restore works on: the folder "name", its staging folder "name.restore-id", and what it replaces, "name.replaced-id". One
/// restore per place at a time, by a lock on "name.restore.lock"; so whatever lies there when the lock is taken was left by a dead one, and
/// <see cref="Recover"/> decides what it was from which of the folders exist. docs/repository.md has the table. A place that is a symbolic link or a
/// junction is the folder it leads to: a rename of the link would leave that where it is.
/// </summary>
internal sealed class RestoreTarget : IDisposable
{
    private const string StagedPart = ".restore-";
    private const string ReplacedPart = ".replaced-";
    private const string LockEnding = ".restore.lock";
    private const int IdDigits = 16;
    private const int LockAttempts = 50;

    private readonly FileSystem _files;
    private readonly TargetContent _content;
    private readonly string _parent;
    private readonly string _name;
    private readonly string _id = Convert.ToHexString(RandomNumberGenerator.GetBytes(IdDigits / 2)).ToLowerInvariant();
    private FileLock? _placeLock;
    private FileLock? _indexLock;

    /// <summary>What was replaced is aside and nothing in its place: the staging folder has to stay, as the sign of that.</summary>
    private bool _halfSwapped;

    private RestoreTarget(FileSystem files, string path, TargetContent? content)
    {
        _files = files;
        _content = content ?? TargetContent.Index;
        Path = Resolve(files, path);
        _name = System.IO.Path.GetFileName(Path);
        _parent = System.IO.Path.GetDirectoryName(Path) ?? "";
        if (_name.Length == 0 || _parent.Length == 0)
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{Path}' is the root of a file system.", Path, "Restore into a folder below it.");
        if (!files.DirectoryExists(_parent))
            throw new HestiaException(
                HestiaErrorCode.PathNotFound, $"There is no folder '{_parent}' to restore into.", _parent,
                "Create it, or mount it, first.");
    }

    public string Path { get; }

    /// <summary>The place itself, in full: where a link leads in the end.</summary>
    public static string Resolve(FileSystem files, string path)
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        try
        {
            return System.IO.Path.TrimEndingDirectorySeparator(files.ResolveLink(full));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, full, "following the link");
        }
    }

    public string StagingPath => System.IO.Path.Combine(_parent, _name + StagedPart + _id);

    public TargetState State { get; private set; }

    /// <summary>
    /// Staging folders of restores that died, once the place is claimed nobody's: what they had fetched need not be fetched again.
    /// </summary>
    public IReadOnlyList<string> Leftovers { get; private set; } = [];

    internal string ReplacedPath => System.IO.Path.Combine(_parent, _name + ReplacedPart + _id);

    /// <summary>Looks at a place without taking or changing anything.</summary>
    /// <exception cref="HestiaException">As <see cref="Claim"/>.</exception>
    public static RestoreTarget Inspect(FileSystem files, string path, bool force, TargetContent? content = null)
    {
        var target = new RestoreTarget(files, path, content);
        // A dead restore's half swap is put right by the next Claim; until then the index is where that left it.
        if (!files.DirectoryExists(target.Path) && target.FindHalfSwapped() is not null) target.State = target.Replaceable(target.Path, force);
        else target.State = target.Look(force);
        target.Leftovers = target.DeadStagings();
        // Says who is in the way.
        if (target.State == TargetState.Index && files.DirectoryExists(target.Path)) target._content.RefuseIfInUse(files, target.Path);
        return target;
    }

    /// <summary>
    /// Takes a place for a restore: its lock, the lock of an index that is there, and puts right what a dead restore left.
    /// </summary>
    /// <exception cref="HestiaException">TargetNotEmpty, IndexExists, IndexInUse, PathNotFound, LockUnsupported, AccessDenied.</exception>
    public static RestoreTarget Claim(FileSystem files, string path, bool force, TargetContent? content = null)
    {
        var target = new RestoreTarget(files, path, content);
        try
        {
            target.TakePlace();
            target.Recover();
            target.State = target.Look(force);
            if (target.State == TargetState.Index) target._indexLock = target._content.Take(files, target.Path);
            return target;
        }
        catch (Exception e)
        {
            target.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, target.Path, "preparing the restore to");
            throw;
        }
    }

    /// <summary>Makes the staging folder.</summary>
    public void CreateStaging()
    {
        _files.CreateDirectory(StagingPath);
        _content.CreateFolders(_files, StagingPath);
    }

    /// <summary>
    /// Gives everything staged the owner and mode of what it replaces, or of the parent where there is nothing. Files in
    /// <paramref name="linked"/> are the old index's own and have theirs.
    /// </summary>
    public void CopyOwnership(IReadOnlySet<string> linked)
    {
        var replaces = State != TargetState.Missing;
        if (!replaces && !Environment.IsPrivilegedProcess) return; // the user's own defaults are right
        var model = replaces ? Path : _parent;
        var pending = new Stack<string>();
        pending.Push(StagingPath);
        while (pending.TryPop(out var folder))
        {
            Copy(folder);
            foreach (var entry in _files.List(folder))
            {
                var path = System.IO.Path.Combine(folder, entry.Name);
                if (entry.IsDirectory) pending.Push(path);
                else if (!linked.Contains(path)) Copy(path);
            }
        }

        void Copy(string path)
        {
            try
            {
                _files.CopyOwnership(model, path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException && !Environment.IsPrivilegedProcess)
            {
                // File systems without modes refuse; whoever is no administrator keeps what the file system gave.
            }
        }
    }

    /// <summary>Makes the staging folder complete on the device.</summary>
    public void SyncStaging()
    {
        foreach (var entry in _files.List(StagingPath))
            if (entry.IsDirectory) _files.SyncDirectory(System.IO.Path.Combine(StagingPath, entry.Name));
        _files.SyncDirectory(StagingPath);
        _files.SyncDirectory(_parent);
    }

    /// <summary>Puts the staged folder in the target's place. When it throws the target is as it was.</summary>
    public void Swap()
    {
        // Windows does not rename a folder in which a file is open. Whoever opened the index there now would make the rename fail.
        if (OperatingSystem.IsWindows()) ReleaseIndex();
        var aside = false;
        var placed = false;
        try
        {
            if (State != TargetState.Missing)
            {
                _files.RenameDirectory(Path, ReplacedPath);
                aside = _halfSwapped = true;
            }

            _files.RenameDirectory(StagingPath, Path);
            placed = true;
            _halfSwapped = false;
            _files.SyncDirectory(_parent);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            PutBack(aside, placed, e);
            throw HestiaException.FromIO(e, Path, "putting the restored index in the place of");
        }
    }

    /// <summary>Removes what was replaced; a finding if something of it stays.</summary>
    public Finding? RemoveReplaced()
    {
        if (State == TargetState.Missing) return null;
        if (OperatingSystem.IsWindows()) ReleaseIndex();
        return RemoveFolder(ReplacedPath)
            ? null
            : new Finding(
                FindingSeverity.Warning,
                "ReplacedKept",
                $"What was replaced could not be removed completely and lies in '{ReplacedPath}'. Remove it when nothing in it is needed.",
                ReplacedPath);
    }

    /// <summary>
    /// Removes the staging folder; what cannot be removed is left to the next restore. So is that of a swap that could not be taken back: it is what tells the
    /// next restore to put the old index back, and not to take the swap for done.
    /// </summary>
    public void Discard()
    {
        if (!_halfSwapped) RemoveFolder(StagingPath);
    }

    public void Dispose()
    {
        ReleaseIndex();
        if (_placeLock is null) return;
        // However this restore ended: what a dead one had staged is removed while the place is still ours.
        foreach (var folder in Leftovers) RemoveFolder(folder);
        // The name goes before the lock, so that nobody is kept out by a lock without a name for longer than this.
        try
        {
            if (!OperatingSystem.IsWindows()) _files.DeleteFile(LockPath);
            _placeLock.Dispose();
            if (OperatingSystem.IsWindows()) _files.DeleteFile(LockPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _placeLock.Dispose(); // an empty file is left; the next restore takes it over
        }

        _placeLock = null;
    }

    private string LockPath => System.IO.Path.Combine(_parent, _name + LockEnding);

    private void ReleaseIndex()
    {
        _indexLock?.Dispose();
        _indexLock = null;
    }

    /// <summary>
    /// The lock of the place. Its file is removed with it, so the name may belong to another file by the time it is locked; only the file
    /// that can be read by the name and says who we are is the one that counts.
    /// </summary>
    private void TakePlace()
    {
        var body = System.Text.Encoding.ASCII.GetBytes(_id);
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                FileLock? held = null;
                try
                {
                    held = _files.TryLock(LockPath, shared: false);
                    if (held is null) break;
                    held.WriteBody(body);
                    if (_files.ReadAllBytes(LockPath, 2 * IdDigits).AsSpan().SequenceEqual(body))
                    {
                        _placeLock = held;
                        break;
                    }
                }
                catch (Exception e)
                {
                    held?.Dispose();
                    if (e is not (FileNotFoundException or InvalidDataException) || attempt == LockAttempts) throw;
                    continue; // removed in between
                }

                held.Dispose();
                if (attempt == LockAttempts) break;
            }
        }
        catch (NotSupportedException e)
        {
            throw new HestiaException(
                HestiaErrorCode.LockUnsupported, $"The file system of '{_parent}' has no file locks.", _parent,
                "Restore to a local file system.", e);
        }

        if (_placeLock is null)
            throw new HestiaException(
                HestiaErrorCode.IndexInUse, $"Another restore to '{Path}' is running.", Path, "Wait until it has ended.");
    }

    private TargetState Look(bool force)
    {
        if (_files.FileExists(Path))
            throw new HestiaException(
                HestiaErrorCode.TargetNotEmpty, $"'{Path}' is a file.", Path, "Restore into a folder that is empty or not there.");
        if (!_files.DirectoryExists(Path)) return TargetState.Missing;
        if (_files.IsMountPoint(Path))
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption,
                $"A file system is mounted at '{Path}', so nothing can be put in its place as a whole.",
                Path,
                "Restore into a folder below it.");
        }

        if (_files.List(Path).Count == 0) return TargetState.EmptyFolder;
        if (!_content.Recognizes(_files, Path))
        {
            throw new HestiaException(
                HestiaErrorCode.TargetNotEmpty,
                $"'{Path}' is not empty and no {_content.Noun}; it is not touched.",
                Path,
                "Restore into a folder that is empty or not there.");
        }

        return Replaceable(Path, force);
    }

    private TargetState Replaceable(string path, bool force) => force
        ? TargetState.Index
        : throw new HestiaException(
            HestiaErrorCode.IndexExists,
            _content == TargetContent.Index ? $"There is an index in '{path}' already." : $"There is a {_content.Noun} in '{path}' already.",
            path,
            "Restore to another folder, or replace it with -Force.");

    private string? FindHalfSwapped()
    {
        foreach (var (folder, id) in Find(ReplacedPart))
            if (_files.DirectoryExists(System.IO.Path.Combine(_parent, _name + StagedPart + id))) return folder;
        return null;
    }

    /// <summary>
    /// Puts right what a restore left that died. With the target gone and both others there it died between its two renames: the old one
    /// is put back. With the target there and only the replaced one left, the swap was complete: that is removed. A staging folder alone
    /// was never finished: what it has is used, then it is removed. Anything else was touched by somebody since and is left alone.
    /// </summary>
    private void Recover()
    {
        if (!_files.DirectoryExists(Path) && FindHalfSwapped() is { } replaced)
        {
            _files.RenameDirectory(replaced, Path);
            _files.SyncDirectory(_parent);
        }

        Leftovers = DeadStagings();
        if (!_files.DirectoryExists(Path)) return;
        // By the list and not by a look at each: a look that fails must not say that there is no staging folder.
        var staged = Find(StagedPart).ConvertAll(static found => found.Id);
        foreach (var (folder, id) in Find(ReplacedPart))
            if (!staged.Contains(id)) RemoveFolder(folder);
    }

    private List<string> DeadStagings()
    {
        var dead = new List<string>();
        foreach (var (folder, id) in Find(StagedPart))
            if (!_files.DirectoryExists(System.IO.Path.Combine(_parent, _name + ReplacedPart + id))) dead.Add(folder);
        return dead;
    }

    private List<(string Folder, string Id)> Find(string part)
    {
        var found = new List<(string, string)>();
        var prefix = _name + part;
        foreach (var entry in _files.List(_parent))
        {
            if (!entry.IsDirectory || entry.Name.Length != prefix.Length + IdDigits
                || !entry.Name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            var id = entry.Name[prefix.Length..];
            var isId = true;
            foreach (var c in id) isId &= char.IsAsciiHexDigitLower(c);
            if (isId) found.Add((System.IO.Path.Combine(_parent, entry.Name), id));
        }

        return found;
    }

    private void PutBack(bool aside, bool placed, Exception cause)
    {
        try
        {
            if (placed)
            {
                _files.RenameDirectory(Path, StagingPath);
                _halfSwapped = aside;
            }

            if (aside) _files.RenameDirectory(ReplacedPath, Path);
            _halfSwapped = false;
            _files.SyncDirectory(_parent);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (placed && !_files.DirectoryExists(StagingPath)) throw Unproven(aside, cause, e);
            if (!aside || _files.DirectoryExists(Path))
            {
                // Only the sync failed: the names are right, and may not be what the device has.
                throw new HestiaException(
                    HestiaErrorCode.IoError,
                    $"The restored index could not be put in the place of '{Path}' ({cause.Message}). All is as it was, "
                    + (aside ? $"but after a power loss the old one may lie in '{ReplacedPath}'" : "but after a power loss the restored one may be there")
                    + $" ({e.Message}).",
                    Path,
                    "Check the device, then run the restore again, which puts it right.",
                    cause);
            }

            throw new HestiaException(
                HestiaErrorCode.IoError,
                $"'{Path}' could neither be replaced ({cause.Message}) nor put back ({e.Message}). It is complete, in '{ReplacedPath}'.",
                Path,
                "Rename it back, or run the restore again, which does.",
                cause);
        }
    }

    /// <summary>
    /// Both are there and the new one has the name, though nobody knows whether it keeps it through a power loss. An empty staging folder beside them keeps
    /// the next restore from taking the swap for done and removing the old one.
    /// </summary>
    private HestiaException Unproven(bool aside, Exception cause, Exception second)
    {
        var said = $"The restored index is in '{Path}', but may not be after a power loss ({cause.Message}), and could not be taken back ({second.Message}).";
        if (!aside) return new HestiaException(HestiaErrorCode.IoError, said, Path, "Check the device, then the index with Test-HestiaIndex.", cause);
        try
        {
            _files.CreateDirectory(StagingPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then the message is all there is.
        }

        _halfSwapped = true;
        return new HestiaException(
            HestiaErrorCode.IoError,
            $"{said} What it replaced lies complete in '{ReplacedPath}'.",
            Path,
            $"Check the device and the index. Then remove '{ReplacedPath}' and '{StagingPath}', or rename the old index back.",
            cause);
    }

    /// <summary>
    /// Removes a folder with the structure of what belongs in this place, and only what has that structure: a file or folder of somebody else
    /// keeps the folder in being.
    /// </summary>
    private bool RemoveFolder(string folder)
    {
        try
        {
            if (!_files.DirectoryExists(folder)) return true;
            if (!_content.Remove(_files, folder)) return false;
            _files.SyncDirectory(_parent);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
