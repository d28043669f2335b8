using System.Security.Cryptography;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>An object of one repository on its way into another, hashed while it is read.</summary>
internal sealed class StoredContent(
    RepositoryContext repository, SegmentId id, long size, ProgressMeter? progress, CancellationToken cancellationToken) : ObjectContent
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private StoredReader? _reader;
    private long _offset;

    public override long Length => size;

    public override int Read(Span<byte> buffer)
    {
        try
        {
            _reader ??= repository.Store.OpenRead(repository.ObjectName(id), 0, cancellationToken) ?? throw Missing();
            var read = _reader.Read(buffer);
            if (_offset + read > size) throw Damaged($"is longer than {size:N0} bytes");
            _offset += read;
            _hash.AppendData(buffer[..read]);
            progress?.AddBytes(read);
            return read;
        }
        catch (InvalidDataException e)
        {
            throw Damaged("does not hold what was written into it: " + e.Message.TrimEnd('.'));
        }
    }

    public override void Rewind()
    {
        progress?.AddBytes(-_offset);
        _offset = 0;
        _reader?.Dispose();
        _reader = null;
        Span<byte> unused = stackalloc byte[SegmentId.Size];
        _hash.GetHashAndReset(unused);
    }

    public override void Verify()
    {
        Span<byte> hash = stackalloc byte[SegmentId.Size];
        _hash.GetHashAndReset(hash);
        if (_offset != size) throw Damaged($"is {_offset:N0} bytes long instead of {size:N0}");
        if (new SegmentId(hash) != id) throw Damaged($"does not hold what was written into it: its SHA-256 is {new SegmentId(hash)}");
    }

    protected override void Dispose(bool disposing)
    {
        _reader?.Dispose();
        _hash.Dispose();
    }

    private HestiaException Missing() => new(
        HestiaErrorCode.ObjectMissing,
        $"Object {repository.ObjectName(id)} is missing from the repository '{repository.Location}', so this backup cannot be copied.",
        repository.ObjectName(id),
        "Test-HestiaBackup names the backups that are whole; back up the index again if it still exists.");

    private HestiaException Damaged(string what) => new(
        HestiaErrorCode.ObjectDamaged,
        $"Object {repository.ObjectName(id)} of the repository '{repository.Location}' {what}.",
        repository.ObjectName(id),
        "Test-HestiaBackup -Deep names the backups that are whole; back up the index again if it still exists.");
}
