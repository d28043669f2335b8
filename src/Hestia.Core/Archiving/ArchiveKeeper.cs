using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Suspending;

namespace Hestia.Core.Archiving;

/// <summary>
/// The archive state of an open index: says which log files still wait for their shipment, and remembers it durably. A state that cannot
/// be read keeps every log file up to the default queue, because nobody knows what was shipped. Thread-safe.
/// </summary>
internal sealed class ArchiveKeeper
{
    private readonly object _gate = new();
    private readonly QuiesceGate _quiesce;
    private readonly FileSystem _files;
    private readonly string _path;
    private ArchiveState? _state;
    private bool _unreadable;

    private ArchiveKeeper(IndexContext context, ArchiveState? state, bool unreadable)
    {
        _files = context.Files;
        _path = context.Path;
        _quiesce = context.Quiesce;
        _state = state;
        _unreadable = unreadable;
    }

    /// <summary>The state, or null if the log is not archived.</summary>
    public ArchiveState? State => Volatile.Read(ref _state);

    /// <summary>Where the last shipment to a repository stopped reading. Belongs to whoever ships, one at a time.</summary>
    public Dictionary<Guid, LogPosition> Positions { get; } = [];

    /// <summary>Whether the state says that this folder was another one, or on another machine, when it was written.</summary>
    public bool IsCopy { get; private init; }

    /// <summary>Log files that end at or below this need not be kept for the archive.</summary>
    public Lsn Floor
    {
        get
        {
            lock (_gate)
            {
                if (_unreadable) return Lsn.None;
                return _state?.ShippedEverywhere ?? new Lsn(ulong.MaxValue);
            }
        }
    }

    /// <summary>Bytes of log that may be kept for the archive alone.</summary>
    public long QueueMaxBytes => State?.QueueMaxBytes ?? ArchiveState.DefaultQueueMaxBytes;

    /// <summary>Reads the state of an index that is being opened.</summary>
    /// <exception cref="HestiaException">FormatTooNew: the next shipment would replace what this version does not understand.</exception>
    public static ArchiveKeeper Load(IndexContext context, List<RecoveryNotice> notices)
    {
        try
        {
            var state = ArchiveState.Read(context.Files, context.Path);
            if (state is not null && state.IndexId != context.SettingsFile.Id)
                throw new InvalidDataException($"it belongs to index {state.IndexId}.");
            var copy = state is not null && !IsHere(state, context.Path);
            return new ArchiveKeeper(context, state, unreadable: false) { IsCopy = copy };
        }
        catch (InvalidDataException e)
        {
            notices.Add(new RecoveryNotice(
                CheckFindings.ArchiveStateDamaged,
                $"{FileNames.Archive} is not to be relied on ({e.Message}). Log files are kept until the next shipment finds out what was shipped.",
                FileNames.Archive));
            return new ArchiveKeeper(context, null, unreadable: true);
        }
    }

    /// <summary>What takes the place of a state that cannot be read: all log is kept until the next shipment finds out what was shipped.</summary>
    public static ArchiveState UnknownState(Guid indexId, string path) => NewState(indexId, path) with { IsUnknown = true };

    /// <summary>A state for this index that names no repository yet.</summary>
    public static ArchiveState NewState(Guid indexId, string path) => new()
    {
        IndexId = indexId,
        Host = Environment.MachineName,
        IndexPath = path,
        QueueMaxBytes = ArchiveState.DefaultQueueMaxBytes,
        DroppedThrough = Lsn.None,
        Targets = [],
    };

    /// <summary>Writes a new state durably, once the index is not suspended; null removes the file: the log is archived no more.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled while the index was suspended; nothing was written.</exception>
    public void Save(ArchiveState? state, CancellationToken cancellationToken)
    {
        _quiesce.Enter(cancellationToken);
        try
        {
            SaveNow(state);
        }
        finally
        {
            _quiesce.Exit();
        }
    }

    private void SaveNow(ArchiveState? state)
    {
        lock (_gate)
        {
            if (state is not null)
            {
                state.Write(_files, _path);
            }
            else
            {
                _files.DeleteFile(Path.Combine(_path, FileNames.Archive));
                _files.SyncDirectory(_path);
            }

            Volatile.Write(ref _state, state);
            _unreadable = false;
        }
    }

    /// <summary>Remembers, before it happens, that log up to here is given up though it was not shipped. For who is within the gate.</summary>
    public void RecordDropped(Lsn through)
    {
        lock (_gate)
        {
            // Without a state there is no telling what was shipped, and so none what is lost by it.
            if (_state is null or { IsUnknown: true } || through <= _state.DroppedThrough) return;
            SaveNow(_state with { DroppedThrough = through });
        }
    }

    private static bool IsHere(ArchiveState state, string path)
    {
        var comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        return string.Equals(state.Host, Environment.MachineName, StringComparison.OrdinalIgnoreCase)
            && string.Equals(state.IndexPath, path, comparison);
    }
}
