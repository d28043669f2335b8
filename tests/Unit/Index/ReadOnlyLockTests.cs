using System.Runtime.InteropServices;
using Hestia.Core;
using Hestia.Core.IO;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Unit.Index;

/// <summary>Who may have an index open beside whom. On Windows the locks are other ones than elsewhere; what they do is the same.</summary>
public sealed partial class ReadOnlyLockTests : IndexTestBase
{
    [Fact]
    public void Readers_share_an_index_and_keep_writers_out()
    {
        var reading = new IndexOptions { ReadOnly = true };
        using (var index = HestiaIndex.Create(IndexPath))
        {
            index.Put(Key(1), Bytes("one"));
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => HestiaIndex.Open(IndexPath, reading)).Code);
        }

        using (var first = HestiaIndex.Open(IndexPath, reading))
        using (var second = HestiaIndex.Open(IndexPath, reading))
        {
            Assert.Equal("one", Text(first.Get(Key(1))));
            Assert.Equal("one", Text(second.Get(Key(1))));
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => HestiaIndex.Open(IndexPath)).Code);
        }

        using (var index = HestiaIndex.Open(IndexPath)) index.Put(Key(2), Bytes("two"));
    }

    /// <summary>As a process does that is just being started, until its program begins.</summary>
    [Fact]
    public void A_lock_ends_with_its_holder_though_a_copy_of_the_descriptor_stays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Descriptors are found in /proc/self/fd, which is Linux.");
        var path = Path.Combine(Root, FileNames.Lock);
        var held = FileSystem.Physical.TryLock(path, shared: false)!;
        var descriptor = Directory.GetFiles("/proc/self/fd").Single(fd => new FileInfo(fd).LinkTarget == path);
        using var copy = new SafeFileHandle(dup(int.Parse(Path.GetFileName(descriptor), null)), ownsHandle: true);
        Assert.False(copy.IsInvalid);
        Assert.Null(FileSystem.Physical.TryLock(path, shared: false));
        held.Dispose();
        using (var again = FileSystem.Physical.TryLock(path, shared: false)) Assert.NotNull(again);
        using (var shared = FileSystem.Physical.TryLock(path, shared: true)) Assert.NotNull(shared);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup(int descriptor);
}
