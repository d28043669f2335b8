using System.Buffers;
using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Pruning;

/// <summary>
/// The mark of running work in locks/. Nothing is changed in place: signs of life are names of their own beside it. Disposing removes
/// them all. One that a killed process left is harmless and only makes others careful, until somebody removes it.
/// </summary>
internal abstract class RepositoryMarker : IDisposable
{
    public const string Magic = "hestia-marker";
    public const int Version = 1;

    /// <summary>For removing one file of a marker: whoever ends because the store is down is not to wait for it as long as for work.</summary>
    private static readonly TimeSpan s_removalTime = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource _ending = new();
    private readonly object _gate = new();
    private readonly List<string> _renewals = [];
    private readonly Timer? _timer;
    private int _number;
    private bool _removed;
    private bool _disposed;

    protected RepositoryMarker(RepositoryContext repository, string name, TimeSpan renewal)
    {
        Repository = repository;
        Name = name;
        if (renewal != Timeout.InfiniteTimeSpan) _timer = new Timer(_ => Renew(), null, renewal, renewal);
    }

    /// <summary>Its name in the store.</summary>
    public string Name { get; }

    protected RepositoryContext Repository { get; }

    /// <summary>Whether it is still there: false once somebody has taken its owner for dead.</summary>
    public bool Stands(CancellationToken cancellationToken)
    {
        Span<long> size = stackalloc long[1];
        Repository.Store.GetSizes([Name], size, cancellationToken);
        return size[0] >= 0;
    }

    /// <summary>
    /// Takes it away; what is relied on under its protection is relied on no longer. Signs of life first: without their marker they would be taken for
    /// one of an owner nobody knows. At the first that cannot be removed it stops, and the rest stays.
    /// </summary>
    public void Remove()
    {
        List<string> names;
        lock (_gate)
        {
            _removed = true;
            names = [.. _renewals, Name];
            _renewals.Clear();
        }

        try
        {
            foreach (var name in names)
            {
                using var limit = new CancellationTokenSource(s_removalTime);
                Repository.Store.Delete(name, limit.Token);
            }
        }
        catch (Exception e) when (e is HestiaException or OperationCanceledException)
        {
            // A stale marker is harmless; what its owner has to report is not to be hidden by it, nor held up.
        }
    }

    /// <summary>Before it is taken away for good: false if it has to stay.</summary>
    protected virtual bool MayGo() => true;

    /// <summary>After it was taken away for good, or was left.</summary>
    protected virtual void Ended()
    {
    }

    /// <summary>Removes one file of locks/ as far as it can be done.</summary>
    protected void TryDelete(string name)
    {
        try
        {
            using var limit = new CancellationTokenSource(s_removalTime);
            Repository.Store.Delete(name, limit.Token);
        }
        catch (Exception e) when (e is HestiaException or OperationCanceledException)
        {
            // as in Remove
        }
    }

    /// <summary>Sets it up again after <see cref="Remove"/>, or after somebody else removed it.</summary>
    protected void SetUpAgain(ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        lock (_gate) _removed = false;
        Repository.Store.TryCreate(Name, content, cancellationToken); // if the name is taken it is by ourselves: ids are random
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _ending.Cancel();
        if (_timer is not null)
        {
            using var ended = new ManualResetEvent(false);
            if (_timer.Dispose(ended)) ended.WaitOne();
        }

        if (MayGo()) Remove();
        Ended();
        _ending.Dispose();
    }

    protected static byte[] Content(RepositoryContext repository, string kind, Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", Magic);
            json.WriteNumber("formatVersion", Version);
            json.WriteString("kind", kind);
            json.WriteString("nonce", Guid.NewGuid()); // no two markers are the same bytes, see RepositoryStore.TryCreate
            (repository.Markers.Owner?.Invoke() ?? MarkerOwner.Current(repository.Clock)).Write(json);
            members(json);
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private void Renew()
    {
        try
        {
            lock (_gate)
            {
                if (_removed) return;
                var name = RepositoryNames.Renewal(Name, ++_number);
                _renewals.Add(name); // it may be there though the answer is lost
                Repository.Store.TryCreate(name, Content(Repository, "renewal", static _ => { }), _ending.Token);
            }
        }
        catch (Exception e) when (e is HestiaException or OperationCanceledException)
        {
            // The next one may come through; until then the marker only looks older than it is.
        }
    }
}

/// <summary>The mark of a running backup, written before its first look at what the repository holds and removed at its end.</summary>
internal sealed class BackupMarker : RepositoryMarker
{
    private const int RecheckRounds = 3;

    private readonly byte[] _content;
    private bool _complete;
    private bool _waited;

    private BackupMarker(RepositoryContext repository, string backupId, byte[] content)
        : base(repository, RepositoryNames.BackupMarker(backupId), repository.Markers.BackupRenewal)
    {
        BackupId = backupId;
        _content = content;
    }

    /// <summary>The id the backup will have.</summary>
    public string BackupId { get; }

