using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Reading;

/// <summary>
/// One segment: its delta files over its main file. At the end the entries of each must be as many as the manifest counts: a file that lost whole
/// blocks at its end has no other sign of it.
/// </summary>
internal sealed class SegmentSource : EntrySource
{
    private readonly MergedSource _merged;
    private readonly SegmentManifest _manifest;
    private readonly string _folder;
    private readonly CountedSource _main;
    private readonly List<CountedSource> _deltas = [];

    public SegmentSource(FileSystem files, string directory, SegmentFiles segment, StoreManifest manifest, Action<long>? onRead = null)
    {
        _manifest = segment.Manifest;
        _folder = segment.Folder;
        var sources = new List<EntrySource>();
        try
        {
            sources.Add(_main = new CountedSource(new SortedFileSource(files, directory, segment.RequireSst(), manifest, onRead)));
            foreach (var name in segment.RequireDeltas())
            {
                var delta = new CountedSource(new SortedFileSource(files, directory, name, manifest, onRead));
                _deltas.Add(delta);
                sources.Add(delta);
            }

            _merged = new MergedSource(manifest.KeyType, sources);
        }
        catch
        {
            foreach (var source in sources) source.Dispose();
            throw;
        }
    }

    public override ReadOnlySpan<byte> Key => _merged.Key;

    public override ReadOnlySpan<byte> Value => _merged.Value;

    public override bool IsTombstone => _merged.IsTombstone;

    public override bool MoveNext()
    {
        if (_merged.MoveNext()) return true;
        Expect("its main file", _manifest.MainKeys, _main.Count);
        long deltas = 0;
        foreach (var delta in _deltas) deltas += delta.Count;
        Expect("its delta files", _manifest.DeltaKeys, deltas);
        return false;
    }

    protected override void Dispose(bool disposing) => _merged.Dispose();

    private void Expect(string where, long counted, long found)
    {
        if (counted == found) return;
        throw new StoreDamageException(
            StoreFindings.CountMismatch,
            $"the segment's manifest counts {counted:N0} entries in {where}, and {found:N0} are there.",
            Path.Combine(_folder, StoreFileNames.Manifest));
    }

    private sealed class CountedSource(EntrySource inner) : EntrySource
    {
        public long Count { get; private set; }

        public override ReadOnlySpan<byte> Key => inner.Key;

        public override ReadOnlySpan<byte> Value => inner.Value;

        public override bool IsTombstone => inner.IsTombstone;

        public override bool MoveNext()
        {
            if (!inner.MoveNext()) return false;
            Count++;
            return true;
        }

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
