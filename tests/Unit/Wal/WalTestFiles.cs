using Hestia.Core.IO;

namespace Hestia.Unit.Wal;

/// <summary>Files in memory, with failures on demand.</summary>
internal sealed class WalTestFiles : FileSystem
{
    private readonly Dictionary<string, Content> _files = [];

    /// <summary>
    /// Called before every write (path, offset, length): returns how many bytes are written before it fails, or -1 for success.
    /// </summary>
    public Func<string, long, int, int>? FailWrite { get; set; }

    public Action<string>? OnSync { get; set; }

    public Action<string, long>? OnPreallocate { get; set; }

    public Action<string>? OnSetLength { get; set; }

    public Action? OnSyncDirectory { get; set; }

    /// <summary>Called before a file is opened.</summary>
    public Action<string>? OnOpen { get; set; }

    public IEnumerable<string> Names => _files.Keys;

    public byte[] this[string path]
    {
        get => _files[path].Bytes.AsSpan(0, (int)_files[path].Length).ToArray();
        set => _files[path] = new Content { Bytes = (byte[])value.Clone(), Length = value.Length };
    }

    public override StorageFile Open(string path, FileOpenMode mode)
    {
        OnOpen?.Invoke(path);
        if (mode == FileOpenMode.CreateNew)
        {
            if (_files.ContainsKey(path)) throw new IOException("exists");
            _files[path] = new Content();
        }
        else if (!_files.ContainsKey(path))
        {
            throw new FileNotFoundException(path);
        }

        return new MemoryFile(this, path, _files[path]);
    }

    public override bool FileExists(string path) => _files.ContainsKey(path);

    public override bool DirectoryExists(string path) => !_files.ContainsKey(path) && Path.GetFileName(path) != "nowhere" && !Path.HasExtension(path)
        && (Path.GetFileName(path) != FileNames.Wal || Path.GetFileName(Path.GetDirectoryName(path)) != FileNames.Wal);

    public override void CreateDirectory(string path)
    {
    }

    public override void RenameFile(string from, string to)
    {
        _files[to] = _files[from];
        _files.Remove(from);
    }

    public override void RenameDirectory(string from, string to) => throw new NotSupportedException();

    public override void DeleteFile(string path) => _files.Remove(path);

    public override void DeleteDirectory(string path) => throw new NotSupportedException();

    public override IReadOnlyList<DirectoryEntry> List(string path) =>
        [.. _files
            .Where(f => Path.GetDirectoryName(f.Key) == path)
            .Select(f => new DirectoryEntry(Path.GetFileName(f.Key), false, f.Value.Length, default))];

    public override void SyncDirectory(string path) => OnSyncDirectory?.Invoke();

    public override FileLock? TryLock(string path, bool shared) => throw new NotSupportedException();

    public override long AvailableBytes(string path) => long.MaxValue;

    public override void CopyOwnership(string model, string path)
    {
    }

    private sealed class Content
    {
        public byte[] Bytes = [];
        public long Length;

        public void SetLength(long length)
        {
            if (length > Bytes.Length) Array.Resize(ref Bytes, (int)Math.Max(length, 2L * Bytes.Length));
            if (length < Length) Array.Clear(Bytes, (int)length, (int)(Length - length));
            Length = length;
        }
    }

    private sealed class MemoryFile(WalTestFiles owner, string path, Content content) : StorageFile(path)
    {
        public override long Length => content.Length;

        public override int Read(long offset, Span<byte> buffer)
        {
            var count = (int)Math.Clamp(content.Length - offset, 0, buffer.Length);
            content.Bytes.AsSpan((int)Math.Min(offset, content.Length), count).CopyTo(buffer);
            return count;
        }

        public override void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            var written = owner.FailWrite?.Invoke(Path, offset, buffer.Length) ?? -1;
            var bytes = written < 0 ? buffer : buffer[..written];
            if (offset + bytes.Length > content.Length) content.SetLength(offset + bytes.Length);
            bytes.CopyTo(content.Bytes.AsSpan((int)offset));
            if (written >= 0) throw new IOException("injected write failure");
        }

        public override void Preallocate(long length)
        {
            owner.OnPreallocate?.Invoke(Path, length);
            if (length > content.Length) content.SetLength(length);
        }

        public override void SetLength(long length)
        {
            owner.OnSetLength?.Invoke(Path);
            content.SetLength(length);
        }

        public override void SyncData() => owner.OnSync?.Invoke(Path);

        public override void Sync() => owner.OnSync?.Invoke(Path);

        protected override void Dispose(bool disposing)
        {
        }
    }
}
