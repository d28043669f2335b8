using Hestia.Backup.S3;
using Hestia.Backup.Stores;
using Hestia.Core;

[assembly: Hestia.Backup.StoreProvider(typeof(S3StoreProvider))]

namespace Hestia.Backup.S3;

/// <summary>Opens stores on <c>s3://bucket/prefix</c>.</summary>
internal sealed class S3StoreProvider : StoreProvider
{
    public override RepositoryStore Open(string location, StoreOptions? options)
    {
        var place = S3Place.Parse(location);
        var settings = options switch
        {
            null => new S3Options(),
            S3Options s3 => s3,
            _ => throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"The options given for '{location}' are for another kind of store.", location,
                "Give those of S3."),
        };
        return new S3Store(place, settings);
    }
}
