using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Checksums;

namespace Hestia.Backup.S3;

/// <summary>
/// Sends objects. A piece is read and hashed as a whole before any of it is sent, so that a try again needs nothing of the source, and the
/// object is verified before the request that makes it readable. Each piece goes with its MD5, and what comes back is held against it; a
/// service whose answer proves nothing is asked for the bytes.
/// </summary>
internal sealed class S3Upload : IDisposable
{
    private const int DefaultPartBytes = 8 << 20;
    private const int MaxParts = 10_000;

    /// <summary>Pieces in memory at once, whatever the parallelism: 128 MiB.</summary>
    private const int MaxBuffers = 16;

    private const int ReadBytes = 256 << 10;

    private readonly S3Place _place;
    private readonly string _location;
    private readonly S3Options _options;
    private readonly S3Connection _connection;
    private readonly S3Requests _requests;
    private readonly BufferPool _buffers = new(MaxBuffers);
    private readonly bool _checksums;

    // Over TLS the signature need not cover the body: TLS and the MD5 do.
    private readonly bool _unsigned;

    public S3Upload(S3Place place, string location, S3Options options, S3Connection connection, S3Requests requests)
    {
        _place = place;
        _location = location;
        _options = options;
        _connection = connection;
        _requests = requests;
        _checksums = options.ChecksumMode == S3ChecksumMode.WhenSupported;
        _unsigned = connection.IsEncrypted;
    }

    public int PartBytes { get; set; } = DefaultPartBytes;

    private AmazonS3Client Client => _connection.Client;

    public void Dispose() => _buffers.Dispose();

    /// <summary>Sends a small item in one request. Throws <see cref="S3Refusal"/> with 412 if it had to be new and is not.</summary>
    public void PutSmall(string name, byte[] content, bool onlyIfNew, CancellationToken cancellationToken) =>
        PutPiece(name, content, content.Length, onlyIfNew, withClass: false, cancellationToken);

    /// <summary>
    /// Sends an object. Where it has to be new and the name is taken: nothing happens if the very same is there, or one of the same size that the content
    /// trusts (encrypted, no two of the same segment have the same bytes); or else it throws <see cref="S3Refusal"/> with 412.
    /// </summary>
    public void Put(string name, ObjectContent content, bool onlyIfNew, CancellationToken cancellationToken)
    {
        // Parts grow with the object, so that there are never too many.
        var part = (int)Math.Min(Array.MaxLength, Math.Max(PartBytes, ((content.Length / MaxParts) | 0xFFFFF) + 1));
        var buffer = _buffers.Rent(part, cancellationToken);
        try
        {
            if (content.Length > part)
            {
                PutParts(name, content, buffer, part, onlyIfNew, cancellationToken);
                return;
            }

            var length = content.ReadFull(buffer.AsSpan(0, part));
            content.Verify();
            try
            {
                PutPiece(name, buffer, length, onlyIfNew, withClass: true, cancellationToken);
            }
            catch (S3Refusal e) when (e.Status == HttpStatusCode.PreconditionFailed)
            {
                var (etag, size) = LookAt(name, cancellationToken);
                if (!new Sums(buffer.AsSpan(0, length), crc: false).ProvenBy(etag, null) && !(content.TrustsSize && size == length)) throw;
            }
        }
        finally
        {
            _buffers.Return(buffer);
        }
    }

    /// <summary>Gives up an upload in parts; what was sent of it is removed by the service.</summary>
    public void Abort(string key, string uploadId, CancellationToken cancellationToken)
    {
        var request = new AbortMultipartUploadRequest { BucketName = _place.Bucket, Key = key, UploadId = uploadId };
        try
        {
            _requests.Send(
                "giving up an upload of", key[_place.Prefix.Length..], guard => Client.AbortMultipartUploadAsync(request, guard.Token),
                cancellationToken);
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotFound)
        {
            // gone already
        }
    }

    private void PutPiece(string name, byte[] bytes, int length, bool onlyIfNew, bool withClass, CancellationToken cancellationToken)
    {
        var sums = new Sums(bytes.AsSpan(0, length), _checksums);
        var response = _requests.Send(
            "writing",
            name,
            async guard =>
            {
                using var body = new PieceStream(bytes, length, guard);
                var request = new PutObjectRequest
                {
                    BucketName = _place.Bucket,
                    Key = _place.Key(name),
                    InputStream = body,
                    AutoCloseStream = false,
                    MD5Digest = sums.Md5Base64,
                    ChecksumCRC32C = sums.Crc,
                    ContentType = "application/octet-stream",
                    UseChunkEncoding = false,
                    DisablePayloadSigning = _unsigned,
                };
                if (onlyIfNew) request.IfNoneMatch = "*";
                if (withClass && _options.StorageClass is { } storage) request.StorageClass = new S3StorageClass(storage);
                if (Encryption is { } method)
                {
                    request.ServerSideEncryptionMethod = method;
                    request.ServerSideEncryptionKeyManagementServiceKeyId = _options.KmsKeyId;
                }

                return await Client.PutObjectAsync(request, guard.Token).ConfigureAwait(false);
            },
            cancellationToken);
        if (!sums.ProvenBy(response.ETag, response.ChecksumCRC32C))
            ReadBack(name, [sums.Md5], length, length, cancellationToken);
    }

