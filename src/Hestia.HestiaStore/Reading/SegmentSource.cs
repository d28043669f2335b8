using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Reading;

/// <summary>
/// One segment: its delta files over its main file. The entries of each must be as many as the manifest counts: a file that lost whole blocks at its end
/// has no other sign of it. A file is held to its count where it ends, before anything that it might have hidden is given; of several delta files
/// only the sum
/// is known, so they are counted before the first entry.
/// </summary>
internal sealed class SegmentSource : EntrySource
{
    private readonly MergedSource _merged;
    private readonly string _manifestName;

    public SegmentSource(FileSystem files, string directory, SegmentFiles segment, StoreManifest manifest, Action<long>? onRead = null)
    {
        _manifestName = Path.Combine(segment.Folder, StoreFileNames.Manifest);
        var deltas = segment.RequireDeltas().ToList();
        if (deltas.Count != 1) RequireCount("its delta files", segment.Manifest.DeltaKeys, Count(files, directory, deltas, manifest));
        var sources = new List<EntrySource>();
        try
        {
            sources.Add(new CountedSource(this, Open(segment.RequireSst()), "its main file", segment.Manifest.MainKeys));
            foreach (var name in deltas) sources.Add(deltas.Count == 1 ? new CountedSource(this, Open(name), "its delta file",
                segment.Manifest.DeltaKeys) : Open(name));
            _merged = new MergedSource(manifest.KeyType, sources);
        }
        catch
        {
            foreach (var source in sources) source.Dispose();
            throw;
        }

        SortedFileSource Open(string name) => new(files, directory, name, manifest, onRead);
    }

    public override ReadOnlySpan<byte> Key => _merged.Key;

    public override ReadOnlySpan<byte> Value => _merged.Value;

    public override bool IsTombstone => _merged.IsTombstone;

    public override bool MoveNext() => _merged.MoveNext();

    protected override void Dispose(bool disposing) => _merged.Dispose();

    private static long Count(FileSystem files, string directory, List<string> names, StoreManifest manifest)
    {
        long entries = 0;
        foreach (var name in names)
        {
            using var source = new SortedFileSource(files, directory, name, manifest);
            while (source.MoveNext()) entries++;
        }

        return entries;
    }

    private void RequireCount(string where, long counted, long found)
    {
        if (counted == found) return;
        throw new StoreDamageException(StoreFindings.CountMismatch,
            $"the segment's manifest counts {counted:N0} entries in {where}, and {found:N0} are there.", _manifestName);
    }

    private sealed class CountedSource(SegmentSource owner, EntrySource inner, string where, long expected) : EntrySource
    {
        private long _count;

        public override ReadOnlySpan<byte> Key => inner.Key;

        public override ReadOnlySpan<byte> Value => inner.Value;

        public override bool IsTombstone => inner.IsTombstone;

        public override bool MoveNext()
        {
            if (inner.MoveNext())
            {
                _count++;
                return true;
            }

            owner.RequireCount(where, expected, _count);
            return false;
        }

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
