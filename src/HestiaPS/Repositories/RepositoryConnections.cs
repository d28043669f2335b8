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

    public static void Remember(string location, StoreOptions? options)
    {
        if (options is not null) s_known[location.TrimEnd('/')] = options;
    }

    public static void Forget(string location) => s_known.TryRemove(location.TrimEnd('/'), out _);

    public static StoreOptions? Find(string location) => s_known.GetValueOrDefault(location.TrimEnd('/'));
}
