using System.Buffers.Binary;
using Hestia.Core.IO;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Format;

/// <summary>One line of index.map: the segment that holds keys up to this one.</summary>
/// <param name="LastKey">The highest key that is looked for in the segment; behind the last route everything goes to the last segment.</param>
/// <param name="Segment">Id of the segment.</param>
internal sealed record Route(byte[] LastKey, int Segment);

/// <summary>index.map: which segment holds which keys.</summary>
internal sealed class RouteMap(IReadOnlyList<Route> routes)
{
    private const int MaxFileBytes = 256 << 20;

    public IReadOnlyList<Route> Routes { get; } = routes;

    /// <summary>Reads it; null if there is none.</summary>
    /// <exception cref="StoreDamageException">RouteMapDamaged.</exception>
    public static RouteMap? Read(FileSystem files, string directory, StoreType keyType)
    {
        var path = Path.Combine(directory, StoreFileNames.RouteMap);
        if (!files.FileExists(path)) return null;
        try
        {
            return new RouteMap(Parse(files.ReadAllBytes(path, MaxFileBytes), keyType));
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamageException(StoreFindings.RouteMapDamaged, e.Message, StoreFileNames.RouteMap);
        }
    }

    /// <summary>Parses its bytes. It has no checksum, so that order and ids are all there is to check.</summary>
    public static List<Route> Parse(ReadOnlySpan<byte> bytes, StoreType keyType)
    {
        var routes = new List<Route>();
        var segments = new HashSet<int>();
        var keys = new DiffKeyParser();
        for (var at = 0; at < bytes.Length;)
        {
            var offset = at;
            var length = keys.Read(bytes[at..], out var problem);
            if (length < 0) throw Damaged(problem, offset);
            at += length;
            if (bytes.Length - at < sizeof(int)) throw Damaged("a segment id is cut short", offset);
            var segment = BinaryPrimitives.ReadInt32BigEndian(bytes[at..]);
            at += sizeof(int);
            if (!keyType.IsValid(keys.Key)) throw Damaged($"a key of {keys.Key.Length:N0} bytes is no {keyType.Name}", offset);
            if (segment < 0) throw Damaged($"segment id {segment:N0} is negative", offset);
            if (!segments.Add(segment)) throw Damaged($"segment {segment} is named twice", offset);
            if (routes.Count > 0 && keyType.Compare(routes[^1].LastKey, keys.Key) >= 0) throw Damaged("a key is not above the key before it", offset);
            routes.Add(new Route(keys.Key.ToArray(), segment));
        }

        return routes;
    }

    /// <summary>Its bytes, as HestiaStore writes them.</summary>
    public static byte[] Serialize(IReadOnlyList<Route> routes)
    {
        var result = new MemoryStream();
        ReadOnlySpan<byte> before = [];
        Span<byte> segment = stackalloc byte[sizeof(int)];
        foreach (var route in routes)
        {
            var shared = before.CommonPrefixLength(route.LastKey);
            result.WriteByte(checked((byte)shared));
            result.WriteByte(checked((byte)(route.LastKey.Length - shared)));
            result.Write(route.LastKey.AsSpan(shared));
            BinaryPrimitives.WriteInt32BigEndian(segment, route.Segment);
            result.Write(segment);
            before = route.LastKey;
        }

        return result.ToArray();
    }

    /// <summary>The number of the route for a key: the first whose key is not below it, else the last.</summary>
    public int Find(StoreType keyType, ReadOnlySpan<byte> key)
    {
        int low = 0, high = Routes.Count - 1;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (keyType.Compare(key, Routes[middle].LastKey) <= 0) high = middle;
            else low = middle + 1;
        }

        return low;
    }

    private static StoreDamageException Damaged(string message, long offset) =>
        new(StoreFindings.RouteMapDamaged, message + ".", StoreFileNames.RouteMap, offset);
}
