using Hestia.Core.IO;

namespace Hestia.Unit.Backup;

/// <summary>
/// The real file system with a trap: it counts operations, and at the chosen one calls what it was given (which throws, or cancels).
/// </summary>
internal sealed class FaultyFileSystem(long at, Action<string, string> trap, bool everAfter = false) : FileSystem
{
    private static readonly FileSystem s_inner = Physical;
    private long _operations;

    public bool Sprung { get; private set; }

    public long? FreeBytes { get; init; }

    /// <summary>Called before space is reserved (path, length), which is no operation that counts.</summary>
    public Action<string, long>? OnPreallocate { get; init; }

    /// <summary>A rename that may not replace is done, its answer lost, and asked for again it finds the name taken: as on a share.</summary>
    public bool LosesRenames { get; init; }

    /// <summary>Asked before each look at a path: throws, or returns true if nothing is to be found there.</summary>
    public Func<string, bool>? Hides { get; init; }

    public override StorageFile Open(string path, FileOpenMode mode)
    {
        Step("open", path);
        return new TrappedFile(s_inner.Open(path, mode), this);
    }

    public override bool FileExists(string path) => s_inner.FileExists(path);

    public override bool DirectoryExists(string path) => s_inner.DirectoryExists(path);

    public override long? FileLength(string path) => s_inner.FileLength(path);

    public override DirectoryEntry? FindEntry(string path) => Hides?.Invoke(path) == true ? null : s_inner.FindEntry(path);

    public override string ResolveLink(string path) => s_inner.ResolveLink(path);

    public override bool IsMountPoint(string path) => s_inner.IsMountPoint(path);

    public override void CreateDirectory(string path)
    {
        Step("create", path);
        s_inner.CreateDirectory(path);
    }

    public override void RenameFile(string from, string to)
    {
        Step("rename", from);
        s_inner.RenameFile(from, to);
    }

    public override bool TryRenameFile(string from, string to)
    {
        Step("rename", from);
        if (!LosesRenames) return s_inner.TryRenameFile(from, to);
        File.Copy(from, to, overwrite: false);
        return false;
    }

    public override bool TryLink(string existing, string link)
    {
        Step("link", existing);
        return s_inner.TryLink(existing, link);
    }

    public override void RenameDirectory(string from, string to)
    {
        Step("rename", from);
        s_inner.RenameDirectory(from, to);
    }

    public override void DeleteFile(string path)
    {
        Step("delete", path);
        s_inner.DeleteFile(path);
    }

    public override void DeleteDirectory(string path)
    {
        Step("delete", path);
        s_inner.DeleteDirectory(path);
    }

    public override IReadOnlyList<DirectoryEntry> List(string path) => s_inner.List(path);

    public override void SyncDirectory(string path)
    {
        Step("sync", path);
        s_inner.SyncDirectory(path);
    }

    public override FileLock? TryLock(string path, bool shared)
    {
        Step("lock", path);
        return s_inner.TryLock(path, shared);
    }

    public override long AvailableBytes(string path) => FreeBytes ?? s_inner.AvailableBytes(path);

    public override void CopyOwnership(string model, string path)
    {
        Step("own", path);
        s_inner.CopyOwnership(model, path);
    }

    private void Step(string operation, string path)
    {
        var count = Interlocked.Increment(ref _operations);
        if (count != at && !(everAfter && count > at)) return;
        Sprung = true;
        trap(operation, path);
    }

    private sealed class TrappedFile(StorageFile inner, FaultyFileSystem owner) : StorageFile(inner.Path)
    {
        public override long Length => inner.Length;

        public override int Read(long offset, Span<byte> buffer)
        {
            owner.Step("read", Path);
            return inner.Read(offset, buffer);
        }

        public override void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            owner.Step("write", Path);
            inner.Write(offset, buffer);
        }

        public override void Preallocate(long length)
        {
            owner.OnPreallocate?.Invoke(Path, length);
            inner.Preallocate(length);
        }

        public override void SetLength(long length) => inner.SetLength(length);

        public override void SyncData() => Sync();

        public override void Sync()
        {
            owner.Step("sync", Path);
            inner.Sync();
        }

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
