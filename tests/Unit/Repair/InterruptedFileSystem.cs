using Hestia.Core.IO;

namespace Hestia.Unit.Repair;

/// <summary>
/// The real file system, whose syncs do nothing (no test here cuts the power), and which can stop for good at any call that changes
/// something: from then on every such call fails, as if the process were gone.
/// </summary>
internal sealed class InterruptedFileSystem(int stopAt = int.MaxValue) : FileSystem
{
    private int _changes;

    public int Changes => _changes;

    public override StorageFile Open(string path, FileOpenMode mode)
    {
        if (mode == FileOpenMode.CreateNew) Change();
        return new InterruptedFile(this, Physical.Open(path, mode));
    }

    public override bool FileExists(string path) => Physical.FileExists(path);

    public override bool DirectoryExists(string path) => Physical.DirectoryExists(path);

    public override IReadOnlyList<DirectoryEntry> List(string path) => Physical.List(path);

    public override FileLock? TryLock(string path, bool shared) => Physical.TryLock(path, shared);

    public override long AvailableBytes(string path) => Physical.AvailableBytes(path);

    public override void CreateDirectory(string path)
    {
        Change();
        Physical.CreateDirectory(path);
    }

    public override void RenameFile(string from, string to)
    {
        Change();
        Physical.RenameFile(from, to);
    }

    public override void RenameDirectory(string from, string to)
    {
        Change();
        Physical.RenameDirectory(from, to);
    }

    public override void DeleteFile(string path)
    {
        Change();
        Physical.DeleteFile(path);
    }

    public override void DeleteDirectory(string path)
    {
        Change();
        Physical.DeleteDirectory(path);
    }

    public override void SyncDirectory(string path) => Change();

    public override void CopyOwnership(string model, string path) => Physical.CopyOwnership(model, path);

    private void Change()
    {
        if (Interlocked.Increment(ref _changes) > stopAt) throw new IOException("The process is gone.");
    }

    private sealed class InterruptedFile(InterruptedFileSystem owner, StorageFile file) : StorageFile(file.Path)
    {
        public override long Length => file.Length;

        public override int Read(long offset, Span<byte> buffer) => file.Read(offset, buffer);

        public override void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            owner.Change();
            file.Write(offset, buffer);
        }

        public override void Preallocate(long length)
        {
            owner.Change();
            file.Preallocate(length);
        }

        public override void SetLength(long length)
        {
            owner.Change();
            file.SetLength(length);
        }

        public override void SyncData() => owner.Change();

        public override void Sync() => owner.Change();

        protected override void Dispose(bool disposing) => file.Dispose();
    }
}
