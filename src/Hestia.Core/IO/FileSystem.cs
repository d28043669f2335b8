namespace Hestia.Core.IO;

/// <summary>How <see cref="FileSystem.Open"/> opens a file.</summary>
internal enum FileOpenMode
{
    /// <summary>An existing file, for reading at any offset; expected to be read at random.</summary>
    Read,

    /// <summary>An existing file, for reading from front to back.</summary>
    ReadSequential,

    /// <summary>An existing file, for reading and writing.</summary>
    ReadWrite,

    /// <summary>A file that must not exist yet, for reading and writing.</summary>
    CreateNew,
}

/// <summary>One name in a directory.</summary>
internal readonly record struct DirectoryEntry(string Name, bool IsDirectory, long Length, DateTime LastWriteTimeUtc);

/// <summary>
/// The one seam between Hestia and the operating system: files, directories, rename, directory sync, space and clock.
/// Production has one implementation (<see cref="PhysicalFileSystem"/>); tests put a simulated disk behind it.
/// Failures are IOException or UnauthorizedAccessException, as the base library throws them. Thread-safe.
/// </summary>
internal abstract class FileSystem
{
    /// <summary>The operating system's own file system.</summary>
    public static FileSystem Physical { get; } = new PhysicalFileSystem();

    /// <summary>The clock; commit times and grace periods come from here.</summary>
    public virtual TimeProvider Clock => TimeProvider.System;

    /// <summary>Whether other processes can see this file system, so that an endpoint in it is of use.</summary>
    public virtual bool HasEndpoints => false;

    /// <summary>Opens a file. Every handle shares read, write and delete.</summary>
    public abstract StorageFile Open(string path, FileOpenMode mode);

    public abstract bool FileExists(string path);

    public abstract bool DirectoryExists(string path);

    /// <summary>Creates one directory (its parent must exist); no error if it is there already.</summary>
    public abstract void CreateDirectory(string path);

    /// <summary>Renames a file, replacing an existing one atomically. Not durable before <see cref="SyncDirectory"/> of the parent.</summary>
    public abstract void RenameFile(string from, string to);

    /// <summary>
    /// Renames a file unless the target exists already; false (and nothing changed) if it does. Of several that race for one name exactly
    /// one wins, except on file systems without hard links (FAT), which have no such call.
    /// </summary>
    public virtual bool TryRenameFile(string from, string to)
    {
        if (FileExists(to)) return false;
        RenameFile(from, to);
        return true;
    }

    /// <summary>Bytes in a file, or null if there is no such file.</summary>
    public virtual long? FileLength(string path)
    {
        if (!FileExists(path)) return null;
        using var file = Open(path, FileOpenMode.Read);
        return file.Length;
    }

    /// <summary>
    /// What a path names, without its time; null only if nothing has that name. For whoever deletes because something is not there: any other error (a share that does
    /// not answer, no access) is thrown, where <see cref="FileExists"/> and its like may call it "not there".
    /// </summary>
    public virtual DirectoryEntry? FindEntry(string path)
    {
        var name = Path.GetFileName(path);
        if (DirectoryExists(path)) return new DirectoryEntry(name, true, 0, default);
        return FileLength(path) is { } length ? new DirectoryEntry(name, false, length, default) : null;
    }

    /// <summary>Where a symbolic link or a junction leads in the end, there or not; the path itself if it is neither.</summary>
    public virtual string ResolveLink(string path) => path;

    /// <summary>Gives an existing file a second name (a hard link); false where the file system cannot.</summary>
    public virtual bool TryLink(string existing, string link) => false;

    /// <summary>Whether another file system is mounted at this directory, so that it can be neither renamed nor replaced.</summary>
    public virtual bool IsMountPoint(string path) => false;

    /// <summary>Renames a directory; the target must not exist. Not durable before <see cref="SyncDirectory"/> of the parents.</summary>
    public abstract void RenameDirectory(string from, string to);

    /// <summary>Deletes a file; no error if it is gone already.</summary>
    public abstract void DeleteFile(string path);

    /// <summary>Deletes an empty directory.</summary>
    public abstract void DeleteDirectory(string path);

    /// <summary>The names in a directory, in no particular order. One that cannot be looked at is an error and never left out.</summary>
    public abstract IReadOnlyList<DirectoryEntry> List(string path);

    /// <summary>Those of the names that begin in a certain way; the others are not even looked at.</summary>
    public virtual IReadOnlyList<DirectoryEntry> List(string path, string start)
    {
        var entries = List(path);
        if (start.Length == 0) return entries;
        var chosen = new List<DirectoryEntry>();
        foreach (var entry in entries)
            if (entry.Name.StartsWith(start, StringComparison.Ordinal)) chosen.Add(entry);
        return chosen;
    }

    /// <summary>How many syncs of directories are worth having under way at once.</summary>
    public virtual int SyncsAtOnce => 1;

    /// <summary>Makes creations, renames and deletions in a directory durable. Nothing to do on Windows, whose journal does it.</summary>
    public abstract void SyncDirectory(string path);

    /// <summary>Takes the exclusive (or shared) lock on a file, creating it if it is not there; null if another holder is in the way.</summary>
    /// <exception cref="NotSupportedException">The file system has no such locks.</exception>
    public abstract FileLock? TryLock(string path, bool shared);

    /// <summary>Bytes a caller may still write on the file system that holds <paramref name="path"/>.</summary>
    public abstract long AvailableBytes(string path);

    /// <summary>Gives <paramref name="path"/> the owner, group and access rights fitting <paramref name="model"/>; best effort where not privileged.</summary>
    public abstract void CopyOwnership(string model, string path);

    /// <summary>Reads a whole file; for the small ones (JSON).</summary>
    public byte[] ReadAllBytes(string path, int maxBytes)
    {
        using var file = Open(path, FileOpenMode.ReadSequential);
        var length = file.Length;
        if (length > maxBytes) throw new InvalidDataException($"'{path}' is {length:N0} bytes long; at most {maxBytes:N0} are expected there.");
        var bytes = new byte[length];
        var read = file.Read(0, bytes);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    /// <summary>
    /// Writes a whole file so that after a crash it is there completely or not at all: a temporary name, sync, rename, directory sync.
    /// With <paramref name="ownerModel"/>, it gets the owner and the rights fitting that file or directory.
    /// </summary>
    public void WriteAtomically(string path, ReadOnlySpan<byte> content, string? ownerModel = null)
    {
        var directory = Path.GetDirectoryName(path)!;
        var temporary = FileNames.TemporaryFor(path);
        try
        {
            using (var file = Open(temporary, FileOpenMode.CreateNew))
            {
                file.Write(0, content);
                file.Sync();
            }

            if (ownerModel is not null) CopyOwnership(ownerModel, temporary);
            RenameFile(temporary, path);
        }
        catch
        {
            try { DeleteFile(temporary); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the first failure is the one to report */ }
            throw;
        }

        SyncDirectory(directory);
    }
}

/// <summary>An operating-system lock on a file, released on dispose or when the process ends. The body is for people to read.</summary>
internal abstract class FileLock : IDisposable
{
    /// <summary>Replaces the file's body (what people and tools read to learn who owns the lock).</summary>
    public abstract void WriteBody(ReadOnlySpan<byte> body);

    public abstract void Dispose();
}
