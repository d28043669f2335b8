using Hestia.Core.IO;

namespace Hestia.Unit.Simulation;

/// <summary>The seam's other side: files on a <see cref="SimulatedDisk"/>, as one process sees them until the next crash.</summary>
internal sealed class SimulatedFileSystem(SimulatedDisk disk) : FileSystem
{
    private readonly long _generation = disk.Generation;

    public override TimeProvider Clock => new DiskClock(disk);

    public override StorageFile Open(string path, FileOpenMode mode)
    {
        Enter(mode == FileOpenMode.CreateNew ? DiskCall.Create : DiskCall.Open, path);
        if (mode == FileOpenMode.CreateNew)
        {
            var (parent, name) = disk.FindParent(path);
            if (parent.Names.ContainsKey(name)) throw new IOException($"'{path}' exists.");
            var created = new Node(isDirectory: false) { LastWrite = disk.Now.UtcDateTime };
            parent.Names[name] = created;
            parent.Changes.Add(names => names[name] = created);
            return new File(this, path, created);
        }

        var node = disk.Find(path) ?? throw new FileNotFoundException("No such file.", path);
        if (node.IsDirectory) throw new UnauthorizedAccessException($"'{path}' is a directory.");
        return new File(this, path, node);
    }

    public override bool FileExists(string path) => Look(path) is { IsDirectory: false };

    public override bool DirectoryExists(string path) => Look(path) is { IsDirectory: true };

    public override void CreateDirectory(string path)
    {
        if (Look(path) is { IsDirectory: true }) return;
        Enter(DiskCall.CreateDirectory, path);
        var (parent, name) = disk.FindParent(path);
        var created = new Node(isDirectory: true);
        parent.Names[name] = created;
        parent.Changes.Add(names => names[name] = created);
    }

    public override void RenameFile(string from, string to) => Rename(from, to, replace: true);

    public override bool TryRenameFile(string from, string to)
    {
        if (FileExists(to)) return false;
        Rename(from, to, replace: false);
        return true;
    }

    public override void RenameDirectory(string from, string to) => Rename(from, to, replace: false);

    public override void DeleteFile(string path)
    {
        Enter(DiskCall.Delete, path);
        if (disk.Find(path) is not { IsDirectory: false } node) return;
        Remove(path, node);
    }

    public override void DeleteDirectory(string path)
    {
        Enter(DiskCall.Delete, path);
        var node = disk.Find(path) ?? throw new DirectoryNotFoundException(path);
        if (node.Names.Count > 0) throw new IOException($"'{path}' is not empty.");
        Remove(path, node);
    }

    public override IReadOnlyList<DirectoryEntry> List(string path)
    {
        Enter(DiskCall.List, path);
        var node = disk.Find(path) ?? throw new DirectoryNotFoundException(path);
        return node.Names.Select(pair => new DirectoryEntry(pair.Key, pair.Value.IsDirectory, pair.Value.Length, pair.Value.LastWrite)).ToArray();
    }

    public override void SyncDirectory(string path)
    {
        Enter(DiskCall.SyncDirectory, path);
        var node = disk.Find(path) ?? throw new DirectoryNotFoundException(path);
        node.DurableNames = new SortedDictionary<string, Node>(node.Names, StringComparer.Ordinal);
        node.Changes.Clear();
    }

    public override FileLock? TryLock(string path, bool shared)
    {
        if (Look(path) is null)
        {
            using var created = Open(path, FileOpenMode.CreateNew);
        }

        var node = Look(path)!;
        if (shared ? node.LockHolders < 0 : node.LockHolders != 0) return null;
        node.LockHolders = shared ? node.LockHolders + 1 : -1;
        return new Held(this, path, node, shared);
    }

    public override long AvailableBytes(string path) => 1L << 40;

    public override void CopyOwnership(string model, string path)
    {
    }

    private Node? Look(string path)
    {
        if (_generation != disk.Generation || disk.IsOff) throw new PowerLossException();
        return disk.Find(path);
    }

