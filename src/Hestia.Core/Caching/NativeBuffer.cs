using System.Runtime.InteropServices;
using Hestia.Core.IO;

namespace Hestia.Core.Caching;

/// <summary>
/// Growable memory off the GC heap, 64-byte aligned. Freed by Dispose, or at the latest with its owner. Not thread-safe.
/// </summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const nuint Alignment = 64;

    private static long _outstanding;

    [ThreadStatic]
    private static long t_allocated;

    private byte* _pointer;

    public NativeBuffer()
    {
    }

    public NativeBuffer(nint capacity) => Reserve(capacity);

    ~NativeBuffer() => Free();

    /// <summary>Bytes that all such buffers of the process hold now.</summary>
    public static long OutstandingBytes => Volatile.Read(ref _outstanding);

    /// <summary>Bytes that this thread ever took in such buffers; tests hold parsers of damaged files to their bounds with it.</summary>
    public static long AllocatedByThread => t_allocated;

    public byte* Pointer => _pointer;

    public nint Capacity { get; private set; }

    /// <summary>Makes room for so many bytes; what was there is lost, and the pointer may change.</summary>
    public byte* Reserve(nint capacity)
    {
        if (capacity > Capacity)
        {
            Free();
            Allocate(capacity);
        }

        return _pointer;
    }

    /// <summary>
    /// Makes room for so many bytes, at least doubling, and keeps the first <paramref name="keep"/>; the pointer may change.
    /// </summary>
    public byte* Grow(nint capacity, nint keep)
    {
        if (capacity <= Capacity) return _pointer;
        var old = _pointer;
        var oldCapacity = Capacity;
        Capacity = 0;
        _pointer = null;
        try
        {
            Allocate(Math.Max(capacity, checked(oldCapacity * 2)));
        }
        catch
        {
            _pointer = old;
            Capacity = oldCapacity;
            throw;
        }

        if (old != null)
        {
            Buffer.MemoryCopy(old, _pointer, Capacity, keep);
            Return(old, oldCapacity);
            Interlocked.Add(ref _outstanding, -oldCapacity);
        }

        return _pointer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Allocate(nint capacity)
    {
        capacity = Math.Max(capacity, 64);
        _pointer = capacity >= NativePages.MinBytes
            ? NativePages.Allocate((nuint)capacity, huge: false)
            : (byte*)NativeMemory.AlignedAlloc((nuint)capacity, Alignment);
        Capacity = capacity;
        Interlocked.Add(ref _outstanding, Capacity);
        t_allocated += Capacity;
    }

    private void Free()
    {
        if (_pointer == null) return;
        Return(_pointer, Capacity);
        Interlocked.Add(ref _outstanding, -Capacity);
        _pointer = null;
        Capacity = 0;
    }

    private static void Return(byte* pointer, nint capacity)
    {
        if (capacity >= NativePages.MinBytes) NativePages.Free(pointer, (nuint)capacity);
        else NativeMemory.AlignedFree(pointer);
    }
}
