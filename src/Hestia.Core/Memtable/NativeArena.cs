using System.Runtime.InteropServices;
using Hestia.Core.IO;

namespace Hestia.Core.Memtable;

/// <summary>
/// Bump allocation outside the GC heap. What it handed out stays in place until <see cref="Free"/>, so that a reader may follow a pointer
/// it took earlier. One thread allocates; <see cref="AllocatedBytes"/> may be read by any.
/// </summary>
internal sealed unsafe class NativeArena
{
    private const int FirstChunkBytes = 128 << 10;
    private const int LargestChunkBytes = 4 << 20;
    private const int CacheLineBytes = 64;

    private static long s_outstandingBytes;

    private readonly List<Block> _blocks = [];
    private byte* _next;
    private byte* _end;
    private int _chunkBytes = FirstChunkBytes;
    private long _allocatedBytes;

    /// <summary>Bytes all arenas of the process hold at this moment.</summary>
    public static long OutstandingBytes => Interlocked.Read(ref s_outstandingBytes);

    /// <summary>Bytes taken from the system.</summary>
    public long AllocatedBytes => Volatile.Read(ref _allocatedBytes);

    /// <summary>Uninitialized memory. <paramref name="alignment"/> is a power of two, at most a cache line.</summary>
    /// <exception cref="OutOfMemoryException">The system refused; the arena is as it was.</exception>
    public byte* Allocate(int size, int alignment)
    {
        var start = (byte*)(((nuint)_next + (nuint)(alignment - 1)) & ~(nuint)(alignment - 1));
        if (_next != null && start <= _end && _end - start >= size)
        {
            _next = start + size;
            return start;
        }

        return AllocateSlow(size);
    }

    /// <summary>Gives everything back. Not thread-safe; nobody may follow a pointer of this arena afterwards.</summary>
    public void Free()
    {
        foreach (var block in _blocks)
        {
            if (block.Size >= NativePages.MinBytes) NativePages.Free((void*)block.Start, (nuint)block.Size);
            else NativeMemory.AlignedFree((void*)block.Start);
            Interlocked.Add(ref s_outstandingBytes, -block.Size);
        }

        _blocks.Clear();
        _next = _end = null;
        Volatile.Write(ref _allocatedBytes, 0);
    }

    private byte* AllocateSlow(int size)
    {
        // A large piece gets its own block, so that it does not waste the rest of the current chunk.
        if (size > _chunkBytes / 4) return NewBlock(size);

        var chunk = NewBlock(_chunkBytes);
        _next = chunk + size;
        _end = chunk + _chunkBytes;
        _chunkBytes = Math.Min(_chunkBytes * 2, LargestChunkBytes);
        return chunk;
    }

    private byte* NewBlock(int size)
    {
        _blocks.EnsureCapacity(_blocks.Count + 1); // may throw before memory is taken, so that none is lost

        // Random inserts and finds miss the address cache all the time with small pages: large ones nearly double them.
        var start = size >= NativePages.MinBytes
            ? NativePages.Allocate((nuint)size, huge: size == LargestChunkBytes)
            : (byte*)NativeMemory.AlignedAlloc((nuint)size, CacheLineBytes);
        _blocks.Add(new Block((nint)start, size));
        Interlocked.Add(ref s_outstandingBytes, size);
        Volatile.Write(ref _allocatedBytes, _allocatedBytes + size);
        return start;
    }

    private readonly record struct Block(nint Start, int Size);
}