    private void Enter(DiskCall call, string path)
    {
        if (_generation != disk.Generation) throw new PowerLossException();
        disk.Enter(call, path);
    }

    private void Rename(string from, string to, bool replace)
    {
        Enter(DiskCall.Rename, from);
        var (sourceParent, sourceName) = disk.FindParent(from);
        var (targetParent, targetName) = disk.FindParent(to);
        if (!sourceParent.Names.TryGetValue(sourceName, out var node)) throw new FileNotFoundException("No such file.", from);
        if (!replace && targetParent.Names.ContainsKey(targetName)) throw new IOException($"'{to}' exists.");
        sourceParent.Names.Remove(sourceName);
        targetParent.Names[targetName] = node;
        if (ReferenceEquals(sourceParent, targetParent))
        {
            // One atomic change: a power loss leaves the file under the one name or the other.
            sourceParent.Changes.Add(names =>
            {
                if (names.TryGetValue(sourceName, out var there) && ReferenceEquals(there, node)) names.Remove(sourceName);
                names[targetName] = node;
            });
            return;
        }

        targetParent.Changes.Add(names => names[targetName] = node);
        sourceParent.Changes.Add(names =>
        {
            if (names.TryGetValue(sourceName, out var there) && ReferenceEquals(there, node)) names.Remove(sourceName);
        });
    }

    private void Remove(string path, Node node)
    {
        var (parent, name) = disk.FindParent(path);
        parent.Names.Remove(name);
        parent.Changes.Add(names =>
        {
            if (names.TryGetValue(name, out var there) && ReferenceEquals(there, node)) names.Remove(name);
        });
    }

    private sealed class File(SimulatedFileSystem files, string path, Node node) : StorageFile(path)
    {
        public override long Length
        {
            get
            {
                files.Enter(DiskCall.Read, Path);
                return node.Length;
            }
        }

        public override int Read(long offset, Span<byte> buffer)
        {
            files.Enter(DiskCall.Read, Path);
            var count = (int)Math.Clamp(node.Length - offset, 0, buffer.Length);
            if (count > 0) node.Content.AsSpan((int)offset, count).CopyTo(buffer);
            return count;
        }

        public override void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            try
            {
                files.Enter(DiskCall.Write, Path);
            }
            catch (Exception e) when (e is IOException or PowerLossException)
            {
                // A failed or interrupted write may have written a part.
                if (files.IsCurrent && buffer.Length > 1) node.Write(offset, buffer[..(int)((uint)(offset + buffer.Length) * 2654435761 % (uint)buffer.Length)]);
                throw;
            }

            node.Write(offset, buffer);
            node.LastWrite = files.Now;
        }

        public override void Preallocate(long length)
        {
            files.Enter(DiskCall.Resize, Path);
            if (node.Length < length) node.SetLength(length);
        }

        public override void SetLength(long length)
        {
            files.Enter(DiskCall.Resize, Path);
            node.SetLength(length);
        }

        public override void SyncData()
        {
            try
            {
                files.Enter(DiskCall.Sync, Path);
            }
            catch (IOException e)
            {
                files.FailSync(node);
                throw new SyncFailedException(e.Message, e);
            }

            node.Sync();
        }

        public override void Sync() => SyncData();

        protected override void Dispose(bool disposing)
        {
        }
    }

    private void FailSync(Node node) => disk.FailSync(node);

    private bool IsCurrent => _generation == disk.Generation;

    private DateTime Now => disk.Now.UtcDateTime;

    private sealed class Held(SimulatedFileSystem files, string path, Node node, bool shared) : FileLock
    {
        private bool _released;

        public override void WriteBody(ReadOnlySpan<byte> body)
        {
            files.Enter(DiskCall.Write, path);
            node.Write(0, body);
            node.SetLength(body.Length);
        }

        public override void Dispose()
        {
            if (_released || !files.IsCurrent) return;
            _released = true;
            node.LockHolders = shared ? node.LockHolders - 1 : 0;
        }
    }

    private sealed class DiskClock(SimulatedDisk disk) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => disk.Now;
    }
}
