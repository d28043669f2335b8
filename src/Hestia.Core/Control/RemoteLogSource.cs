using System.Text.Json;
using Hestia.Core.Archiving;
using Hestia.Core.Control.Operations;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Control;

/// <summary>
/// The log of an index that another process has open: this one reads the files and sends them, the owner gives the turn, keeps the files and remembers
/// how far it was.
/// </summary>
internal sealed class RemoteLogSource : ILogSource
{
    private readonly RemoteIndex _index;
    private readonly RemoteLease _lease;
    private ArchiveFacts _facts;

    /// <summary>Waits until nobody else ships the log.</summary>
    /// <exception cref="HestiaException">IndexClosed, OwnerLost, TimedOut, AccessDenied, ControlUnsupported.</exception>
    public RemoteLogSource(RemoteIndex index, Guid repositoryId, CancellationToken cancellationToken)
    {
        _index = index;
        _facts = index.Call(
            ControlOperations.ArchiveBegin, new ArchiveBeginArguments(repositoryId, RemoteLease.Seconds), null, cancellationToken);
        _lease = new RemoteLease(index, _facts.Lease);
        try
        {
            Take(_facts);
        }
        catch
        {
            _lease.Dispose();
            throw;
        }
    }

    public string Path => _index.Path;

    public string Name => _index.Name;

    public Guid Id => _index.Id;

    public Durability Durability => _facts.Durability;

    public Timeline Timeline => _facts.Timeline;

    public Lsn LastLsn => _facts.LastLsn;

    public Lsn DurableLsn => _facts.DurableLsn;

    public Lsn Checkpoint => _facts.Checkpoint;

    public long LastCommitTime => _facts.LastCommitTime;

    public ArchiveState? State { get; private set; }

    public LogPosition? Position { get; set; }

    private string WalDirectory => System.IO.Path.Combine(Path, FileNames.Wal);

    public void Save(ArchiveState? state, CancellationToken cancellationToken)
    {
        var position = Position is { } p ? new WirePosition(System.IO.Path.GetFileName(p.Path), p.Salt, p.Offset, p.Shipped) : null;
        _index.Call(
            ControlOperations.ArchiveSave, new ArchiveSaveArguments(_lease.Name, state?.Serialize(), position), null, cancellationToken);
        State = state;
    }

    public LogSnapshot SnapshotLog()
    {
        using var data = new MemoryStream();
        _index.Call(ControlOperations.ArchiveLog, new LeaseName(_lease.Name), null, CancellationToken.None, data);
        WireLog[]? logs;
        try
        {
            logs = JsonSerializer.Deserialize(data.ToArray(), ControlJson.Default.WireLogArray);
        }
        catch (JsonException e)
        {
            throw NotUnderstood("list of log files", e);
        }

        var files = new List<DurableLog>();
        foreach (var log in logs ?? [])
        {
            if (log.File != System.IO.Path.GetFileName(log.File)) throw NotUnderstood("list of log files", null);
            files.Add(new DurableLog(System.IO.Path.Combine(WalDirectory, log.File), log.DurableBytes, log.Closed));
        }

        return new LogSnapshot(files, static () => { }); // held until the turn ends
    }

    public void BeginTimeline(bool detached, CancellationToken cancellationToken) =>
        Take(_index.Call(ControlOperations.ArchiveTimeline, new ArchiveTimelineArguments(_lease.Name, detached), null, cancellationToken));

    public void Dispose() => _lease.Dispose();

    private void Take(ArchiveFacts facts)
    {
        try
        {
            State = facts.State is null ? null : ArchiveState.Parse(facts.State);
        }
        catch (InvalidDataException e)
        {
            throw NotUnderstood("archive state", e);
        }

        Position = facts.Position is { } p
            ? new LogPosition(System.IO.Path.Combine(WalDirectory, System.IO.Path.GetFileName(p.File)), p.Salt, p.Offset, p.Shipped)
            : null;
        _facts = facts;
    }

    private HestiaException NotUnderstood(string what, Exception? cause) => new(
        HestiaErrorCode.ControlUnsupported, $"The {what} that the owner of '{Path}', {_index.Owner}, sends is not understood: {cause?.Message}", Path,
        "Use the same version of Hestia in both processes.", cause);
}
