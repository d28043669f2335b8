using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Reading;

/// <summary>
/// All segments in the order of index.map, one open at a time. A key that the map would look for in another segment is refused: HestiaStore
/// reads it or not, depending on how it is asked.
/// </summary>
internal sealed class RoutedSource(FileSystem files, string directory, StoreManifest manifest, RouteMap map, Action<long>? onRead) : EntrySource
{
    private SegmentSource? _segment;
    private int _route = -1;

    public override ReadOnlySpan<byte> Key => _segment!.Key;

    public override ReadOnlySpan<byte> Value => _segment!.Value;

    public override bool IsTombstone => _segment!.IsTombstone;

    public override bool MoveNext()
    {
        while (true)
        {
            if (_segment is not null)
            {
                if (_segment.MoveNext())
                {
                    CheckRoute();
                    return true;
                }

                _segment.Dispose();
                _segment = null;
            }

            if (_route + 1 >= map.Routes.Count) return false;
            _segment = new SegmentSource(files, directory, SegmentFiles.Read(files, directory, map.Routes[++_route].Segment), manifest, onRead);
        }
    }

    protected override void Dispose(bool disposing) => _segment?.Dispose();

    private void CheckRoute()
    {
        var isAbove = _route < map.Routes.Count - 1 && manifest.KeyType.Compare(Key, map.Routes[_route].LastKey) > 0;
        if (!isAbove && (_route == 0 || manifest.KeyType.Compare(Key, map.Routes[_route - 1].LastKey) > 0)) return;
        throw new StoreDamageException(
            StoreFindings.Routing,
            $"segment {map.Routes[_route].Segment} holds a key that belongs to segment {map.Routes[map.Find(manifest.KeyType, Key)].Segment}.",
            StoreFileNames.RouteMap);
    }
}
