using System.Net;
using Amazon.S3;
using Amazon.S3.Model;
using Hestia.Backup.Format;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Backup.S3;

/// <summary>A store in a bucket: a name becomes a key behind the prefix. The bucket itself is never created.</summary>
internal sealed class S3Store : RepositoryStore
{
    /// <summary>Most keys an answer of a list holds.</summary>
    private const int ListPage = 1000;

    /// <summary>A list that finds fewer of the wanted names than this costs more than asking for each.</summary>
    private const int WorthListing = 8;

    /// <summary>Requests at once for the sizes of single names.</summary>
    private const int LookupsAtOnce = 16;

    private readonly S3Place _place;
    private readonly S3Options _options;
    private readonly S3Connection _connection;
    private readonly S3Requests _requests;
    private readonly S3Upload _upload;
    private volatile bool _noConditions;

    public S3Store(S3Place place, S3Options options)
    {
        _place = place;
        _options = options;
        Location = place.ToString();
        _connection = new S3Connection(Location, options);
        _requests = new S3Requests(_connection, Location, options);
        _upload = new S3Upload(place, Location, options, _connection, _requests);
    }

    public override string Location { get; }

    public override StoreCapabilities Capabilities => new(AtomicCreate: !_noConditions, DurableWhenStored: true, Remote: true);

    /// <summary>Bytes of a part, and the largest object sent in one request. For tests; at least 5 MiB to a real service.</summary>
    public int PartBytes
    {
        get => _upload.PartBytes;
        set => _upload.PartBytes = value;
    }

    private AmazonS3Client Client => _connection.Client;

    public override void Prepare(CancellationToken cancellationToken)
    {
        if (ListKeys("", 1, cancellationToken).FirstOrDefault() is not { } found) return;
        if (SizeOf(RepositoryNames.Descriptor, cancellationToken) >= 0) throw Exists(Location);
        throw new HestiaException(
            HestiaErrorCode.TargetNotEmpty,
            $"'{Location}' is not empty ('{found.Key}' is in it), so no repository is made there.",
            Location,
            "Choose a prefix under which there is nothing.");
    }

    public override IEnumerable<StoredItem> List(string prefix, CancellationToken cancellationToken)
    {
        var any = false;
        foreach (var item in ListKeys(prefix, ListPage, cancellationToken))
        {
            any = true;
            var name = item.Key[_place.Prefix.Length..];
            if (!IsName(name)) continue; // somebody else's; none of our names looks like that
            yield return new StoredItem(name, item.Size ?? 0, (item.LastModified ?? DateTime.MinValue).ToUniversalTime());
        }

        if (!any) EnsureAlive(cancellationToken);
    }

    public override void GetSizes(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken)
    {
        sizes.Fill(-1);
        var next = 0;
        while (next < names.Length)
        {
            // Strictly behind the name without its last character: from the name itself on.
            var begin = next;
            var common = CommonPrefix(names[next], names[^1]);
            var page = ListPageOf(common, _place.Key(names[next][..^1]), ListPage, cancellationToken);
            var last = "";
            foreach (var item in page.S3Objects ?? [])
            {
                last = item.Key[_place.Prefix.Length..];
                while (next < names.Length && string.CompareOrdinal(names[next], last) < 0) next++;
                if (next < names.Length && names[next] == last) sizes[next++] = item.Size ?? 0;
            }

            if (page.IsTruncated != true) break; // behind the page there is nothing
            while (next < names.Length && string.CompareOrdinal(names[next], last) <= 0) next++;
            if (next - begin >= WorthListing) continue;
            LookUp(names[next..], sizes[next..], cancellationToken);
            break;
        }

        if (sizes.Contains(-1)) EnsureAlive(cancellationToken);
    }

