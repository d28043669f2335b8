using System.Collections.Concurrent;
using Hestia.Backup;

namespace HestiaPS;

/// <summary>
/// How this process last reached a URL, so that what came out of one cmdlet (the location in a backup, a report) finds its way back in
/// another. In memory only.
/// </summary>
internal static class RepositoryConnections
{
    private static readonly ConcurrentDictionary<string, StoreOptions> s_known = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<string, RepositoryKey> s_keys = new(StringComparer.Ordinal);

    public static void Remember(string location, StoreOptions? options)
    {
        if (options is not null) s_known[location.TrimEnd('/')] = options;
    }

    /// <summary>The key that opened a repository; null if it has none.</summary>
    public static void RememberKey(string location, RepositoryKey? key)
    {
        if (key is not null) s_keys[Trimmed(location)] = key;
        else s_keys.TryRemove(Trimmed(location), out _);
    }

    public static void Forget(string location)
    {
        s_known.TryRemove(location.TrimEnd('/'), out _);
        s_keys.TryRemove(Trimmed(location), out _);
    }

    public static RepositoryKey? FindKey(string location) => s_keys.GetValueOrDefault(Trimmed(location));

    private static string Trimmed(string location) =>
        HestiaCmdlet.IsUrl(location) ? location.TrimEnd('/') : Path.TrimEndingDirectorySeparator(location);

    public static StoreOptions? Find(string location) => s_known.GetValueOrDefault(location.TrimEnd('/'));
}
