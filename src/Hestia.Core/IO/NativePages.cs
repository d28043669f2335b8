using System.Runtime.InteropServices;

namespace Hestia.Core.IO;

/// <summary>
/// Large pieces of memory taken from the system itself and given back to it at once. The C library keeps what is freed between pieces still in use: a memtable's
/// worth of 4 MiB chunks, taken and freed over and over, held twice the memory that was in use.
/// </summary>
internal static unsafe partial class NativePages
{
    /// <summary>Smaller pieces are better off with the C library.</summary>
    public const int MinBytes = 1 << 20;

    private const nuint HugePageBytes = 2 << 20;
    private const int ReadWrite = 3; // PROT_READ | PROT_WRITE
    private const int AdviseHugePages = 14; // MADV_HUGEPAGE

    /// <summary>Uninitialized memory, on a 2 MiB boundary where <paramref name="huge"/> asks for large pages (a wish; Linux only).</summary>
    /// <exception cref="OutOfMemoryException">The system refused.</exception>
    public static byte* Allocate(nuint bytes, bool huge)
    {
        if (OperatingSystem.IsWindows()) return (byte*)NativeMemory.Alloc(bytes); // the heap there passes large pieces through
        huge &= OperatingSystem.IsLinux();
        var extra = huge ? HugePageBytes : 0;
        // MAP_PRIVATE | MAP_ANONYMOUS
        var mapped = mmap(null, bytes + extra, ReadWrite, OperatingSystem.IsMacOS() ? 0x1002 : 0x22, -1, 0);
        if (mapped == (void*)-1) throw new OutOfMemoryException($"The system refused {bytes:N0} bytes of memory.");
        var start = (byte*)mapped;
        if (!huge) return start;
        start = (byte*)(((nuint)mapped + HugePageBytes - 1) & ~(HugePageBytes - 1));
        var before = (nuint)(start - (byte*)mapped);
        if (before > 0) _ = munmap(mapped, before);
        if (before < extra) _ = munmap(start + bytes, extra - before);
        _ = madvise(start, bytes, AdviseHugePages);
        return start;
    }

    /// <summary>Gives back what <see cref="Allocate"/> gave, whole.</summary>
    public static void Free(void* start, nuint bytes)
    {
        if (OperatingSystem.IsWindows()) NativeMemory.Free(start);
        else if (munmap(start, bytes) != 0) throw new InvalidOperationException("munmap refused memory that was mapped.");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc")]
    private static partial int madvise(void* start, nuint length, int advice);
}