    public override bool TryCreate(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        // A refused upload is dearer than a question, and some services do not know the condition.
        if (ExistsAlready(name, cancellationToken)) return false;
        if (!_noConditions)
        {
            try
            {
                _upload.PutSmall(name, content.ToArray(), onlyIfNew: true, cancellationToken);
                return true;
            }
            catch (S3Refusal e) when (e.Status == HttpStatusCode.PreconditionFailed)
            {
                // Refused once, or stored, the answer lost, sent again and refused: what is there tells.
                return Holds(name, content, cancellationToken);
            }
            catch (S3Refusal e) when (e.Status == HttpStatusCode.NotImplemented)
            {
                _noConditions = true;
            }
            catch (S3Refusal e)
            {
                throw Unexpected(e, "writing", name);
            }
        }

        _upload.PutSmall(name, content.ToArray(), onlyIfNew: false, cancellationToken);
        return Holds(name, content, cancellationToken);
    }

    public override void Put(string name, ObjectContent content, CancellationToken cancellationToken)
    {
        CheckName(name);
        try
        {
            // Nearly always the name is free, and a host may be allowed no more than that.
            if (!_noConditions && !content.Replaces && TryPutNew(name, content, cancellationToken)) return;
            content.Rewind();
            _upload.Put(name, content, onlyIfNew: false, cancellationToken);
        }
        catch (S3Refusal e)
        {
            throw Unexpected(e, "writing", name);
        }
    }

    public override void MakeDurable(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        // What the service has acknowledged is durable.
    }

    public override StoredReader? OpenRead(string name, long offset, long maxBytes, CancellationToken cancellationToken)
    {
        var key = _place.Key(CheckName(name));
        try
        {
            return S3Reader.Open(Client, _requests, _place.Bucket, key, name, offset, maxBytes, cancellationToken);
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotFound)
        {
            if (name != RepositoryNames.Descriptor) EnsureAlive(cancellationToken);
            return null;
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return new S3EmptyReader(SizeOf(name, cancellationToken)); // from behind its end
        }
        catch (S3Refusal e)
        {
            throw Unexpected(e, "reading", name);
        }
    }

    public override void Delete(string name, CancellationToken cancellationToken)
    {
        var request = new DeleteObjectRequest { BucketName = _place.Bucket, Key = _place.Key(CheckName(name)) };
        try
        {
            _requests.Send("removing", name, guard => Client.DeleteObjectAsync(request, guard.Token), cancellationToken);
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotFound)
        {
            // gone already
        }
        catch (S3Refusal e)
        {
            throw Unexpected(e, "removing", name);
        }
    }

    public override DateTime ReadClock(CancellationToken cancellationToken)
    {
        ListPageOf(RepositoryNames.Descriptor, null, 1, cancellationToken);
        return _connection.ServerTime ?? throw new HestiaException(
            HestiaErrorCode.IoError, $"The service of '{Location}' does not say what time it is.", Location,
            "It has to send a Date header.");
    }

    public override int RemoveUnfinished(TimeSpan olderThan, CancellationToken cancellationToken)
    {
        var now = ReadClock(cancellationToken);
        var removed = 0;
        string? keyMarker = null;
        string? uploadMarker = null;
        while (true)
        {
            var request = new ListMultipartUploadsRequest
            {
                BucketName = _place.Bucket,
                Prefix = _place.Prefix.Length == 0 ? null : _place.Prefix,
                KeyMarker = keyMarker,
                UploadIdMarker = uploadMarker,
            };
            var page = Ask("listing", null, guard => Client.ListMultipartUploadsAsync(request, guard.Token), cancellationToken);
            foreach (var upload in page.MultipartUploads ?? [])
            {
                if (!RepositoryNames.IsObject(upload.Key[_place.Prefix.Length..])) continue; // nothing else is sent in parts; a repository may be a bucket's root
                if (upload.Initiated is not { } begun || now - begun.ToUniversalTime() < olderThan) continue;
                _upload.Abort(upload.Key, upload.UploadId, cancellationToken);
                removed++;
            }

            if (page.IsTruncated != true || (page.NextKeyMarker == keyMarker && page.NextUploadIdMarker == uploadMarker)) return removed;
            keyMarker = page.NextKeyMarker;
            uploadMarker = page.NextUploadIdMarker;
        }
    }

    protected override void Dispose(bool disposing)
    {
        _connection.Dispose();
        _upload.Dispose();
    }

