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
    private readonly Func<HestiaException?>? _lost;
    private Action? _release;

    /// <param name="manifest">The manifest.</param>
    /// <param name="manifestBytes">The same, byte for byte.</param>
    /// <param name="settingsBytes">index.json.</param>
    /// <param name="segmentPath">Where a segment is.</param>
    /// <param name="release">Lets the files go; called once.</param>
    /// <param name="lost">Tells whether somebody else has let them go; null where nobody can.</param>
    internal IndexPin(
        ManifestDocument manifest,
        ReadOnlyMemory<byte> manifestBytes,
        ReadOnlyMemory<byte> settingsBytes,
        Func<SegmentId, string> segmentPath,
        Action release,
        Func<HestiaException?>? lost = null)
    {
        _release = release;
        _lost = lost;
        ManifestBytes = manifestBytes;
        SettingsBytes = settingsBytes;
        Checkpoint = manifest.Checkpoint;
        CheckpointTime = manifest.LastCommitTime == 0 ? null : Wal.WalFormat.FromMicroseconds(manifest.LastCommitTime);
        var segments = new List<PinnedSegment>(manifest.Segments.Count);
        foreach (var segment in manifest.Segments)
            segments.Add(new PinnedSegment(segment.Id, segment.Level, segment.Size, segmentPath(segment.Id)));
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

    /// <summary>
    /// Why the files may go although this was not disposed, or null: a pin on an index that another process has open ends with that process, or when
    /// this one could not renew it in time.
    /// </summary>
    public HestiaException? Lost => _lost?.Invoke();

    /// <summary>Lets the files go.</summary>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
