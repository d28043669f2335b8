using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>
/// A log file made ahead of need: space reserved, zeros, synced, under a temporary name that recovery ignores. Making it costs the
/// syncs that a rotation would otherwise wait for; <see cref="WalWriter.Activate"/> gives it header and name.
/// </summary>
internal sealed class WalPreparedFile : IDisposable
{
    private readonly FileSystem _files;
    private StorageFile? _file;

    private WalPreparedFile(FileSystem files, string directory, string path, StorageFile file, long length)
    {
        _files = files;
        Directory = directory;
        Path = path;
        Length = length;
        _file = file;
    }

    public string Directory { get; }

    public string Path { get; }

    public long Length { get; }

    /// <summary>Makes one; a failure leaves nothing behind and is the caller's to report.</summary>
    public static WalPreparedFile Prepare(FileSystem files, string walDirectory, long preallocateBytes)
    {
        var path = System.IO.Path.Combine(walDirectory, Guid.NewGuid().ToString("N") + FileNames.TemporarySuffix);
        var length = Math.Max(preallocateBytes, WalFormat.FileHeaderBytes);
        StorageFile? file = null;
        try
        {
            file = files.Open(path, FileOpenMode.CreateNew);
            files.CopyOwnership(walDirectory, path);
            file.Preallocate(length);
            file.Sync();
            return new WalPreparedFile(files, walDirectory, path, file, length);
        }
        catch
        {
            file?.Dispose();
            if (file is not null) TryDelete(files, path);
            throw;
        }
    }

    /// <summary>Hands the open file over; after that, disposing does nothing.</summary>
    public StorageFile Take()
    {
        var file = _file ?? throw new ObjectDisposedException(nameof(WalPreparedFile));
        _file = null;
        return file;
    }

    /// <summary>Deletes the file if it was not activated.</summary>
    public void Dispose()
    {
        if (_file is null) return;
        _file.Dispose();
        _file = null;
        TryDelete(_files, Path);
    }

    /// <summary>Cleans up after a failure, whose own exception is the one to report.</summary>
    public static void TryDelete(FileSystem files, string path)
    {
        try
        {
            files.DeleteFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A temporary file is removed at the next open; a file without records is recognised as such.
        }
    }
}
