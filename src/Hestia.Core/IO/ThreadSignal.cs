using System.Runtime.InteropServices;

namespace Hestia.Core.IO;

/// <summary>
/// An event for one waiting thread. On Linux it waits on its word in the kernel itself: the runtime's events cost several thread switches a wait, which is what
/// sixteen synced writers on two cores were spending their time with. Elsewhere it is the runtime's event.
/// </summary>
internal sealed unsafe partial class ThreadSignal
{
    private const int Clear = 0;
    private const int Raised = 1;
    private const int Sleeping = 2;
    private const int WaitPrivate = 128; // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
    private const int WakePrivate = 129; // FUTEX_WAKE | FUTEX_PRIVATE_FLAG

    private const int BriefLooks = 64;
    private const int SpinsBetween = 4;

    private static readonly bool s_spins = Environment.ProcessorCount > 1;
    private static readonly long s_futex = OperatingSystem.IsLinux()
        ? RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => 202, Architecture.Arm64 => 98, _ => 0 }
        : 0;

    private readonly int[] _word = GC.AllocateArray<int>(1, pinned: true); // the kernel is given its address
    private readonly ManualResetEventSlim? _event = s_futex == 0 ? new(false, spinCount: 20) : null;

    public bool IsRaised => _event?.IsSet ?? Volatile.Read(ref _word[0]) == Raised;

    public void Raise()
    {
        if (_event is not null)
        {
            _event.Set();
            return;
        }

        if (Interlocked.Exchange(ref _word[0], Raised) != Sleeping) return;
        fixed (int* word = _word) _ = syscall(s_futex, word, WakePrivate, 1, null, null, 0);
    }

    /// <summary>Waits until it is raised. Only one thread may wait.</summary>
    /// <param name="brief">It will be raised within microseconds: look for about ten of them before sleeping, which takes longer than that.</param>
    public void Wait(bool brief)
    {
        if (brief && s_spins)
        {
            for (var i = 0; i < BriefLooks; i++)
            {
                if (IsRaised) return;
                Thread.SpinWait(SpinsBetween);
            }
        }

        if (_event is not null)
        {
            _event.Wait();
            return;
        }

        // Woken without a reason, or not put to sleep because it was raised just now: the word decides.
        while (Interlocked.CompareExchange(ref _word[0], Sleeping, Clear) != Raised)
        {
            fixed (int* word = _word) _ = syscall(s_futex, word, WaitPrivate, Sleeping, null, null, 0);
        }
    }

    /// <summary>
    /// Takes it back. A full fence: what the waiter looks at next it must read after this store, or a raise between the two is overwritten by it and lost.
    /// </summary>
    public void Reset()
    {
        if (_event is not null) _event.Reset();
        else Interlocked.Exchange(ref _word[0], Clear);
    }

    [LibraryImport("libc")]
    private static partial long syscall(long number, int* address, int operation, int value, void* timeout, int* second, int third);
}
