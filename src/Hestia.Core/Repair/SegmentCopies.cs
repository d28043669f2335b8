using System.Security.Cryptography;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Recovery;
using Hestia.Core.Segments;

namespace Hestia.Core.Repair;

/// <summary>
/// Looks for the bytes of a segment under other names: swapped or renamed files, unfinished ones, quarantine. A segment is named by its
/// hash, so whatever has the hash is the segment.
/// </summary>
internal sealed class SegmentCopies(FileSystem files, string indexPath, CancellationToken cancellation)
{
    private const int BufferBytes = 1 << 20;

    private readonly Dictionary<string, SegmentId?> _hashes = new(StringComparer.Ordinal);
    private List<(string Path, string Name, long Length)>? _candidates;

    /// <summary>A file elsewhere with exactly the bytes of that segment, or null.</summary>
    public string? Find(SegmentId id, long size)
    {
        var own = Path.Combine(indexPath, SegmentsCheck.RelativePath(id));
        foreach (var (path, _, length) in Candidates())
        {
            if (length == size && path != own && HashOf(path) == id) return path;
        }

        return null;
    }

    /// <summary>A damaged file of that name which an earlier repair put into quarantine, the last one first, or null.</summary>
    public string? FindQuarantined(SegmentId id)
    {
        var name = id + FileNames.SegmentExtension;
        string? last = null;
        foreach (var (path, original, _) in Candidates())
        {
            if (Quarantine.OriginalName(original) == name && (last is null || string.CompareOrdinal(path, last) > 0)) last = path;
        }

        return last;
    }

    /// <summary>SHA-256 of a file; null if it cannot be read.</summary>
    public SegmentId? HashOf(string path)
    {
        if (_hashes.TryGetValue(path, out var known)) return known;
        SegmentId? result = null;
        try
        {
            using var file = files.Open(path, FileOpenMode.ReadSequential);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[Math.Clamp(file.Length, 1, BufferBytes)];
            long at = 0;
            for (int read; (read = file.Read(at, buffer)) > 0; at += read)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }

            result = new SegmentId(hash.GetHashAndReset());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // then it is no copy to rely on
        }

        return _hashes[path] = result;
    }

    private List<(string Path, string Name, long Length)> Candidates()
    {
        if (_candidates is not null) return _candidates;
        _candidates = [];
        foreach (var folder in (string[])[FileNames.Segments, FileNames.Quarantine])
        {
            var directory = Path.Combine(indexPath, folder);
            if (!files.DirectoryExists(directory)) continue;
            foreach (var entry in files.List(directory))
                if (!entry.IsDirectory) _candidates.Add((Path.Combine(directory, entry.Name), entry.Name, entry.Length));
        }

        return _candidates;
    }
}
