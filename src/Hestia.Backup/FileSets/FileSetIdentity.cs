using System.Security.Cryptography;
using System.Text;

namespace Hestia.Backup.FileSets;

/// <summary>
/// The id under which backups of a folder are kept together. Another system's index has none of ours, and nothing is written into its folder; so it
/// is made from what stays the same from one backup to the next: the kind, the machine, the full path and the index's name. Two indexes never share
/// one by accident, which would let the retention of one remove backups of the other. One that has moved begins a new group, or goes on with the
/// old one by its id.
/// </summary>
internal static class FileSetIdentity
{
    /// <summary>A UUID of version 8 (RFC 9562) from the SHA-256 of the four, each behind a line feed.</summary>
    public static Guid Of(FileSetKind kind, string machine, string path, string indexName)
    {
        if (OperatingSystem.IsWindows()) path = path.ToUpperInvariant();
        var text = $"hestia file set\n{kind.Name}\n{machine.ToUpperInvariant()}\n{path}\n{indexName}";
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
