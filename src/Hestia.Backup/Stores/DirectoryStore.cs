using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup.Stores;

/// <summary>
/// A store in a folder, local or on a share. A name becomes a path below the root. Everything is written under a temporary name in the
/// folder it belongs to, synced and renamed, so that a name that can be read is complete. The root itself is never created here
/// except by <see cref="CreateRoot"/>: a share that is not mounted must not become a repository.
/// </summary>
internal sealed class DirectoryStore : RepositoryStore
{
    private const int CopyBufferBytes = 256 << 10; // stays in a core's own cache between reading, hashing and writing

    private readonly FileSystem _files;
    private readonly string _root;
    private readonly bool _privileged = Environment.IsPrivilegedProcess;
    private readonly ConcurrentDictionary<string, bool> _swept = new(StringComparer.Ordinal);

    public DirectoryStore(FileSystem files, string path)
    {
        _files = files;
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
    }

    public override string Location => _root;

    /// <summary>A hard link on Unix, a move without replacing on Windows; docs/repository.md has the exceptions.</summary>
    public override StoreCapabilities Capabilities => new(AtomicCreate: true, DurableWhenStored: false, Remote: false);

    /// <summary>Whether there is a repository.json, intact or not.</summary>
    public bool IsRepository => IsFile(PathOf(Format.RepositoryNames.Descriptor));

    /// <summary>Makes the root, or takes over an empty one. What a fresh file system puts into its root does not count.</summary>
    /// <exception cref="HestiaException">PathNotFound, TargetNotEmpty.</exception>
    public void CreateRoot()
    {
        if (IsFile(_root))
            throw new HestiaException(
                HestiaErrorCode.TargetNotEmpty, $"'{_root}' is a file.", _root, "Choose a folder that is empty or not there.");
        var parent = Path.GetDirectoryName(_root);
        if (!IsFolder(_root))
        {
            if (parent is null || !IsFolder(parent))
                throw new HestiaException(
                    HestiaErrorCode.PathNotFound, $"There is no folder '{parent}' to make a repository in.", parent,
                    "Create it, or mount it, first.");
            Guard(_root, "creating", () =>
            {
                _files.CreateDirectory(_root);
                _files.SyncDirectory(parent);
            });
            return;
        }

        foreach (var entry in Guard(_root, "reading", () => _files.List(_root)))
        {
            if (entry.IsDirectory && entry.Name is "lost+found" or "System Volume Information" or "$RECYCLE.BIN") continue;
            if (!entry.IsDirectory && FileNames.IsTemporaryFor(entry.Name)) continue;
            throw new HestiaException(
                HestiaErrorCode.TargetNotEmpty,
                $"'{_root}' is not empty ('{entry.Name}' is in it), so no repository is made there.",
                _root,
                "Choose a folder that is empty or not there.");
        }
    }

    public override void Prepare(CancellationToken cancellationToken)
    {
        // An existing repository is named as such, not as a folder that is not empty.
        if (IsRepository) throw Exists(_root);
        CreateRoot();
    }

    public override IEnumerable<StoredItem> List(string prefix, CancellationToken cancellationToken)
    {
        EnsureAlive();
        var slash = prefix.LastIndexOf('/');
        var folder = slash < 0 ? "" : prefix[..slash];
        var pending = new Stack<string>();
        pending.Push(folder);
        while (pending.TryPop(out var current))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = current.Length == 0 ? _root : PathOf(current);
            // What the prefix asks of names in its own folder is asked before a file is looked at: archives grow long, and one LSN is wanted.
            var start = current == folder ? prefix[(slash + 1)..] : "";
            foreach (var entry in EntriesOf(path, start))
            {
                var name = current.Length == 0 ? entry.Name : current + "/" + entry.Name;
                if (!IsName(name)) continue; // somebody else's; none of our names looks like that
                if (entry.IsDirectory)
                {
                    if (name.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(name + "/", StringComparison.Ordinal))
                        pending.Push(name);
                }
                else if (name.StartsWith(prefix, StringComparison.Ordinal)
                    && !entry.Name.EndsWith(FileNames.TemporarySuffix, StringComparison.Ordinal))
                {
                    yield return new StoredItem(name, entry.Length, entry.LastWriteTimeUtc);
                }
            }
        }

        EnsureAlive(); // if it went away meanwhile its folders were not found, and this is no list
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // over before the runtime would have seen that it is worth it
    public override void GetSizes(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken)
    {
        // One look per name: listing the folders would cost a look per object of every other index in the repository.
        for (var i = 0; i < names.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = PathOf(names[i]);
            sizes[i] = Find(path) is { IsDirectory: false } file ? file.Length : -1;
        }

        EnsureAlive(); // a share that went away must not look like one where everything is missing
    }

