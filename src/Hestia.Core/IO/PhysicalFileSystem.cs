using Microsoft.Win32.SafeHandles;

namespace Hestia.Core.IO;

/// <summary>The operating system's file system. What differs between systems is in <see cref="Platform"/>.</summary>
internal sealed class PhysicalFileSystem : FileSystem
{
    public override bool HasEndpoints => true;

    public override StorageFile Open(string path, FileOpenMode mode) => Platform.Retry(() => new PhysicalFile(path, mode switch
    {
        FileOpenMode.Read => Platform.OpenExisting(path, write: false, FileOptions.RandomAccess),
        FileOpenMode.ReadSequential => Platform.OpenExisting(path, write: false, FileOptions.SequentialScan),
        FileOpenMode.ReadWrite => Platform.OpenExisting(path, write: true, FileOptions.None),
        FileOpenMode.CreateNew => File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, Platform.ShareAll),
        _ => throw new ArgumentOutOfRangeException(nameof(mode)),
    }));

    public override bool FileExists(string path) => File.Exists(path);

    public override bool DirectoryExists(string path) => Directory.Exists(path);

    public override void CreateDirectory(string path) => Directory.CreateDirectory(path);

    public override void RenameFile(string from, string to) => Platform.Retry(() => File.Move(from, to, overwrite: true));

    public override bool TryRenameFile(string from, string to)
    {
        if (!OperatingSystem.IsWindows()) return Platform.TryRenameFile(from, to);
        try
        {
            Platform.Retry(() => File.Move(from, to, overwrite: false)); // MoveFileEx without replacing: one step
            return true;
        }
        catch (IOException) when (File.Exists(to) && File.Exists(from))
        {
            return false;
        }
    }

    public override long? FileLength(string path)
    {
        if (Platform.TryGetLength(path, out var length)) return length;
        var info = new FileInfo(path);
        return info.Exists ? info.Length : null;
    }

    public override DirectoryEntry? FindEntry(string path)
    {
        try
        {
            if (Platform.TryGetLength(path, out var length) && length is { } bytes) return new DirectoryEntry(Path.GetFileName(path), false, bytes, default);
            var info = new FileInfo(path);
            if (!IsThere(info))
            {
                if (OperatingSystem.IsWindows()) File.GetAttributes(path); // throws for a drive that is not ready, which FileInfo takes for nothing there
                return null;
            }

            return (info.Attributes & FileAttributes.Directory) != 0
                ? new DirectoryEntry(info.Name, true, 0, default)
                : new DirectoryEntry(info.Name, false, info.Length, default);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public override string ResolveLink(string path)
    {
        var info = new DirectoryInfo(path);
        return info.LinkTarget is null ? path : info.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
    }

    public override bool TryLink(string existing, string link) => Platform.TryLink(existing, link);

    public override bool IsMountPoint(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        var comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        foreach (var drive in DriveInfo.GetDrives())
            if (string.Equals(Path.TrimEndingDirectorySeparator(drive.RootDirectory.FullName), full, comparison)) return true;
        return false;
    }

    public override void RenameDirectory(string from, string to) => Platform.Retry(() => Directory.Move(from, to));

    public override void DeleteFile(string path) => Platform.Retry(() =>
    {
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // gone with its directory
        }
    });

    public override void DeleteDirectory(string path) => Platform.Retry(() => Directory.Delete(path, recursive: false));

    public override IReadOnlyList<DirectoryEntry> List(string path) => List(path, "");

    public override IReadOnlyList<DirectoryEntry> List(string path, string start)
    {
        var entries = new List<DirectoryEntry>();
        foreach (var info in new DirectoryInfo(path).EnumerateFileSystemInfos("*", Everything))
        {
            if (!info.Name.StartsWith(start, StringComparison.Ordinal)) continue;
            // A file may vanish between listing and looking at it (another process prunes); then it is not there. Exists would say the same of
            // one that cannot be looked at.
            if (!IsThere(info)) continue;
            if (info is FileInfo { Exists: true } file) entries.Add(new DirectoryEntry(file.Name, false, file.Length, file.LastWriteTimeUtc));
            else if (info is DirectoryInfo { Exists: true } directory) entries.Add(new DirectoryEntry(directory.Name, true, 0, directory.LastWriteTimeUtc));
        }

        return entries;
    }

    /// <summary>A journal takes the syncs that wait together into one of its own writes: 8 at once take little longer than one.</summary>
    public override int SyncsAtOnce => 8;

    public override void SyncDirectory(string path) => Platform.SyncDirectory(path);

    public override FileLock? TryLock(string path, bool shared) => Platform.TryLock(path, shared);

    public override long AvailableBytes(string path) => Platform.AvailableBytes(path);

    public override void CopyOwnership(string model, string path) => Platform.CopyOwnership(model, path);

    private static readonly EnumerationOptions Everything =
        new() { AttributesToSkip = 0, IgnoreInaccessible = false, RecurseSubdirectories = false, MatchType = MatchType.Win32 };

    /// <summary>Looks once: attributes of what is not there are -1, and any other error is thrown.</summary>
    private static bool IsThere(FileSystemInfo info) => (int)info.Attributes != -1;

    private sealed class PhysicalFile(string path, SafeFileHandle handle) : StorageFile(path)
    {
        public override long Length => RandomAccess.GetLength(handle);

        public override int Read(long offset, Span<byte> buffer)
        {
            var total = 0;
            while (total < buffer.Length)
            {
                var read = RandomAccess.Read(handle, buffer[total..], offset + total);
                if (read == 0) break;
                total += read;
            }

            return total;
        }

        public override void Write(long offset, ReadOnlySpan<byte> buffer) => RandomAccess.Write(handle, buffer, offset);

        public override void StartWriting(long offset, long count) => Platform.StartWriting(handle, offset, count);

        public override void Preallocate(long length) => Platform.Preallocate(handle, length);

        public override void SetLength(long length) => RandomAccess.SetLength(handle, length);

        public override void SyncData() => Platform.Sync(handle, Path, dataOnly: true);

        public override void Sync() => Platform.Sync(handle, Path, dataOnly: false);

        protected override void Dispose(bool disposing) => handle.Dispose();
    }
}
