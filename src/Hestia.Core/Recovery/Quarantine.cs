using System.Globalization;
using Hestia.Core.IO;

namespace Hestia.Core.Recovery;

/// <summary>
/// The folder where recovery and repair put what they take out of an index. Nothing in it is ever read or deleted by Hestia. Names are
/// <c>&lt;UTC time&gt;-&lt;4 digits&gt;-&lt;original name&gt;</c>, so the same file can come here twice.
/// </summary>
internal sealed class Quarantine(FileSystem files, string indexPath)
{
    private const int PrefixLength = 16 + 1 + 4 + 1;
    private const int CopyBufferBytes = 1 << 20;

    private string DirectoryPath { get; } = Path.Combine(indexPath, FileNames.Quarantine);

    /// <summary>The name a quarantined file had, or null if the name is not one of ours.</summary>
    public static string? OriginalName(string name) =>
        name.Length > PrefixLength && name[8] == 'T' && name[15] == 'Z' && name[16] == '-' && name[PrefixLength - 1] == '-' ? name[PrefixLength..] : null;

    /// <summary>Moves a whole file or folder here, durably; returns where it is now.</summary>
    /// <param name="path">What to move.</param>
    /// <param name="name">The name to keep it under, where its own says too little; null for its own.</param>
    public string Move(string path, string? name = null)
    {
        Prepare();
        var target = NewName(name ?? Path.GetFileName(path));
        if (files.DirectoryExists(path)) files.RenameDirectory(path, target);
        else files.RenameFile(path, target);
        files.SyncDirectory(DirectoryPath);
        files.SyncDirectory(Path.GetDirectoryName(path)!);
        return target;
    }

    /// <summary>Copies a whole file here, durably; returns the copy. For what has to be replaced in one step.</summary>
    public string Copy(string path, CancellationToken cancellationToken = default, string? name = null) =>
        Copy(path, 0, name ?? Path.GetFileName(path), cancellationToken);

    /// <summary>Copies the bytes of a file from an offset to its end here, durably; returns the copy. Zeros at the end are left out.</summary>
    public string CopyTail(string path, long offset, CancellationToken cancellationToken = default) =>
        Copy(path, offset, $"{Path.GetFileName(path)}.from-{offset.ToString(CultureInfo.InvariantCulture)}", cancellationToken);

    private string Copy(string path, long offset, string name, CancellationToken cancellationToken)
    {
        Prepare();
        var target = NewName(name);
        using var source = files.Open(path, FileOpenMode.ReadSequential);
        using (var copy = files.Open(target, FileOpenMode.CreateNew))
        {
            try
            {
                CopyBytes(source, copy, offset, cancellationToken);
            }
            catch
            {
                // A part of a copy is of no use, the original is still in its place, and on a full disk each attempt would leave one more.
                copy.Dispose();
                TryDelete(target);
                throw;
            }
        }

        files.CopyOwnership(indexPath, target);
        files.SyncDirectory(DirectoryPath);
        return target;
    }

    private static void CopyBytes(StorageFile source, StorageFile copy, long offset, CancellationToken cancellationToken)
    {
        var length = source.Length;
        var buffer = new byte[Math.Clamp(length - offset, 1, CopyBufferBytes)];
        for (var at = offset; at < length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var read = source.Read(at, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at)));
            if (read == 0) break;
            // A preallocated log ends in many zeros: the copy's length says where the rest was.
            if (buffer.AsSpan(0, read).ContainsAnyExcept((byte)0)) copy.Write(at - offset, buffer.AsSpan(0, read));
            at += read;
        }

        if (offset == 0) copy.SetLength(length);
        copy.Sync();
    }

    private void TryDelete(string target)
    {
        try
        {
            files.DeleteFile(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // the first failure is the one to report
        }
    }

    private void Prepare()
    {
        if (files.DirectoryExists(DirectoryPath)) return;
        files.CreateDirectory(DirectoryPath);
        files.CopyOwnership(indexPath, DirectoryPath);
        files.SyncDirectory(indexPath);
    }

    private string NewName(string original)
    {
        var time = files.Clock.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        for (var i = 0; ; i++)
        {
            var path = Path.Combine(DirectoryPath, string.Create(CultureInfo.InvariantCulture, $"{time}-{i:D4}-{original}"));
            if (!files.FileExists(path) && !files.DirectoryExists(path)) return path;
        }
    }
}
