using Hestia.Core.Archiving;
using Hestia.Core.Control;
using Hestia.Core.IO;
using Hestia.Core.Locking;

namespace Hestia.Core;

/// <content>What other processes may learn of and ask from an open index.</content>
public sealed partial class HestiaIndex
{
    private DateTimeOffset _openedTime;
    private LastBackup? _lastBackup;
    private LastBackup? _unnotedBackup; // waits for the end of a suspension

    /// <summary>Where other processes reach this index, as <c>.lock</c> names it; null if they cannot.</summary>
    public string? ControlEndpoint => _control?.Name;

    /// <summary>Everything worth knowing of the index at this moment.</summary>
    /// <exception cref="HestiaException">IndexClosed.</exception>
    public IndexStatus GetStatus(CancellationToken cancellationToken = default) => new()
    {
        Id = Id,
        Name = Name,
        Path = Path,
        Created = Created,
        Settings = Settings,
        Durability = Durability,
        ReadOnly = IsReadOnly,
        Owner = LockOwner.Current(_context.Files.Clock) with { Since = _openedTime, Endpoint = ControlEndpoint },
        Statistics = GetStatistics(),
        LastBackup = Volatile.Read(ref _lastBackup),
    };

    /// <summary>Remembers the last backup. It is worth no failure: the backup is complete either way.</summary>
    internal void NoteBackup(LastBackup backup)
    {
        if (IsReadOnly) return;
        Volatile.Write(ref _lastBackup, backup);
        Volatile.Write(ref _unnotedBackup, backup);
        WriteUnnotedBackup();
    }

    /// <summary>Writes it, now or when the index is suspended no more.</summary>
    private void WriteUnnotedBackup()
    {
        if (Volatile.Read(ref _unnotedBackup) is null || !_context.Quiesce.TryEnter()) return;
        try
        {
            Interlocked.Exchange(ref _unnotedBackup, null)?.Write(_context.Files, Path, Id);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // known until the index is closed
        }
        finally
        {
            _context.Quiesce.Exit();
        }
    }

    /// <summary>Others that look at the lock meanwhile wait for the last flush, and do not take the owner for one that cannot be reached.</summary>
    private void TellClosing()
    {
        if (_control is null || _lock is null) return;
        try
        {
            IndexLock.WriteEndpoint(_context.Files, Path, _lock, LockOwner.EndpointClosing);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // They wait a little less for it.
        }
    }

    /// <summary>Serves the control endpoint. An index that cannot have one opens all the same, and says so.</summary>
    private void Serve()
    {
        _openedTime = _context.Files.Clock.GetUtcNow();
        _lastBackup = LastBackup.Read(_context.Files, Path, Id);
        if (_lock is null || IsReadOnly || !_context.Options.ControlEndpoint || !_context.Files.HasEndpoints) return;
        string endpoint;
        try
        {
            _control = ControlServer.Start(this);
            endpoint = _control.Name;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            endpoint = LockOwner.EndpointFailed;
            var notice = new RecoveryNotice(
                "ControlEndpointFailed", $"Other processes cannot reach this index while it is open: {e.Message}", FileNames.ControlSocket);
            Recovery = Recovery with { Notices = [.. Recovery.Notices, notice] };
        }

        IndexLock.WriteEndpoint(_context.Files, Path, _lock, endpoint);
    }
}
