using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>
/// How many segment files are open at once. The idle one used longest ago is closed to make way; while all are in use, the limit is
/// passed for as long as that lasts.
/// </summary>
internal sealed class OpenFileLimit(int maxOpenFiles)
{
    private readonly LinkedList<PooledFile> _open = []; // used longest ago first
    private readonly object _gate = new();

    public int MaxOpenFiles { get; } = Math.Max(1, maxOpenFiles);

    /// <summary>Files open now.</summary>
    public int OpenFiles
    {
        get
        {
            lock (_gate) return _open.Count;
        }
    }

    internal StorageFile Enter(PooledFile file)
    {
        lock (_gate)
        {
            if (file.Handle is { } handle)
            {
                file.Users++;
                if (_open.Last != file.Node)
                {
                    _open.Remove(file.Node);
                    _open.AddLast(file.Node);
                }

                return handle;
            }
        }

        // Outside the lock: opening may take as long as a disk does. Two threads may both open it; one handle is then closed again.
        var opened = file.OpenHandle();
        StorageFile? surplus;
        StorageFile result;
        lock (_gate)
        {
            if (file.Handle is { } other)
            {
                surplus = opened;
                result = other;
                file.Users++;
            }
            else
            {
                file.Users++;
                file.Handle = result = opened;
                _open.AddLast(file.Node);
                surplus = CloseIdle();
            }
        }

        surplus?.Dispose();
        return result;
    }

    internal void Exit(PooledFile file)
    {
        StorageFile? surplus;
        lock (_gate)
        {
            file.Users--;
            surplus = file.Closed && file.Users == 0 ? Detach(file) : CloseIdle();
        }

        surplus?.Dispose();
    }

    internal void Close(PooledFile file)
    {
        StorageFile? handle;
        lock (_gate)
        {
            file.Closed = true;
            handle = file.Users == 0 ? Detach(file) : null;
        }

        handle?.Dispose();
    }

    private StorageFile? CloseIdle()
    {
        if (_open.Count <= MaxOpenFiles) return null;
        for (var node = _open.First; node is not null; node = node.Next)
        {
            if (node.Value.Users == 0) return Detach(node.Value);
        }

        return null;
    }

    private StorageFile? Detach(PooledFile file)
    {
        var handle = file.Handle;
        if (handle is null) return null;
        file.Handle = null;
        _open.Remove(file.Node);
        return handle;
    }
}

/// <summary>A file that is opened when it is read and may be closed whenever it is not.</summary>
internal sealed class PooledFile : IDisposable
{
    private readonly FileSystem _fileSystem;
    private readonly OpenFileLimit _limit;

    public PooledFile(FileSystem fileSystem, string path, OpenFileLimit limit)
    {
        _fileSystem = fileSystem;
        _limit = limit;
        Path = path;
        Node = new LinkedListNode<PooledFile>(this);
    }

    public string Path { get; }

    // The rest belongs to the limit and its lock.
    internal LinkedListNode<PooledFile> Node { get; }

    internal StorageFile? Handle { get; set; }

    internal int Users { get; set; }

    internal bool Closed { get; set; }

    /// <summary>As <see cref="StorageFile.Read"/>.</summary>
    public int Read(long offset, Span<byte> buffer)
    {
        var file = _limit.Enter(this);
        try
        {
            return file.Read(offset, buffer);
        }
        finally
        {
            _limit.Exit(this);
        }
    }

    public long ReadLength()
    {
        var file = _limit.Enter(this);
        try
        {
            return file.Length;
        }
        finally
        {
            _limit.Exit(this);
        }
    }

    public void Dispose() => _limit.Close(this);

    internal StorageFile OpenHandle() => _fileSystem.Open(Path, FileOpenMode.Read);
}
