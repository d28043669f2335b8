using System.Buffers;
using System.Security.Cryptography;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Backup.FileSets;

/// <summary>What a folder holds at one moment: names, sizes and times, without the content. Two that are equal say that nothing changed between.</summary>
internal sealed class FileSetSurvey
{
    /// <summary>Deeper is taken for a cycle of links.</summary>
    private const int MaxDepth = 8;

    private const int ReadBytes = 256 << 10;

    private readonly record struct Seen(string Path, long Size, DateTime Modified);

    private readonly FileSystem _files;
    private readonly string _folder;
    private readonly FileSetKind _kind;
    private readonly List<Seen> _seen = [];

    private FileSetSurvey(FileSystem files, string folder, FileSetKind kind)
    {
        _files = files;
        _folder = folder;
        _kind = kind;
    }

    /// <summary>Folders, in order of their names.</summary>
    public List<string> Folders { get; } = [];

    public int Count => _seen.Count;

    public long Bytes
    {
        get
        {
            long bytes = 0;
            foreach (var file in _seen) bytes += file.Size;
            return bytes;
        }
    }

    /// <exception cref="HestiaException">InvalidOption (more files, or deeper, than is backed up), IoError, AccessDenied.</exception>
    public static FileSetSurvey Take(FileSystem files, string folder, FileSetKind kind)
    {
        var survey = new FileSetSurvey(files, folder, kind);
        try
        {
            survey.Add("", 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, folder, "listing");
        }

        survey._seen.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        survey.Folders.Sort(StringComparer.Ordinal);
        return survey;
    }

    public bool IsSame(FileSetSurvey other)
    {
        if (_seen.Count != other._seen.Count || Folders.Count != other.Folders.Count) return false;
        for (var i = 0; i < _seen.Count; i++)
            if (_seen[i] != other._seen[i]) return false;
        for (var i = 0; i < Folders.Count; i++)
            if (Folders[i] != other.Folders[i]) return false;
        return true;
    }

    /// <summary>Reads and hashes every file.</summary>
    /// <exception cref="HestiaException">SourceDamaged (a file has another size than a moment ago), IoError, AccessDenied.</exception>
    public FileSetManifest Hash(int parallelism, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        var entries = new FileSetEntry[_seen.Count];
        var numbers = new int[_seen.Count];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = i;
        var meter = new ProgressMeter(progress, $"Reading {_folder}", Bytes, _seen.Count);
        Workers.Run(
            numbers,
            parallelism,
            (i, token) =>
            {
                entries[i] = new FileSetEntry(_seen[i].Path, Hash(_seen[i], meter, token), _seen[i].Size);
                meter.AddItem();
            },
            cancellationToken);
        meter.Finish();
        return new FileSetManifest(entries, Folders);
    }

    public static HestiaException Changed(string folder) => new(
        HestiaErrorCode.SourceDamaged,
        $"'{folder}' was changed while it was backed up: somebody has opened it. No backup was made.",
        folder,
        "Close it, and try again.");

    private void Add(string prefix, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{_folder}' holds folders in folders deeper than {MaxDepth}.", _folder, "Remove the links in it.");
        }

        foreach (var entry in _files.List(Path.Combine(_folder, prefix)))
        {
            var path = prefix.Length == 0 ? entry.Name : $"{prefix}/{entry.Name}";
            if (!_kind.Includes(path)) continue;
            if (!FileSetManifest.IsPath(path) || _seen.Count + Folders.Count == FileSetManifest.MaxFiles)
            {
                throw new HestiaException(
                    HestiaErrorCode.InvalidOption,
                    _seen.Count + Folders.Count == FileSetManifest.MaxFiles
                        ? $"'{_folder}' holds more than {FileSetManifest.MaxFiles:N0} files; so many are not backed up."
                        : $"'{path}' in '{_folder}' has a name that not every system can take.",
                    _folder,
                    "Move what does not belong there elsewhere.");
            }

            if (entry.IsDirectory)
            {
                Folders.Add(path);
                Add(path, depth + 1);
            }
            else
            {
                _seen.Add(new Seen(path, entry.Length, entry.LastWriteTimeUtc));
            }
        }
    }

    private SegmentId Hash(Seen seen, ProgressMeter meter, CancellationToken token)
    {
        var path = Path.Combine(_folder, seen.Path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            using var file = _files.Open(path, FileOpenMode.ReadSequential);
            long offset = 0;
            for (int read; (read = file.Read(offset, buffer.AsSpan(0, ReadBytes))) > 0; offset += read)
            {
                token.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
                meter.AddBytes(read);
            }

            if (offset != seen.Size) throw Changed(_folder);
            Span<byte> result = stackalloc byte[SegmentId.Size];
            hash.GetHashAndReset(result);
            return new SegmentId(result);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
