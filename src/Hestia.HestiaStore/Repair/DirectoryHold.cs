using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Recovery;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;

namespace Hestia.HestiaStore.Repair;

/// <summary>
/// Keeps HestiaStore and other repairs out of a directory by a lock of its own kind that names this process. Killed, it is a stale lock, which both know
/// what to do with.
/// </summary>
internal sealed class DirectoryHold : IDisposable
{
    private readonly FileSystem _files;
    private readonly string _path;
    private readonly byte[] _body;

    private DirectoryHold(FileSystem files, string path, byte[] body)
    {
        _files = files;
        _path = path;
        _body = body;
    }

    /// <summary>Takes the lock over from an owner who has ended; the old one goes to quarantine.</summary>
    /// <returns>The hold, and where the old lock is now, or null.</returns>
    /// <exception cref="HestiaException">IndexInUse: the owner lives, or may.</exception>
    public static (DirectoryHold Hold, string? Quarantined) Take(FileSystem files, string directory, Quarantine quarantine)
    {
        RequireFree(StoreLock.Read(files, directory), directory);
        var path = Path.Combine(directory, StoreFileNames.Lock);
        // Without a start time HestiaStore compares none, so that it takes the lock for held as long as this process runs.
        var body = StoreLock.Serialize(Environment.ProcessId, null, StoreLock.HostName(), Guid.NewGuid().ToString());
        var temporary = path + "." + Guid.NewGuid().ToString("N")[..8] + FileNames.TemporarySuffix;
        string? old = null;
        try
        {
            using (var file = files.Open(temporary, FileOpenMode.CreateNew))
            {
                file.Write(0, body);
                file.Sync();
            }

            files.CopyOwnership(directory, temporary);
            if (files.FileExists(path)) old = quarantine.Move(path);
            if (!files.TryRenameFile(temporary, path)) RequireFree(StoreLock.Read(files, directory), directory);
            files.SyncDirectory(directory);
        }
        finally
        {
            files.DeleteFile(temporary);
        }

        return (new DirectoryHold(files, path, body), old);
    }

    public void Dispose()
    {
        try
        {
            // Only its own: somebody may have put another there.
            if (_files.FileExists(_path) && _files.ReadAllBytes(_path, 16 << 10).AsSpan().SequenceEqual(_body)) _files.DeleteFile(_path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            // It stays as a stale lock.
        }
    }

    public static void RequireFree(StoreLock found, string directory)
    {
        if (found.State is StoreLockState.None or StoreLockState.Dead) return;
        throw new HestiaException(
            HestiaErrorCode.IndexInUse,
            found.State == StoreLockState.Alive
                ? $"The HestiaStore directory '{directory}' is open: {found}. {found.Reason}"
                : $"The HestiaStore directory '{directory}' may be open: {found}. {found.Reason}",
            directory,
            found.State == StoreLockState.Alive ? "Close it there first." : $"Repair it on that machine, or make sure that nothing has it open "
                + $"and move '{StoreFileNames.Lock}' away.");
    }
}
