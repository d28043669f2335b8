using System.Collections.Concurrent;
using System.Reflection;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup;

/// <summary>
/// Where the kinds of stores come from that are not part of this assembly, by the scheme of their URLs. Each is in an assembly of its own,
/// loaded when the first location with its scheme is used. <c>s3</c> is Hestia.Backup.S3, found beside the application.
/// </summary>
public static class StoreProviders
{
    private static readonly ConcurrentDictionary<string, Lazy<StoreProvider>> s_providers = new(StringComparer.OrdinalIgnoreCase)
    {
        ["s3"] = Deferred("s3", static () => Assembly.Load("Hestia.Backup.S3")),
    };

    /// <summary>Says where the assembly of a scheme comes from, for hosts that load it in a context of its own.</summary>
    /// <param name="scheme">Scheme, such as <c>s3</c>.</param>
    /// <param name="load">Called once, on the first use; from then on later calls of this method for the scheme change nothing.</param>
    public static void Use(string scheme, Func<Assembly> load)
    {
        ArgumentException.ThrowIfNullOrEmpty(scheme);
        ArgumentNullException.ThrowIfNull(load);
        s_providers.AddOrUpdate(
            scheme, static (key, arg) => Deferred(key, arg), static (key, old, arg) => old.IsValueCreated ? old : Deferred(key, arg), load);
    }

    /// <summary>Opens the store of a location: a path, or a URL of a known scheme. Nothing is asked of it yet.</summary>
    internal static RepositoryStore Open(string location, StoreOptions? options, FileSystem files)
    {
        ArgumentException.ThrowIfNullOrEmpty(location);
        var colon = location.IndexOf("://", StringComparison.Ordinal);
        if (colon < 0)
        {
            return options is null ? new DirectoryStore(files, location) : throw new HestiaException(
                HestiaErrorCode.InvalidOption,
                $"'{location}' is a folder; there are no options for one.",
                location,
                "Leave them out, or give the URL they belong to.");
        }

        var scheme = location[..colon];
        if (s_providers.TryGetValue(scheme, out var provider)) return Load(scheme, provider).Open(location, options);
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"'{location}' names a kind of store this version does not have.",
            location,
            "Give the path of a folder, a share is fine, or s3://bucket/prefix.");
    }

    private static StoreProvider Load(string scheme, Lazy<StoreProvider> provider)
    {
        try
        {
            return provider.Value;
        }
        catch (Exception e) when (e is IOException or BadImageFormatException)
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption,
                $"What locations with '{scheme}://' need could not be loaded: {e.Message}",
                scheme,
                "Install the package Hestia.Backup.S3, or the whole module again.",
                e);
        }
    }

    // A failure is not kept: the next use tries again.
    private static Lazy<StoreProvider> Deferred(string scheme, Func<Assembly> load) => new(
        () =>
        {
            var attribute = load().GetCustomAttribute<StoreProviderAttribute>()
                ?? throw new BadImageFormatException($"The assembly for '{scheme}://' has no store.");
            return (StoreProvider)Activator.CreateInstance(attribute.Provider, nonPublic: true)!;
        },
        LazyThreadSafetyMode.PublicationOnly);
}

/// <summary>Marks an assembly with a store and names its provider.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class StoreProviderAttribute(Type provider) : Attribute
{
    public Type Provider { get; } = provider;
}

/// <summary>Opens the stores of one scheme.</summary>
internal abstract class StoreProvider
{
    /// <summary>Opens the store of a location. Nothing is asked of it yet.</summary>
    /// <exception cref="HestiaException">InvalidOption.</exception>
    public abstract RepositoryStore Open(string location, StoreOptions? options);
}