    private static string CommonPrefix(string a, string b) => a[..a.AsSpan().CommonPrefixLength(b)];

    /// <summary>Every key with a prefix. A page may be short or empty and not the last: only the service says which is.</summary>
    private IEnumerable<S3Object> ListKeys(string prefix, int pageSize, CancellationToken cancellationToken)
    {
        string? token = null;
        while (true)
        {
            var page = ListPageOf(prefix, null, pageSize, cancellationToken, token);
            foreach (var item in page.S3Objects ?? []) yield return item;
            if (page.IsTruncated != true) yield break;
            if (string.IsNullOrEmpty(page.NextContinuationToken) || page.NextContinuationToken == token)
            {
                throw new HestiaException(
                    HestiaErrorCode.IoError,
                    $"The service of '{Location}' says that its list goes on and not where, so what is there is not known.",
                    Location,
                    "Check the service and what is between it and here; it has to send NextContinuationToken.");
            }

            token = page.NextContinuationToken;
        }
    }

    private ListObjectsV2Response ListPageOf(
        string prefix, string? after, int count, CancellationToken cancellationToken, string? continuation = null)
    {
        var request = new ListObjectsV2Request
        {
            BucketName = _place.Bucket,
            Prefix = _place.Prefix + prefix,
            MaxKeys = count,
            StartAfter = after,
            ContinuationToken = continuation,
        };
        return Ask("listing", null, guard => Client.ListObjectsV2Async(request, guard.Token), cancellationToken);
    }

    /// <summary>False if something else has the name, or the service knows no conditions.</summary>
    private bool TryPutNew(string name, ObjectContent content, CancellationToken cancellationToken)
    {
        try
        {
            _upload.Put(name, content, onlyIfNew: true, cancellationToken);
            return true;
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.PreconditionFailed)
        {
            return false;
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotImplemented)
        {
            _noConditions = true;
            return false;
        }
    }

    private bool ExistsAlready(string name, CancellationToken cancellationToken)
    {
        try
        {
            return SizeOf(name, cancellationToken) >= 0;
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.AccessDenied)
        {
            return false; // who may not list is told 403 for what is not there; the upload itself will say what is the matter
        }
    }

    /// <summary>Size of one item; -1 if it is not there.</summary>
    private long SizeOf(string name, CancellationToken cancellationToken)
    {
        var request = new GetObjectMetadataRequest { BucketName = _place.Bucket, Key = _place.Key(CheckName(name)) };
        try
        {
            return _requests.Send(
                "looking at", name, guard => Client.GetObjectMetadataAsync(request, guard.Token), cancellationToken).ContentLength;
        }
        catch (S3Refusal e) when (e.Status == HttpStatusCode.NotFound)
        {
            return -1;
        }
        catch (S3Refusal e)
        {
            throw Unexpected(e, "looking at", name);
        }
    }

    private void LookUp(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken)
    {
        var wanted = names.ToArray();
        var found = new long[wanted.Length];
        var order = new int[wanted.Length];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        Jobs.Workers.Run(order, LookupsAtOnce, (i, token) => found[i] = SizeOf(wanted[i], token), cancellationToken);
        found.CopyTo(sizes);
    }

    /// <summary>A prefix where repository.json is gone must not look like a repository where everything is missing.</summary>
    private void EnsureAlive(CancellationToken cancellationToken)
    {
        if (SizeOf(RepositoryNames.Descriptor, cancellationToken) >= 0) return;
        ListPageOf("", null, 1, cancellationToken); // names a bucket that is missing; a look at a key cannot
        throw Jobs.RepositoryContext.NotFound(Location);
    }

    private T Ask<T>(string doing, string? name, Func<StallGuard, Task<T>> request, CancellationToken cancellationToken)
    {
        try
        {
            return _requests.Send(doing, name, request, cancellationToken);
        }
        catch (S3Refusal e)
        {
            throw Unexpected(e, doing, name);
        }
    }

    private HestiaException Unexpected(S3Refusal refusal, string doing, string? name) =>
        refusal.Failure.ToException(Location, _options, doing, name, 1, _connection.ServerTime);
}
