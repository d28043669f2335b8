using System.Security.Cryptography;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>A segment of an index on its way into a repository, hashed while it is read.</summary>
internal sealed class SegmentContent : ObjectContent
{
    private readonly StorageFile _file;
    private readonly SegmentId _id;
    private readonly ProgressMeter _progress;
    private readonly TransferPace? _pace;
    private readonly CancellationToken _stop;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _offset;

    /// <exception cref="HestiaException">SourceDamaged: it is missing or has another size; or the file could not be opened.</exception>
    public SegmentContent(
        FileSystem files, SegmentId id, long size, string path, ProgressMeter progress, TransferPace? pace = null,
        CancellationToken stop = default)
    {
        _id = id;
        _progress = progress;
        _pace = pace;
        _stop = stop;
        Length = size;
        try
        {
            if (!files.FileExists(path)) throw Damaged(path, "is missing");
            _file = files.Open(path, FileOpenMode.ReadSequential);
            if (_file.Length == size) return;
            var found = _file.Length;
            _file.Dispose();
            throw Damaged(path, $"is {found:N0} bytes long instead of {size:N0}");
        }
        catch (Exception e)
        {
            _hash.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "reading");
            throw;
        }
    }

    /// <summary>Whether it is a file of another system's folder, which nothing keeps from being changed.</summary>
    public bool IsForeign { get; init; }

    public override long Length { get; }

    public override int Read(Span<byte> buffer)
    {
        int read;
        if (_pace is not null && buffer.Length > TransferPace.MaxPiece) buffer = buffer[..TransferPace.MaxPiece];
        try
        {
            read = _file.Read(_offset, buffer);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, _file.Path, "reading");
        }

        _pace?.Pass(read, _stop);
        _offset += read;
        _hash.AppendData(buffer[..read]);
        _progress.AddBytes(read);
        return read;
    }

    public override void Rewind()
    {
        _progress.AddBytes(-_offset);
        _offset = 0;
        Span<byte> unused = stackalloc byte[SegmentId.Size];
        _hash.GetHashAndReset(unused);
    }

    public override void Verify()
    {
        Span<byte> hash = stackalloc byte[SegmentId.Size];
        _hash.GetHashAndReset(hash);
        if (_offset != Length) throw Damaged(_file.Path, $"ended after {_offset:N0} bytes instead of {Length:N0}");
        if (new SegmentId(hash) != _id)
            throw Damaged(_file.Path, $"does not hold what was written into it: its SHA-256 is {new SegmentId(hash)}");
    }

    protected override void Dispose(bool disposing)
    {
        _file.Dispose();
        _hash.Dispose();
    }

    private HestiaException Damaged(string path, string what) => IsForeign ? FileSets.FileSetSurvey.Changed(path) : new(
        HestiaErrorCode.SourceDamaged,
        $"Segment '{path}' {what}. No backup was made; earlier ones are untouched.",
        path,
        "Run Test-HestiaIndex -Deep on the index, then repair it or restore the newest backup.");
}
