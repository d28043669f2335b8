using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup.Logical;

/// <summary>A file being read from front to back as a stream, which counts what it has given; failures name the file.</summary>
internal sealed class SourceFileStream : Stream
{
    private readonly StorageFile _file;
    private long _offset;

    /// <exception cref="HestiaException">PathNotFound, AccessDenied, IoError.</exception>
    public SourceFileStream(FileSystem files, string path)
    {
        try
        {
            _file = files.Open(path, FileOpenMode.ReadSequential);
            Length = _file.Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _file?.Dispose();
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    public override long Length { get; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Position
    {
        get => _offset;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        try
        {
            var read = _file.Read(_offset, buffer);
            _offset += read;
            return read;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, _file.Path, "reading");
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>A new file being written from front to back as a stream. It becomes durable with <see cref="Sync"/>.</summary>
internal sealed class TargetFileStream(FileSystem files, string path) : Stream
{
    private readonly StorageFile _file = files.Open(path, FileOpenMode.CreateNew);
    private long _offset;

    public override long Length => _offset;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Position
    {
        get => _offset;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        _file.Write(_offset, buffer);
        _offset += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public void Sync() => _file.Sync();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
        base.Dispose(disposing);
    }
}