    private void PutParts(
        string name, ObjectContent content, byte[] buffer, int partBytes, bool onlyIfNew, CancellationToken cancellationToken)
    {
        var key = _place.Key(name);
        var begin = new InitiateMultipartUploadRequest
        {
            BucketName = _place.Bucket,
            Key = key,
            ContentType = "application/octet-stream",
            ChecksumAlgorithm = _checksums ? ChecksumAlgorithm.CRC32C : null,
        };
        if (_options.StorageClass is { } storage) begin.StorageClass = new S3StorageClass(storage);
        if (Encryption is { } method)
        {
            begin.ServerSideEncryptionMethod = method;
            begin.ServerSideEncryptionKeyManagementServiceKeyId = _options.KmsKeyId;
        }

        var upload = _requests.Send(
            "writing", name, guard => Client.InitiateMultipartUploadAsync(begin, guard.Token), cancellationToken).UploadId;
        try
        {
            var parts = new List<PartETag>();
            var digests = new List<byte[]>();
            var proven = true;
            long sent = 0;
            for (int length; (length = content.ReadFull(buffer.AsSpan(0, partBytes))) > 0; sent += length)
            {
                var sums = new Sums(buffer.AsSpan(0, length), _checksums);
                var response = PutPart(name, upload, parts.Count + 1, buffer, length, sums, cancellationToken);
                proven &= sums.ProvenBy(response.ETag, response.ChecksumCRC32C);
                parts.Add(new PartETag(parts.Count + 1, response.ETag) { ChecksumCRC32C = sums.Crc });
                digests.Add(sums.Md5);
                if (parts.Count == MaxParts && sent + length < content.Length) throw new InvalidOperationException("Too many parts.");
            }

            content.Verify();
            var etag = Complete(name, upload, parts, sent, onlyIfNew, content.TrustsSize, digests, out var other, cancellationToken);
            if (other) return;
            if (!proven || !IsWhole(etag, digests)) ReadBack(name, digests, partBytes, sent, cancellationToken);
        }
        catch
        {
            try
            {
                var request = new AbortMultipartUploadRequest { BucketName = _place.Bucket, Key = key, UploadId = upload };
                _requests.SendOnce("giving up an upload of", name, guard => Client.AbortMultipartUploadAsync(request, guard.Token));
            }
            catch (Exception e) when (e is HestiaException or S3Refusal)
            {
                // The failure before it is the one to report; RemoveUnfinished takes what is left.
            }

            throw;
        }
    }

    private UploadPartResponse PutPart(
        string name, string upload, int number, byte[] buffer, int length, Sums sums, CancellationToken cancellationToken) =>
        _requests.Send(
            "writing",
            name,
            async guard =>
            {
                using var body = new PieceStream(buffer, length, guard);
                var request = new UploadPartRequest
                {
                    BucketName = _place.Bucket,
                    Key = _place.Key(name),
                    UploadId = upload,
                    PartNumber = number,
                    PartSize = length,
                    InputStream = body,
                    MD5Digest = sums.Md5Base64,
                    ChecksumCRC32C = sums.Crc,
                    UseChunkEncoding = false,
                    DisablePayloadSigning = _unsigned,
                };
                return await Client.UploadPartAsync(request, guard.Token).ConfigureAwait(false);
            },
            cancellationToken);

