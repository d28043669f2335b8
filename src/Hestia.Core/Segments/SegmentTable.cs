using Hestia.Core.Caching;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Segments;

/// <summary>One segment as a view holds it: what the manifest says and the shared reader.</summary>
internal sealed class LiveSegment(ManifestSegment manifest, SegmentReader reader)
{
    public ManifestSegment Manifest { get; } = manifest;

    public SegmentReader Reader { get; } = reader;

    public bool MayContain(ReadOnlySpan<byte> key) =>
        key.SequenceCompareTo(Manifest.LowerBound) >= 0 && key.SequenceCompareTo(Manifest.UpperBound) <= 0;
}

/// <summary>
/// The segments this process has open, one reader per segment however many views show it. A segment that is in here is in use: its file
/// must not be deleted. Thread-safe.
/// </summary>
internal sealed class SegmentTable(FileSystem files, string indexPath, BlockCache cache, OpenFileLimit openFiles)
{
    private readonly Dictionary<SegmentId, Entry> _open = [];

    public string DirectoryPath { get; } = Path.Combine(indexPath, FileNames.Segments);

    public string PathOf(SegmentId id) => Path.Combine(DirectoryPath, id + FileNames.SegmentExtension);

    /// <summary>Opens a segment, or takes another reference on the reader that is there. Every call is paired with <see cref="Release"/>.</summary>
    /// <exception cref="HestiaException">SegmentMissing, SegmentDamaged.</exception>
    public LiveSegment Acquire(ManifestSegment segment)
    {
        lock (_open)
        {
            if (_open.TryGetValue(segment.Id, out var entry))
            {
                entry.References++;
                return new LiveSegment(segment, entry.Reader);
            }

            var path = PathOf(segment.Id);
            if (!files.FileExists(path))
            {
                throw new HestiaException(
                    HestiaErrorCode.SegmentMissing,
                    $"The live segment '{path}' (level {segment.Level}, {segment.Entries:N0} entries, LSN {segment.MinLsn} to {segment.MaxLsn}) is missing.",
                    path,
                    "Put the file back (its name is the SHA-256 of its bytes, so any copy will do), restore the newest backup, or run Repair-HestiaIndex.");
            }

            var reader = SegmentReader.Open(files, path, segment.Id, segment.Size, cache, openFiles);
            _open.Add(segment.Id, new Entry(reader));
            return new LiveSegment(segment, reader);
        }
    }

    public void Release(LiveSegment segment)
    {
        lock (_open)
        {
            var entry = _open[segment.Manifest.Id];
            if (--entry.References > 0) return;
            _open.Remove(segment.Manifest.Id);
            entry.Reader.Release();
        }
    }

    /// <summary>Whether any view still shows the segment.</summary>
    public bool IsOpen(SegmentId id)
    {
        lock (_open) return _open.ContainsKey(id);
    }

    private sealed class Entry(SegmentReader reader)
    {
        public SegmentReader Reader { get; } = reader;

        public int References { get; set; } = 1;
    }
}
