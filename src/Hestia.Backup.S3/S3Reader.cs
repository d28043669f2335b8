using System.Globalization;
using System.Net;
using Amazon.S3;
using Amazon.S3.Model;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Backup.S3;

/// <summary>A range of an object being read. A connection that breaks is made again where it broke, for the same version.</summary>
internal sealed class S3Reader : StoredReader
{
    private const int BufferBytes = 128 << 10;

    private readonly AmazonS3Client _client;
    private readonly S3Requests _requests;
    private readonly string _bucket;
    private readonly string _key;
    private readonly string _name;
    private readonly CancellationToken _cancellationToken;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private GetObjectResponse? _response;
    private string? _etag;
    private long _offset;
    private long _stop;
    private long _length;

    private S3Reader(
        AmazonS3Client client, S3Requests requests, string bucket, string key, string name, CancellationToken cancellationToken)
    {
        _client = client;
        _requests = requests;
        _bucket = bucket;
        _key = key;
        _name = name;
        _cancellationToken = cancellationToken;
    }

    public override long Length => _length;

    /// <summary>Opens it. Throws <see cref="S3Refusal"/>: 404 there is none, 416 it ends before the offset.</summary>
    public static S3Reader Open(
        AmazonS3Client client, S3Requests requests, string bucket, string key, string name, long offset, long maxBytes,
        CancellationToken cancellationToken)
    {
        var reader = new S3Reader(client, requests, bucket, key, name, cancellationToken) { _offset = offset };
        try
        {
            reader._requests.Send("reading", name, guard => reader.Connect(maxBytes, guard), cancellationToken);
            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        if (_start == _end)
        {
            if (_offset >= _stop) return 0;
            Fill();
        }

        var count = Math.Min(buffer.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        _response?.Dispose();
        _response = null;
    }

    private void Fill()
    {
        if (_buffer.Length == 0) _buffer = new byte[(int)Math.Min(BufferBytes, _stop - _offset)];
        int read;
        try
        {
            read = _requests.Send("reading", _name, FillAsync, _cancellationToken);
        }
        catch (S3Refusal e)
        {
            throw new HestiaException(
                HestiaErrorCode.IoError,
                $"'{_name}' was replaced or removed while it was read: {e.Message}",
                _name,
                "Find out who changes the repository, then try again.",
                e);
        }

        _start = 0;
        _end = read;
        _offset += read;
    }

    private async Task<int> FillAsync(StallGuard guard)
    {
        if (_response is null) await Connect(_stop - _offset, guard).ConfigureAwait(false);
        try
        {
            var wanted = (int)Math.Min(_buffer.Length, _stop - _offset);
            var read = await _response!.ResponseStream.ReadAsync(_buffer.AsMemory(0, wanted), guard.Token).ConfigureAwait(false);
            if (read > 0) return read;
            throw new IOException($"the answer ended {_stop - _offset:N0} bytes early.");
        }
        catch
        {
            _response?.Dispose(); // the next try makes a new one, from where this one ended
            _response = null;
            throw;
        }
    }

    private async Task<bool> Connect(long maxBytes, StallGuard guard)
    {
        var request = new GetObjectRequest { BucketName = _bucket, Key = _key, EtagToMatch = _etag };
        var ranged = _offset > 0 || maxBytes < long.MaxValue;
        if (ranged)
        {
            request.ByteRange = maxBytes > long.MaxValue - _offset
                ? new ByteRange(string.Create(CultureInfo.InvariantCulture, $"bytes={_offset}-"))
                : new ByteRange(_offset, _offset + maxBytes - 1);
        }

        var response = await _client.GetObjectAsync(request, guard.Token).ConfigureAwait(false);
        var total = response.HttpStatusCode == HttpStatusCode.PartialContent ? TotalOf(response.ContentRange) : response.ContentLength;
        if (total < 0 || (ranged && _offset > 0 && response.HttpStatusCode != HttpStatusCode.PartialContent))
        {
            response.Dispose();
            throw new HestiaException(
                HestiaErrorCode.IoError, $"The service does not answer as S3 does when a range of '{_name}' is asked for.", _name,
                "Check that the endpoint is one of S3, and what is between it and here.");
        }

        if (_etag is null)
        {
            _etag = response.ETag;
            _length = total;
            _stop = maxBytes >= total - _offset ? total : _offset + maxBytes;
        }

        _response = response;
        return true;
    }

    /// <summary>The size behind the '/' of "bytes 0-99/1234"; -1 if it is not there.</summary>
    private static long TotalOf(string? range)
    {
        var slash = range?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        return slash >= 0 && long.TryParse(range.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var total)
            ? total : -1;
    }
}

/// <summary>Nothing of an item: reading begins behind its end.</summary>
internal sealed class S3EmptyReader(long length) : StoredReader
{
    public override long Length { get; } = Math.Max(0, length);

    public override int Read(Span<byte> buffer) => 0;

    protected override void Dispose(bool disposing)
    {
    }
}
