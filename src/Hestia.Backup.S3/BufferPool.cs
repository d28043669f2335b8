using System.Collections.Concurrent;

namespace Hestia.Backup.S3;

/// <summary>Buffers for the pieces being sent: a bounded number, so that memory does not grow with parallelism.</summary>
internal sealed class BufferPool(int limit) : IDisposable
{
    private readonly SemaphoreSlim _free = new(limit, limit);
    private readonly ConcurrentBag<byte[]> _idle = [];

    /// <summary>A buffer of at least so many bytes; waits until there is one. Who has one must not ask for another.</summary>
    public byte[] Rent(int bytes, CancellationToken cancellationToken)
    {
        _free.Wait(cancellationToken);
        if (_idle.TryTake(out var buffer) && buffer.Length >= bytes) return buffer;
        try
        {
            return GC.AllocateUninitializedArray<byte>(bytes);
        }
        catch
        {
            _free.Release();
            throw;
        }
    }

    public void Return(byte[] buffer)
    {
        _idle.Add(buffer);
        _free.Release();
    }

    public void Dispose() => _free.Dispose();
}