    /// <summary>Makes the parts one object; returns its ETag, or null if its answer was lost and the object is there.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="upload">Id of the upload.</param>
    /// <param name="parts">What was sent.</param>
    /// <param name="size">Bytes of all.</param>
    /// <param name="onlyIfNew">Not if the name is taken.</param>
    /// <param name="trustsSize">Then what has the name may stay if it has the same size.</param>
    /// <param name="digests">MD5 of each part.</param>
    /// <param name="other">Whether it did.</param>
    /// <param name="cancellationToken">Cancels.</param>
    private string? Complete(
        string name, string upload, List<PartETag> parts, long size, bool onlyIfNew, bool trustsSize, List<byte[]> digests, out bool other,
        CancellationToken cancellationToken)
    {
        other = false;
        var request = new CompleteMultipartUploadRequest
        {
            BucketName = _place.Bucket,
            Key = _place.Key(name),
            UploadId = upload,
            PartETags = parts,
        };
        if (onlyIfNew) request.IfNoneMatch = "*";
        try
        {
            return _requests.Send(
                "completing", name, guard => Client.CompleteMultipartUploadAsync(request, guard.Token), cancellationToken).ETag;
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotFound)
        {
            // Completed, the answer lost, sent again: then the upload is gone and the object is there.
            var look = new GetObjectMetadataRequest { BucketName = _place.Bucket, Key = _place.Key(name) };
            var found = _requests.Send("looking at", name, guard => Client.GetObjectMetadataAsync(look, guard.Token), cancellationToken);
            if (found.ContentLength != size) throw;
            return null;
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.PreconditionFailed)
        {
            var (there, length) = LookAt(name, cancellationToken);
            other = !IsWhole(there, digests);
            if (other && !(trustsSize && length == size)) throw;
            Abort(_place.Key(name), upload, cancellationToken);
            return there;
        }
    }

    private (string? ETag, long Size) LookAt(string name, CancellationToken cancellationToken)
    {
        var request = new GetObjectMetadataRequest { BucketName = _place.Bucket, Key = _place.Key(name) };
        try
        {
            var found = _requests.Send("looking at", name, guard => Client.GetObjectMetadataAsync(request, guard.Token), cancellationToken);
            return (found.ETag, found.ContentLength);
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotFound)
        {
            return (null, -1); // removed a moment ago
        }
    }

    private ServerSideEncryptionMethod? Encryption => _options.Encryption switch
    {
        S3Encryption.Aes256 => ServerSideEncryptionMethod.AES256,
        S3Encryption.AwsKms => ServerSideEncryptionMethod.AWSKMS,
        _ => null,
    };

    /// <summary>Whether an ETag is that of exactly these parts: the MD5 of their MD5s, and their number.</summary>
    private static bool IsWhole(string? etag, List<byte[]> digests)
    {
        if (etag is null) return false;
        var all = new byte[digests.Count * MD5.HashSizeInBytes];
        for (var i = 0; i < digests.Count; i++) digests[i].CopyTo(all, i * MD5.HashSizeInBytes);
#pragma warning disable CA5351 // S3 identifies content by MD5; nothing here relies on it against an attacker
        var expected = $"{Convert.ToHexString(MD5.HashData(all))}-{digests.Count}";
#pragma warning restore CA5351
        return etag.Trim('"').Equals(expected, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// Fetches what was stored and holds it against what was sent. One that differs is not removed: by then it may be what another host has stored and relies
    /// on. Whoever stores objects leaves a note on it.
    /// </summary>
    private void ReadBack(string name, IReadOnlyList<byte[]> digests, int partBytes, long size, CancellationToken cancellationToken)
    {
        var key = _place.Key(name);
        using (var reader = S3Reader.Open(Client, _requests, _place.Bucket, key, name, 0, long.MaxValue, cancellationToken))
            if (reader.Length == size && Matches(reader, digests, partBytes)) return;

        throw new HestiaException(
            HestiaErrorCode.ObjectDamaged,
            $"'{_location}' does not give back what was written as '{name}'.",
            _location,
            "Check the service and what is between it and here, then run it again.");
    }

    private static bool Matches(S3Reader reader, IReadOnlyList<byte[]> digests, int partBytes)
    {
        var buffer = new byte[ReadBytes];
        foreach (var expected in digests)
        {
#pragma warning disable CA5351
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
            for (var left = partBytes; left > 0;)
            {
                var read = reader.Read(buffer.AsSpan(0, Math.Min(left, buffer.Length)));
                if (read == 0) break;
                hash.AppendData(buffer, 0, read);
                left -= read;
            }

            if (!hash.GetHashAndReset().AsSpan().SequenceEqual(expected)) return false;
        }

        return true;
    }

    /// <summary>What proves a piece.</summary>
    private readonly struct Sums
    {
        public Sums(ReadOnlySpan<byte> bytes, bool crc)
        {
#pragma warning disable CA5351
            Md5 = MD5.HashData(bytes);
#pragma warning restore CA5351
            Md5Base64 = Convert.ToBase64String(Md5);
            if (!crc) return;
            Span<byte> value = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(value, Crc32C.Compute(bytes));
            Crc = Convert.ToBase64String(value);
        }

        public byte[] Md5 { get; }

        public string Md5Base64 { get; }

        public string? Crc { get; }

        /// <summary>An ETag is the MD5 unless KMS encrypts; a checksum comes back where it was understood.</summary>
        public bool ProvenBy(string? etag, string? crc) =>
            (etag is not null && etag.Trim('"').Equals(Convert.ToHexString(Md5), StringComparison.OrdinalIgnoreCase))
            || (Crc is not null && crc == Crc);
    }
}
