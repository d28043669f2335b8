using Hestia.Core.Manifest;

namespace Hestia.Core.Archiving;

/// <summary>The log of an index that this process has open.</summary>
internal sealed class LocalLogSource : ILogSource
{
    private readonly HestiaIndex _index;
    private readonly Guid _repositoryId;
    private SemaphoreSlim? _gate;

    /// <summary>Waits until nobody else ships the log.</summary>
    /// <exception cref="HestiaException">IndexReadOnly.</exception>
    public LocalLogSource(HestiaIndex index, Guid repositoryId, CancellationToken cancellationToken)
    {
        if (index.IsReadOnly)
            throw new HestiaException(HestiaErrorCode.IndexReadOnly, $"The index '{index.Path}' was opened read-only.", index.Path, "Open it without ReadOnly.");
        index.ArchiveGate.Wait(cancellationToken);
        _gate = index.ArchiveGate;
        _index = index;
        _repositoryId = repositoryId;
    }

    public string Path => _index.Path;

    public string Name => _index.Name;

    public Guid Id => _index.Id;

    public Durability Durability => _index.Durability;

    public Timeline Timeline => _index.Timeline;

    public Lsn LastLsn => _index.LastLsn;

    public Lsn DurableLsn => _index.DurableLsn;

    public Lsn Checkpoint => _index.Checkpoint;

    public long LastCommitTime => _index.LastCommitTime;

    public ArchiveState? State => _index.Archive.State;

    public LogPosition? Position
    {
        get => _index.Archive.Positions.TryGetValue(_repositoryId, out var position) ? position : null;
        set
        {
            if (value is { } position) _index.Archive.Positions[_repositoryId] = position;
            else _index.Archive.Positions.Remove(_repositoryId);
        }
    }

    public void Save(ArchiveState? state, CancellationToken cancellationToken) => _index.Archive.Save(state, cancellationToken);

    public LogSnapshot SnapshotLog() => _index.SnapshotLog();

    public void BeginTimeline(bool detached, CancellationToken cancellationToken) => _index.BeginTimeline(detached, cancellationToken);

    public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Release();
}