    public override bool TryCreate(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        if (IsFile(path)) return false;
        var folder = EnsureFolder(name);
        var temporary = FileNames.TemporaryFor(path);
        try
        {
            using (var file = _files.Open(temporary, FileOpenMode.CreateNew))
            {
                file.Write(0, content);
                file.Sync();
            }

            Own(temporary);
            if (!_files.TryRenameFile(temporary, path))
            {
                _files.DeleteFile(temporary);
                // A share may have done it, lost its answer and been asked again.
                if (!Holds(name, content, cancellationToken)) return false;
            }

            try
            {
                SyncUpwards(folder);
            }
            catch
            {
                Discard(path); // what is reported as failed must not be found later
                throw;
            }

            return true;
        }
        catch (Exception e)
        {
            Discard(temporary);
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "writing");
            throw;
        }
    }

    public override void Put(string name, ObjectContent content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        var folder = EnsureFolder(name);
        var temporary = FileNames.TemporaryFor(path);
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBufferBytes);
        try
        {
            using (var file = _files.Open(temporary, FileOpenMode.CreateNew))
            {
                long offset = 0;
                for (int read; (read = content.Read(buffer.AsSpan(0, CopyBufferBytes))) > 0; offset += read)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    file.Write(offset, buffer.AsSpan(0, read));
                    file.StartWriting(offset, read);
                }

                content.Verify();
                file.Sync();
            }

            Own(temporary);
            if (_swept.TryAdd(folder, true)) Sweep(folder, Path.GetFileName(temporary));
            _files.RenameFile(temporary, path);
            if ((_files.FindEntry(path)?.Length ?? -1) is var length && length != content.Length)
                throw new IOException($"it has {length:N0} bytes after {content.Length:N0} were written.");
        }
        catch (Exception e)
        {
            Discard(temporary);
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "writing");
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public override void MakeDurable(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names)
            for (var folder = Path.GetDirectoryName(PathOf(name))!; folders.Add(folder) && folder != _root;)
                folder = Path.GetDirectoryName(folder)!;
        Workers.Run(
            [.. folders], _files.SyncsAtOnce, (folder, _) => Guard(folder, "syncing", () => _files.SyncDirectory(folder)), cancellationToken);
    }

    public override void MakeObjectsDurable(CancellationToken cancellationToken)
    {
        EnsureAlive();
        var objects = PathOf(Format.RepositoryNames.Objects.TrimEnd('/'));
        var folders = new List<string>();
        foreach (var entry in EntriesOf(objects))
            if (entry.IsDirectory) folders.Add(Path.Combine(objects, entry.Name));
        Workers.Run(folders, _files.SyncsAtOnce, (folder, _) => Guard(folder, "syncing", () => _files.SyncDirectory(folder)), cancellationToken);
        if (IsFolder(objects)) Guard(objects, "syncing", () => SyncUpwards(objects));
    }

    /// <summary>
    /// A client of a share gives a list from memory for some time (SMB for about 10 s, NFS for up to a minute) unless it has changed the folder
    /// itself since. So each folder gets a file for an instant.
    /// </summary>
    public override bool Revalidate(string prefix, CancellationToken cancellationToken)
    {
        EnsureAlive();
        var pending = new Stack<string>();
        pending.Push(prefix.TrimEnd('/'));
        while (pending.TryPop(out var current))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = PathOf(current);
            if (!IsFolder(path)) continue;
            var touched = FileNames.TemporaryFor(Path.Combine(path, "look"));
            try
            {
                _files.Open(touched, FileOpenMode.CreateNew).Dispose();
                _files.DeleteFile(touched);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Discard(touched);
                var failure = HestiaException.FromIO(e, touched, "writing");
                if (failure.Code is HestiaErrorCode.AccessDenied or HestiaErrorCode.DiskFull) return false; // a full disk is what prunes are for
                throw failure;
            }

            foreach (var entry in EntriesOf(path))
                if (entry.IsDirectory && IsName(entry.Name)) pending.Push(current + "/" + entry.Name);
        }

        return true;
    }

    public override StoredReader? OpenRead(string name, long offset, long maxBytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        try
        {
            if (_files.FindEntry(path) is { IsDirectory: false })
                return new FileReader(_files.Open(path, FileOpenMode.ReadSequential), offset, maxBytes, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // removed a moment ago
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }

        EnsureAlive();
        return null;
    }

    public override void Delete(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        Guard(path, "removing", () =>
        {
            if (_files.FindEntry(path) is not { IsDirectory: false }) return;
            _files.DeleteFile(path);
            _files.SyncDirectory(Path.GetDirectoryName(path)!);
        });
    }

    public override void Delete(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = PathOf(name);
            Guard(path, "removing", () => _files.DeleteFile(path));
            folders.Add(Path.GetDirectoryName(path)!);
        }

        Workers.Run(
            [.. folders], _files.SyncsAtOnce, (folder, _) => Guard(folder, "syncing", () => _files.SyncDirectory(folder)), CancellationToken.None);
    }

    public override DateTime ReadClock(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // In locks/, where whoever asks may write; under the name of an unfinished transfer, which nobody takes for a marker.
        var folder = EnsureFolder(Format.RepositoryNames.Locks + "clock");
        var path = FileNames.TemporaryFor(Path.Combine(folder, "clock"));
        return Guard(path, "writing", () =>
        {
            try
            {
                using (var file = _files.Open(path, FileOpenMode.CreateNew)) file.Write(0, [0]);
                foreach (var entry in _files.List(folder))
                    if (entry.Name == Path.GetFileName(path)) return entry.LastWriteTimeUtc;
                throw new IOException("the file that was just written is not there.");
            }
            finally
            {
                Discard(path);
            }
        });
    }

    public override int RemoveUnfinished(TimeSpan olderThan, CancellationToken cancellationToken)
    {
        var now = ReadClock(cancellationToken);
        var removed = 0;
        var pending = new Stack<string>();
        pending.Push("");
        while (pending.TryPop(out var current))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = current.Length == 0 ? _root : PathOf(current);
            foreach (var entry in EntriesOf(path))
            {
                var name = current.Length == 0 ? entry.Name : current + "/" + entry.Name;
                if (entry.IsDirectory)
                {
                    if (IsName(name)) pending.Push(name);
                }
                else if (FileNames.IsTemporaryFor(entry.Name) && now - entry.LastWriteTimeUtc >= olderThan)
                {
                    Discard(Path.Combine(path, entry.Name));
                    removed++;
                }
            }
        }

        return removed;
    }

    public override long? AvailableBytes() => Guard<long?>(_root, "asking for the free space of", () => _files.AvailableBytes(_root));

    public override bool Overlaps(string localPath)
    {
        var other = Path.TrimEndingDirectorySeparator(Path.GetFullPath(localPath));
        return Paths.IsIn(other, _root) || Paths.IsIn(_root, other);
    }

    /// <summary>
    /// Removes what transfers left that died more than a day ago. Ages by the clock of the store: our own file was written just now.
    /// </summary>
    private void Sweep(string folder, string ourOwn)
    {
        var entries = _files.List(folder);
        var now = DateTime.MaxValue;
        foreach (var entry in entries)
            if (entry.Name == ourOwn) now = entry.LastWriteTimeUtc;
        if (now == DateTime.MaxValue) return;
        foreach (var entry in entries)
        {
            if (entry.IsDirectory || !FileNames.IsTemporaryFor(entry.Name) || now - entry.LastWriteTimeUtc < DeadAfter) continue;
            Discard(Path.Combine(folder, entry.Name));
        }
    }

    /// <summary>Makes the folders a name needs, below a root that is alive.</summary>
    private string EnsureFolder(string name)
    {
        var folder = Path.GetDirectoryName(PathOf(name))!;
        return Guard(folder, "creating", () =>
        {
            Make(folder);
            return folder;
        });

        void Make(string path)
        {
            if (path == _root)
            {
                if (name != Format.RepositoryNames.Descriptor) EnsureAlive();
                return;
            }

            if (_files.FindEntry(path) is { IsDirectory: true }) return;
            Make(Path.GetDirectoryName(path)!);
            _files.CreateDirectory(path);
            Own(path);
        }
    }

    /// <summary>What root stores in somebody's repository must stay theirs to read and to replace.</summary>
    private void Own(string path)
    {
        if (_privileged) _files.CopyOwnership(_root, path);
    }

    private DirectoryEntry? Find(string path) => Guard(path, "looking at", () => _files.FindEntry(path));

    private bool IsFile(string path) => Find(path) is { IsDirectory: false };

    private bool IsFolder(string path) => Find(path) is { IsDirectory: true };

    private IReadOnlyList<DirectoryEntry> EntriesOf(string folder, string start = "") =>
        Guard(folder, "listing", () => _files.FindEntry(folder) is { IsDirectory: true } ? _files.List(folder, start) : []);

    private void EnsureAlive()
    {
        if (IsRepository) return;
        throw new HestiaException(
            HestiaErrorCode.RepositoryNotFound,
            $"There is no repository in '{_root}' (any more): {Format.RepositoryNames.Descriptor} is missing.",
            _root,
            "Check the path and that the share is mounted; New-HestiaRepository makes a new one.");
    }

    private void SyncUpwards(string folder)
    {
        for (; ; folder = Path.GetDirectoryName(folder)!)
        {
            _files.SyncDirectory(folder);
            if (folder == _root) return;
        }
    }

    private string PathOf(string name) =>
        Path.Combine(
            _root, Path.DirectorySeparatorChar == '/' ? CheckName(name) : CheckName(name).Replace('/', Path.DirectorySeparatorChar));

    private void Discard(string path)
    {
        try
        {
            _files.DeleteFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure before it is the one to report; a later backup sweeps it up.
        }
    }

    private static void Guard(string path, string doing, Action action) => Guard(path, doing, () =>
    {
        action();
        return true;
    });

    private static T Guard<T>(string path, string doing, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, doing);
        }
    }

    private sealed class FileReader(StorageFile file, long offset, long maxBytes, CancellationToken cancellationToken) : StoredReader
    {
        private long _offset = offset;
        private long _left = maxBytes;

        public override long Length { get; } = file.Length;

        public override int Read(Span<byte> buffer)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var read = file.Read(_offset, buffer[..(int)Math.Min(buffer.Length, _left)]);
                _offset += read;
                _left -= read;
                return read;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw HestiaException.FromIO(e, file.Path, "reading");
            }
        }

        protected override void Dispose(bool disposing) => file.Dispose();
    }
}
