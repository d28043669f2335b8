using Hestia.Core.Reading;
using Hestia.Core.Segments;

namespace Hestia.Core.Manifest;

/// <summary>One live segment of a pinned manifest.</summary>
/// <param name="Id">Its name: the SHA-256 of its bytes.</param>
/// <param name="Level">Level it is in.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="FilePath">Full path of the file.</param>
public sealed record PinnedSegment(SegmentId Id, int Level, long Size, string FilePath);

/// <summary>
/// A promise not to delete the files of one manifest: what it names can be copied while writers, flushes and compactions go on. Dispose it
/// when done; it holds disk space, not memory. Thread-safe.
/// </summary>
public sealed class IndexPin : IDisposable
{
    private readonly Action _released;
    private IndexView? _view;

    internal IndexPin(IndexView view, ManifestDocument manifest, byte[] manifestBytes, IndexContext context, Action released)
    {
        _view = view;
        _released = released;
        ManifestBytes = manifestBytes;
        SettingsBytes = context.SettingsBytes;
        Checkpoint = manifest.Checkpoint;
        CheckpointTime = manifest.LastCommitTime == 0 ? null : Wal.WalFormat.FromMicroseconds(manifest.LastCommitTime);
        var segments = new List<PinnedSegment>(manifest.Segments.Count);
        foreach (var segment in manifest.Segments)
            segments.Add(new PinnedSegment(segment.Id, segment.Level, segment.Size, context.Segments.PathOf(segment.Id)));
        Segments = segments;
    }

    /// <summary>The segments hold every write up to here and none after.</summary>
    public Lsn Checkpoint { get; }

    /// <summary>When the write at <see cref="Checkpoint"/> was committed, UTC; null before the first write.</summary>
    public DateTimeOffset? CheckpointTime { get; }

    /// <summary>The live segments.</summary>
    public IReadOnlyList<PinnedSegment> Segments { get; }

    /// <summary>The manifest, byte for byte.</summary>
    public ReadOnlyMemory<byte> ManifestBytes { get; }

    /// <summary>index.json, byte for byte.</summary>
    public ReadOnlyMemory<byte> SettingsBytes { get; }

    /// <summary>Lets the files go.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _view, null) is not { } view) return;
        view.Release();
        _released();
    }
}
