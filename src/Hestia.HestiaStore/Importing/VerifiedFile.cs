using System.IO.Compression;
using System.Security.Cryptography;
using Hestia.Backup.Logical;

namespace Hestia.HestiaStore.Importing;

/// <summary>
/// A data file of an export, decompressed while it is read, and hashed as it lies on the disk. <see cref="Complete"/> reads what decompression left
/// and compares the hash; until then nothing of it is to be relied on.
/// </summary>
internal sealed class VerifiedFile : IDisposable
{
    private readonly StoreExport _export;
    private readonly string _name;
    private readonly HashingStream _raw;

    public VerifiedFile(StoreExport export, string name)
    {
        _export = export;
        _name = name;
        _raw = new HashingStream(new SourceFileStream(export.Files, export.FullPath(name)));
        Content = export.IsGzip ? new GZipStream(_raw, CompressionMode.Decompress) : _raw;
    }

    /// <summary>What is in it.</summary>
    public Stream Content { get; }

    /// <summary>Bytes of the file read so far.</summary>
    public long BytesRead => _raw.BytesRead;

    /// <exception cref="InvalidDataException">It does not match its checksum.</exception>
    public void Complete()
    {
        if (_raw.FinishHash() != _export.Checksum(_name)) throw new InvalidDataException($"{_name} does not match its checksum");
    }

    public void Dispose()
    {
        if (Content != _raw) Content.Dispose();
        _raw.Dispose();
    }

    private sealed class HashingStream(SourceFileStream file) : Stream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public long BytesRead { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => file.Length;

        public override long Position
        {
            get => BytesRead;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var read = file.Read(buffer);
            _hash.AppendData(buffer[..read]);
            BytesRead += read;
            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public string FinishHash()
        {
            Span<byte> rest = stackalloc byte[4096];
            while (Read(rest) > 0)
            {
            }

            return Convert.ToHexString(_hash.GetHashAndReset()).ToLowerInvariant();
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _hash.Dispose();
                file.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
