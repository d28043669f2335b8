using Hestia.Core.IO;

namespace Hestia.Core.Locking;

/// <summary>The lock of an index directory: one process owns it, or several read it.</summary>
internal static class IndexLock
{
    private const int Attempts = 5;
    private static readonly TimeSpan AttemptDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Takes the exclusive lock and writes who owns it.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="indexPath">Folder of the index.</param>
    /// <param name="endpoint">What is said of the owner's endpoint; null for nothing.</param>
    /// <exception cref="HestiaException">IndexInUse naming the owner, LockUnsupported, AccessDenied, IoError.</exception>
    public static FileLock Take(FileSystem files, string indexPath, string? endpoint = null)
    {
        var path = Path.Combine(indexPath, FileNames.Lock);
        try
        {
            var isNew = !files.FileExists(path);
            var held = files.TryLock(path, shared: false);
            for (var attempt = 1; held is null && attempt < Attempts; attempt++)
            {
                // Somebody who only asks whether the lock is held has it for a moment.
                Thread.Sleep(AttemptDelay);
                held = files.TryLock(path, shared: false);
            }

            if (held is null) throw IsHeld(files, indexPath) ? InUse(files, indexPath) : InUseByReaders(indexPath);
            try
            {
                held.WriteBody((LockOwner.Current(files.Clock) with { Endpoint = endpoint }).Serialize());
                if (isNew) files.CopyOwnership(indexPath, path);
                return held;
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (NotSupportedException e)
        {
            throw Unsupported(path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "locking");
        }
    }

    /// <summary>
    /// Takes the shared lock of a reader; null where there is no lock file to take it on (a copy on read-only media), which no writer
    /// can own either without creating one.
    /// </summary>
    /// <exception cref="HestiaException">IndexInUse naming the owner, LockUnsupported, AccessDenied, IoError.</exception>
    public static FileLock? TakeShared(FileSystem files, string indexPath)
    {
        var path = Path.Combine(indexPath, FileNames.Lock);
        try
        {
            if (!files.FileExists(path)) return null;
            return files.TryLock(path, shared: true) ?? throw InUse(files, indexPath);
        }
        catch (NotSupportedException e)
        {
            throw Unsupported(path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "locking");
        }
    }

    /// <summary>Says anew where the owner can be reached, once it knows.</summary>
    public static void WriteEndpoint(FileSystem files, string indexPath, FileLock held, string endpoint)
    {
        var owner = LockOwner.Read(files, indexPath) ?? LockOwner.Current(files.Clock);
        held.WriteBody((owner with { Endpoint = endpoint }).Serialize());
    }

    /// <summary>Whether somebody holds the lock against a reader now.</summary>
    public static bool IsHeld(FileSystem files, string indexPath)
    {
        try
        {
            using var held = TakeShared(files, indexPath);
            return false;
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.IndexInUse)
        {
            return true;
        }
    }

    private static HestiaException InUse(FileSystem files, string indexPath)
    {
        var owner = LockOwner.Read(files, indexPath);
        return new HestiaException(
            HestiaErrorCode.IndexInUse,
            $"The index '{indexPath}' is in use by {(owner is null ? "another process that its .lock does not name" : owner.ToString())}.",
            indexPath,
            "Close it there first, or work through that process.");
    }

    /// <summary>A .lock names its writer only; of readers the system knows, where it tells.</summary>
    private static HestiaException InUseByReaders(string indexPath)
    {
        var readers = new List<string>();
        foreach (var id in Platform.FindLockHolders(Path.Combine(indexPath, FileNames.Lock))) readers.Add(Describe(id));
        var by = readers.Count == 0 ? "here or in another process; its .lock names only writers" : $"by {string.Join(" and ", readers)} on {Environment.MachineName}";
        return new HestiaException(
            HestiaErrorCode.IndexInUse, $"The index '{indexPath}' is open for reading, {by}.", indexPath, "Close the read-only sessions first.");
    }

    private static string Describe(int processId)
    {
        if (processId == Environment.ProcessId) return $"this process ({processId})";
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(processId);
            return $"pid {processId} ({process.ProcessName})";
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return $"pid {processId}"; // it ended just now
        }
    }

    private static HestiaException Unsupported(string path, Exception cause) => new(
        HestiaErrorCode.LockUnsupported,
        $"The file system of '{path}' has no file locks, so nothing would keep a second process out.",
        path,
        "Put the index on a local file system.",
        cause);
}
