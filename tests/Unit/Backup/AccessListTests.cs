using System.Runtime.InteropServices;
using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Unit.Backup;

/// <summary>Who could read an index before a restore over it can afterwards, and nobody else.</summary>
public sealed partial class AccessListTests : IDisposable
{
    private const string Access = "system.posix_acl_access", Default = "system.posix_acl_default";

    // Version 2; owner rwx, user 1234 rwx, group r-x, mask rwx, others nothing: what setfacl -m u:1234:rwx makes of mode 750.
    private static readonly byte[] s_list =
    [
        2, 0, 0, 0,
        1, 0, 7, 0, 255, 255, 255, 255,
        2, 0, 7, 0, 210, 4, 0, 0,
        4, 0, 5, 0, 255, 255, 255, 255,
        16, 0, 7, 0, 255, 255, 255, 255,
        32, 0, 0, 0, 255, 255, 255, 255,
    ];

    private readonly IndexFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Restore_over_an_index_keeps_its_access_lists(bool inherited)
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("POSIX access lists are tried on Linux only.");
            return;
        }

        var path = _fixture.IndexPath;
        using (var index = HestiaIndex.Create(path, new IndexSettings { KeyEncoding = DataEncoding.Utf8, ValueEncoding = DataEncoding.Utf8 }, IndexFixture.Small))
            IndexFixture.Fill(index, 0, 50);
        using var repository = _fixture.Open();
        var backup = repository.Backup(path).BackupId;
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_000);
        if (setxattr(path, Access, s_list, (nuint)s_list.Length, 0) != 0) Assert.Skip("The file system of the temporary folder has no access lists.");
        if (inherited) Assert.Equal(0, setxattr(path, Default, s_list, (nuint)s_list.Length, 0));

        repository.Restore(backup, path, new RestoreOptions { Force = true });

        Assert.Equal(s_list, Read(path, Access));
        Assert.Equal(inherited ? s_list : null, Read(path, Default));
        Assert.Equal(s_list, Read(Path.Combine(path, "manifest"), Access));
        var settings = Path.Combine(path, FileNames.Settings);
        Assert.Equal(inherited, Read(settings, Access) is not null);
        // The mask is where the group's bits were; without a list they are what the group had.
        Assert.Equal(inherited ? 0b110 : 0b100, (int)File.GetUnixFileMode(settings) >> 3 & 7);
        Assert.Equal(0, (int)File.GetUnixFileMode(settings) & 7);
    }

    private static byte[]? Read(string path, string name)
    {
        var value = new byte[256];
        var length = getxattr(path, name, value, (nuint)value.Length);
        return length < 0 ? null : value[..(int)length];
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setxattr(string path, string name, byte[] value, nuint size, int flags);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getxattr(string path, string name, byte[] value, nuint size);
}
