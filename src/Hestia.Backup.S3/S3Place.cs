using Hestia.Core;

namespace Hestia.Backup.S3;

/// <summary>A bucket and what all keys of a repository in it begin with: empty, or ending in '/'.</summary>
internal readonly record struct S3Place(string Bucket, string Prefix)
{
    private const string Scheme = "s3://";
    private const int MinBucket = 3;
    private const int MaxBucket = 63;

    /// <summary>A key has at most 1,024 bytes; the longest name of a repository takes some hundred of them.</summary>
    private const int MaxPrefix = 700;

    /// <summary>Takes <c>s3://bucket/prefix</c> apart.</summary>
    /// <exception cref="HestiaException">InvalidOption.</exception>
    public static S3Place Parse(string url)
    {
        if (!url.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) throw Invalid(url, "it does not begin with s3://");
        var rest = url.AsSpan(Scheme.Length);
        var slash = rest.IndexOf('/');
        var bucket = (slash < 0 ? rest : rest[..slash]).ToString();
        var prefix = slash < 0 ? "" : rest[(slash + 1)..].TrimEnd('/').ToString();
        if (bucket.Length is < MinBucket or > MaxBucket) throw Invalid(url, $"a bucket's name has {MinBucket} to {MaxBucket} characters");
        foreach (var c in bucket)
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('.' or '-' or '_'))
                throw Invalid(url, $"'{c}' cannot be in a bucket's name");
        if (prefix.Length > MaxPrefix) throw Invalid(url, $"the prefix has more than {MaxPrefix} characters");
        foreach (var c in prefix)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('/' or '.' or '-' or '_' or '=' or '+'))
                throw Invalid(url, $"'{c}' cannot be in the prefix");
        if (prefix.Length > 0)
            foreach (var part in prefix.Split('/'))
                if (part is "" or "." or "..") throw Invalid(url, "the prefix has an empty part or one of dots");
        return new S3Place(bucket, prefix.Length == 0 ? "" : prefix + "/");
    }

    public string Key(string name) => Prefix + name;

    public override string ToString() => Scheme + Bucket + (Prefix.Length == 0 ? "" : "/" + Prefix[..^1]);

    /// <summary>What stands before an '@' may be somebody's secret: it is not said.</summary>
    private static HestiaException Invalid(string url, string why) => new(
        HestiaErrorCode.InvalidOption,
        $"'{Masked(url)}' does not name a place for a repository: {why}.",
        Masked(url),
        "Write s3://bucket/prefix, the prefix of letters, digits and '.', '-', '_', '=', '+', '/'.");

    private static string Masked(string url) => url.LastIndexOf('@') is var at and >= 0 ? $"{Scheme}***{url[at..]}" : url;
}
