using System.Text.Json;
using Hestia.Core.Archiving;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Control.Operations;

/// <summary>Wants to ship the log to a repository.</summary>
/// <param name="Repository">Identity of the repository.</param>
/// <param name="LeaseSeconds">How long the turn is kept without being renewed.</param>
internal sealed record ArchiveBeginArguments(Guid Repository, double LeaseSeconds);

/// <summary>What a shipment has to know of the index.</summary>
/// <param name="Lease">Name of the turn: nobody else ships meanwhile.</param>
/// <param name="Durability">Durability in force.</param>
/// <param name="Timeline">The timeline new writes belong to.</param>
/// <param name="LastLsn">The last write that readers see.</param>
/// <param name="DurableLsn">The last write known to survive a power loss.</param>
/// <param name="Checkpoint">The LSN up to which segments hold everything.</param>
/// <param name="LastCommitTime">Commit time of the last write, UTC microseconds.</param>
/// <param name="State">archive.json as it stands, or null if the log is not archived.</param>
/// <param name="Position">Where the last shipment to this repository stopped reading, or null.</param>
internal sealed record ArchiveFacts(
    string Lease, Durability Durability, Timeline Timeline, Lsn LastLsn, Lsn DurableLsn, Lsn Checkpoint, long LastCommitTime, byte[]? State,
    WirePosition? Position);

/// <summary>A place in a log file.</summary>
/// <param name="File">Its name in <c>wal/</c>.</param>
/// <param name="Salt">Salt of the file.</param>
/// <param name="Offset">Offset in it.</param>
/// <param name="Shipped">What had been shipped then.</param>
internal sealed record WirePosition(string File, ulong Salt, long Offset, Lsn Shipped);

/// <summary>Remembers how far the log was shipped.</summary>
/// <param name="Lease">Name of the turn.</param>
/// <param name="State">archive.json as it shall be; null: the log is archived no more.</param>
/// <param name="Position">Where reading stopped, or null.</param>
internal sealed record ArchiveSaveArguments(string Lease, byte[]? State, WirePosition? Position);

/// <summary>Begins a timeline.</summary>
/// <param name="Lease">Name of the turn.</param>
/// <param name="Detached">Whether it continues no other.</param>
internal sealed record ArchiveTimelineArguments(string Lease, bool Detached);

/// <summary>How long the list of log files is that came as data before: a JSON array of <see cref="WireLog"/>.</summary>
/// <param name="Bytes">Its length.</param>
internal sealed record ArchiveLogAnswer(long Bytes);

/// <summary>A log file as far as it is durable.</summary>
/// <param name="File">Its name in <c>wal/</c>.</param>
/// <param name="DurableBytes">What is behind this offset may be gone after a power loss.</param>
/// <param name="Closed">Whether it takes no more records.</param>
internal sealed record WireLog(string File, long DurableBytes, bool Closed);

/// <summary>The turn of a client that ships the log: the source, and the log files held for it.</summary>
internal sealed class ArchiveTurn(LocalLogSource source) : IDisposable
{
    private readonly object _gate = new();
    private LogSnapshot? _snapshot;
    private bool _disposed;

    public LocalLogSource Source => source;

    public IReadOnlyList<DurableLog> HoldLog()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _snapshot?.Dispose();
            _snapshot = source.SnapshotLog();
            return _snapshot.Files;
        }
    }

    public ArchiveFacts Facts(string lease)
    {
        var position = source.Position is { } p ? new WirePosition(Path.GetFileName(p.Path), p.Salt, p.Offset, p.Shipped) : null;
        return new ArchiveFacts(
            lease, source.Durability, source.Timeline, source.LastLsn, source.DurableLsn, source.Checkpoint, source.LastCommitTime,
            source.State?.Serialize(), position);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            _snapshot?.Dispose();
        }

        source.Dispose();
    }
}

/// <summary>Waits for the turn to ship the log.</summary>
internal sealed class ArchiveBeginOperation() : ControlOperation<ArchiveBeginArguments, ArchiveFacts>(
    "archive-begin", ControlJson.Default.ArchiveBeginArguments, ControlJson.Default.ArchiveFacts, isLong: true)
{
    protected override ArchiveFacts Run(ControlCall call, ArchiveBeginArguments arguments)
    {
        var turn = new ArchiveTurn(new LocalLogSource(call.Index, arguments.Repository, call.CancellationToken));
        var lease = call.Leases.Grant(turn, arguments.LeaseSeconds);
        try
        {
            // Nobody may be left to give it back.
            call.CancellationToken.ThrowIfCancellationRequested();
            return turn.Facts(lease);
        }
        catch
        {
            call.Leases.Release(lease);
            throw;
        }
    }
}

/// <summary>Holds the log files of now and names them.</summary>
internal sealed class ArchiveLogOperation() : ControlOperation<LeaseName, ArchiveLogAnswer>(
    "archive-log", ControlJson.Default.LeaseName, ControlJson.Default.ArchiveLogAnswer)
{
    protected override ArchiveLogAnswer Run(ControlCall call, LeaseName arguments)
    {
        var files = call.Leases.Renew<ArchiveTurn>(arguments.Lease).HoldLog();
        var logs = new WireLog[files.Count];
        for (var i = 0; i < logs.Length; i++) logs[i] = new WireLog(Path.GetFileName(files[i].Path), files[i].DurableBytes, files[i].Closed);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(logs, ControlJson.Default.WireLogArray);
        call.Data.Add(bytes);
        return new ArchiveLogAnswer(bytes.Length);
    }
}

/// <summary>Remembers how far the log was shipped.</summary>
internal sealed class ArchiveSaveOperation() : ControlOperation<ArchiveSaveArguments, Done>(
    "archive-save", ControlJson.Default.ArchiveSaveArguments, ControlJson.Default.Done, isLong: true)
{
    protected override Done Run(ControlCall call, ArchiveSaveArguments arguments)
    {
        var source = call.Leases.Renew<ArchiveTurn>(arguments.Lease).Source;
        source.Save(arguments.State is null ? null : Parse(arguments.State, call.Index), call.CancellationToken);
        if (arguments.Position is { } position)
        {
            if (position.File != Path.GetFileName(position.File)) throw new JsonException("a log file is named by its name alone.");
            source.Position = new LogPosition(
                Path.Combine(call.Index.Context.WalDirectory, position.File), position.Salt, position.Offset, position.Shipped);
        }

        return new Done();
    }

    private static ArchiveState Parse(byte[] bytes, HestiaIndex index)
    {
        try
        {
            var state = ArchiveState.Parse(bytes);
            // Where the index is, the owner knows better: a client may see the folder under another name.
            return state.IndexId == index.Id ? state with { Host = Environment.MachineName, IndexPath = index.Path }
                : throw new InvalidDataException("it is the state of another index.");
        }
        catch (InvalidDataException e)
        {
            throw new JsonException($"the archive state is not understood: {e.Message}", e);
        }
    }
}

/// <summary>Begins a new timeline.</summary>
internal sealed class ArchiveTimelineOperation() : ControlOperation<ArchiveTimelineArguments, ArchiveFacts>(
    "archive-timeline", ControlJson.Default.ArchiveTimelineArguments, ControlJson.Default.ArchiveFacts, isLong: true)
{
    protected override ArchiveFacts Run(ControlCall call, ArchiveTimelineArguments arguments)
    {
        var turn = call.Leases.Renew<ArchiveTurn>(arguments.Lease);
        turn.Source.BeginTimeline(arguments.Detached, call.CancellationToken);
        return turn.Facts(arguments.Lease);
    }
}