    /// <summary>Marks a backup under an id that no other running backup has.</summary>
    public static BackupMarker Write(
        RepositoryContext repository, DateTimeOffset started, Guid indexId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var id = RepositoryNames.NewBackupId(started);
            var content = Content(repository, "backup", json =>
            {
                json.WriteString("backup", id);
                json.WriteString("indexId", indexId);
            });
            if (repository.Store.TryCreate(RepositoryNames.BackupMarker(id), content, cancellationToken))
                return new BackupMarker(repository, id, content);
        }
    }

    /// <summary>Whether another backup is marked as running.</summary>
    public bool OthersRun(CancellationToken cancellationToken)
    {
        foreach (var item in Repository.Store.List(RepositoryNames.Locks, cancellationToken))
        {
            if (RepositoryNames.TryParseMarker(item.Name, out var marker, out var isPrune) && !isPrune && marker != Name)
                return true;
        }

        return false;
    }

    /// <summary>Sets it up again if somebody has taken this backup for dead.</summary>
    /// <returns>Whether it was still there: only then everything looked at since is as it was.</returns>
    public bool Keep(CancellationToken cancellationToken)
    {
        if (Stands(cancellationToken)) return true;
        SetUpAgain(_content, cancellationToken);
        return false;
    }

    /// <summary>
    /// Returns when no prune runs that condemned any of these objects without knowing of this marker. One that begins later sees the marker
    /// and waits for it, and what a prune has not condemned it does not touch. While it waits for a prune the marker is away, as that
    /// prune may be waiting for it; so everything has to be looked at afterwards. A mark for which no prune waits then says that this backup is
    /// at work, until its end: what is removed from the archive depends on that.
    /// </summary>
    public void AvoidPrunes(IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        var board = new MarkerBoard(Repository);
        while (true)
        {
            var prunes = board.PrunesThatCondemned(objects, cancellationToken);
            if (prunes.Count == 0) return;
            if (!_waited)
            {
                _waited = true; // it may be there though the answer is lost
                Repository.Store.TryCreate(RepositoryNames.WaitingMark(BackupId), _content, cancellationToken);
            }

            Remove();
            board.WaitUntilGone(prunes, Timeout.InfiniteTimeSpan, cancellationToken);
            SetUpAgain(_content, cancellationToken);
        }
    }

    /// <summary>
    /// After publishing. While this marker stands nothing is removed; if somebody took its owner for dead, what may have been removed since is
    /// sent again. If that fails, what was published is withdrawn. It is complete when this returns, so a cancellation would come too late.
    /// </summary>
    /// <param name="objects">Names of all it needs.</param>
    /// <param name="findMissing">What of it is not there now.</param>
    /// <param name="send">Sends that again, durably.</param>
    /// <param name="withdraw">Takes back what was published; null if it was not published here.</param>
    /// <param name="lost">What to report of objects that go again and again.</param>
    public void KeepComplete<T>(
        IReadOnlyList<string> objects, Func<List<T>> findMissing, Action<List<T>> send, Action? withdraw, Func<HestiaException> lost)
    {
        try
        {
            for (var round = 0; ; round++)
            {
                var stood = Keep(CancellationToken.None);
                if (!stood) AvoidPrunes(objects, CancellationToken.None);
                var missing = findMissing();
                if (missing.Count == 0)
                {
                    _complete = stood;
                    if (stood) return;
                    continue;
                }

                if (round >= RecheckRounds) throw lost();
                send(missing);
            }
        }
        catch when (withdraw is not null)
        {
            try
            {
                withdraw();
            }
            catch (HestiaException)
            {
                // The first failure says what is wrong with the store; verify names what the backup lacks.
            }

            throw;
        }
    }

    /// <summary>
    /// Objects of work that failed or was cancelled may be readable and not durable, and without this marker the next backup names them as they are. Where
    /// they cannot be made durable the marker stays.
    /// </summary>
    protected override bool MayGo()
    {
        if (_complete || Repository.Store.Capabilities.DurableWhenStored) return true;
        try
        {
            Repository.Store.MakeObjectsDurable(CancellationToken.None);
            return true;
        }
        catch (HestiaException)
        {
            return false; // until somebody takes its owner for dead, who then does the same
        }
    }

    protected override void Ended()
    {
        if (_waited) TryDelete(RepositoryNames.WaitingMark(BackupId));
    }
}

/// <summary>The mark of a prune: what it condemned, before it looks for the markers of backups.</summary>
internal sealed class PruneMarker : RepositoryMarker
{
    private PruneMarker(RepositoryContext repository, string name)
        : base(repository, name, repository.Markers.PruneRenewal)
    {
    }

    public static PruneMarker Write(RepositoryContext repository, IReadOnlyList<string> condemned, CancellationToken cancellationToken)
    {
        while (true)
        {
            var name = RepositoryNames.PruneMarker(Guid.NewGuid().ToString("n"));
            var content = Content(repository, "prune", json => CondemnedSet.Write(json, condemned));
            if (repository.Store.TryCreate(name, content, cancellationToken)) return new PruneMarker(repository, name);
        }
    }
}
