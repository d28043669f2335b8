using Hestia.Core;
using Hestia.Core.Archiving;

namespace HestiaPS;

/// <summary>
/// An open index, as Open-HestiaIndex gives it out. It belongs to the process, may be used from every runspace of it, and remembers the
/// runspace that opened it. Never enumerable, so that a pipeline passes it whole.
/// </summary>
public sealed class IndexSession : IDisposable
{
    private readonly object _closing = new();
    private readonly HestiaIndex? _index;
    private ulong _lastCommittedLsn;
    private Final? _final;

    internal IndexSession(HestiaIndex index, Guid runspaceId)
    {
        _index = index;
        RunspaceId = runspaceId;
        Name = index.Name;
        Path = index.Path;
        FinalPath = HestiaPS.FinalPath.Of(index.Path);
        Id = index.Id;
        IsReadOnly = index.IsReadOnly;
        KeyEncoding = index.Settings.KeyEncoding;
        ValueEncoding = index.Settings.ValueEncoding;
        Recovery = index.Recovery;
        Opened = DateTimeOffset.UtcNow;
    }

    private IndexSession(string name, string path)
    {
        Name = name;
        Path = path;
        FinalPath = path;
        _final = new Final(IndexState.Closed, 0, 0, 0);
    }

    /// <summary>Name of the index.</summary>
    public string Name { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>Identity of the index, fixed at creation.</summary>
    public Guid Id { get; }

    /// <summary>Ready while it can be used; Failed when writes are refused; Closed in the end.</summary>
    public IndexState State => _final is { } final ? final.State : _index!.State;

    /// <summary>When a write is acknowledged in this session.</summary>
    public Durability Durability => _index?.Durability ?? default;

    /// <summary>Whether it was opened with -ReadOnly.</summary>
    public bool IsReadOnly { get; }

    /// <summary>How keys are shown and taken.</summary>
    public DataEncoding KeyEncoding { get; }

    /// <summary>How values are shown and taken.</summary>
    public DataEncoding ValueEncoding { get; }

    /// <summary>LSN of the last write that readers see; after closing, the last there was.</summary>
    public ulong LastLsn => _final is { } final ? final.LastLsn : _index!.LastLsn.Value;

    /// <summary>LSN up to which everything survives a power loss.</summary>
    public ulong DurableLsn => _final is { } final ? final.DurableLsn : _index!.DurableLsn.Value;

    /// <summary>LSN up to which segments hold everything.</summary>
    public ulong Checkpoint => _final is { } final ? final.Checkpoint : _index!.Checkpoint.Value;

    /// <summary>LSN of the last batch that Set- and Remove-HestiaEntry committed through this
    /// session; 0 before the first. Readable after a stop.</summary>
    public ulong LastCommittedLsn => Volatile.Read(ref _lastCommittedLsn);

    /// <summary>When it was opened (UTC).</summary>
    public DateTimeOffset Opened { get; }

    /// <summary>The runspace that opened it; removing the module there closes it.</summary>
    public Guid RunspaceId { get; }

    /// <summary>What opening found and did; null for a copy from another process.</summary>
    public RecoveryReport? Recovery { get; }

    /// <summary>The directory without symbolic links, as it was when it was opened.</summary>
    internal string FinalPath { get; }

    /// <summary>All numbers of the index, now; null once it is closed.</summary>
    public IndexStatistics? Statistics => Ask(static index => index.GetStatistics());

    /// <summary>The last backup made of it; null if none is known, or once it is closed.</summary>
    public LastBackup? LastBackup => Ask(static index => index.GetStatus().LastBackup);

    /// <summary>Whether this is a session of this process that was not closed.</summary>
    internal bool IsLive => _final is null;

    /// <summary>The engine behind it.</summary>
    internal HestiaIndex Engine => _index is not null && IsLive ? _index : throw new HestiaCommandException(
        CommandErrors.SessionNotLive,
        System.Management.Automation.ErrorCategory.InvalidOperation,
        _index is null
            ? $"The session of index '{Name}' is a copy that came out of another process or a file; it is not connected to the index."
            : $"The session of index '{Name}' ({Path}) is closed.",
        this,
        "Open the index with Open-HestiaIndex and use what it returns.");

    /// <summary>The index in numbers, now.</summary>
    public IndexStatistics GetStatistics() => Engine.GetStatistics();

    /// <summary>Closes the index, as Close-HestiaIndex does. Does nothing if it is closed already.</summary>
    public void Dispose() => Close();

    /// <summary>Name and path, in one line.</summary>
    public override string ToString() => $"{Name} ({Path})";

    /// <summary>A session that only says what it once was: the stand-in for a deserialized one.</summary>
    internal static IndexSession NotLive(string name, string path) => new(name, path);

    /// <summary>A property never fails: another runspace may be closing the index.</summary>
    private T? Ask<T>(Func<HestiaIndex, T?> question)
        where T : class
    {
        try
        {
            return _index is not null && IsLive ? question(_index) : null;
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.IndexClosed)
        {
            return null;
        }
    }

    internal void Committed(Lsn lsn)
    {
        // Several pipelines may write through one session; the largest number stays.
        ulong seen;
        while ((seen = Volatile.Read(ref _lastCommittedLsn)) < lsn.Value)
            if (Interlocked.CompareExchange(ref _lastCommittedLsn, lsn.Value, seen) == seen) return;
    }

    internal void Close(IProgress<WorkProgress>? progress = null)
    {
        if (_index is null) return;
        lock (_closing)
        {
            if (_final is not null) return;
            try
            {
                _index.Close(progress);
            }
            finally
            {
                // Also when the last flush failed: the index is closed all the same.
                _final = new Final(IndexState.Closed, _index.LastLsn.Value, _index.DurableLsn.Value, _index.Checkpoint.Value);
                SessionRegistry.Remove(this);
            }
        }
    }

    private sealed record Final(IndexState State, ulong LastLsn, ulong DurableLsn, ulong Checkpoint);
}
