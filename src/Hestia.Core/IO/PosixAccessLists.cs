using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Hestia.Core.IO;

/// <summary>POSIX access control lists, which Linux keeps in extended attributes. Other systems have none or others, and nothing is done there.</summary>
internal static partial class PosixAccessLists
{
    /// <summary>
    /// Gives a directory the POSIX access lists of <paramref name="model"/>, a directory too, and a file the list that a new file in it would get. Where there is a list,
    /// the group's permission bits are its mask; without it they would give the group more than it had, so they are cut to what it says of the group.
    /// </summary>
    public static void Copy(string model, string path, ref UnixFileMode mode)
    {
        if (!OperatingSystem.IsLinux() || !Directory.Exists(model)) return;
        const string Access = "system.posix_acl_access", Default = "system.posix_acl_default";
        var access = ReadAttribute(model, Access);
        var inherited = ReadAttribute(model, Default);
        if (Directory.Exists(path))
        {
            WriteAttribute(path, Access, access);
            WriteAttribute(path, Default, inherited);
        }
        else
        {
            WriteAttribute(path, Access, inherited);
            if (inherited is null && access is not null) mode &= ~(UnixFileMode)(~GroupRights(access) << 3 & 0b111_000);
        }
    }

    /// <summary>What a list says of the owning group: three bits.</summary>
    private static int GroupRights(ReadOnlySpan<byte> list)
    {
        const int HeaderBytes = 4, EntryBytes = 8, OwningGroup = 4;
        for (var at = HeaderBytes; at + EntryBytes <= list.Length; at += EntryBytes)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(list[at..]) == OwningGroup)
                return BinaryPrimitives.ReadUInt16LittleEndian(list[(at + sizeof(ushort))..]) & 0b111;
        }

        return 0;
    }

    private static unsafe byte[]? ReadAttribute(string path, string name)
    {
        const int MaxBytes = 64 << 10; // the most that an attribute can have
        var length = getxattr(path, name, null, 0);
        if (length <= 0 || length > MaxBytes) return null;
        var value = new byte[length];
        fixed (byte* bytes = value) length = getxattr(path, name, bytes, (nuint)value.Length);
        return length == value.Length ? value : null;
    }

    private static unsafe void WriteAttribute(string path, string name, byte[]? value)
    {
        if (value is null)
        {
            _ = removexattr(path, name); // what it got from the directory it was made in, if anything
            return;
        }

        fixed (byte* bytes = value)
            if (setxattr(path, name, bytes, (nuint)value.Length, 0) != 0) throw Failure(path);
    }

    private static Exception Failure(string path)
    {
        const int EPERM = 1, EACCES = 13, ENOTSUP = 95;
        var error = Marshal.GetLastPInvokeError();
        var message = $"The access list of '{path}' could not be set: {Marshal.GetPInvokeErrorMessage(error)}";
        return error is EPERM or EACCES or ENOTSUP ? new UnauthorizedAccessException(message) : new IOException(message, error);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial nint getxattr(string path, string name, byte* value, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int setxattr(string path, string name, byte* value, nuint size, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int removexattr(string path, string name);
}
