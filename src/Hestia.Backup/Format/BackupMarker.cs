using System.Buffers;
using System.Text.Json;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Locking;

namespace Hestia.Backup.Format;

/// <summary>
/// The mark of a running backup in locks/: written before its first look at what the repository holds, removed at its end. Whoever
/// deletes objects has to wait for every marker it sees; whoever finds an object while there is a marker of another may not yet rely on
/// its being durable. One that was left by a killed process is harmless: it only makes others careful.
/// </summary>
internal sealed class BackupMarker : IDisposable
{
    private readonly RepositoryStore _store;
    private readonly string _name;

    private BackupMarker(RepositoryStore store, string name, string backupId)
    {
        _store = store;
        _name = name;
        BackupId = backupId;
    }

    /// <summary>The id the backup will have.</summary>
    public string BackupId { get; }

    /// <summary>Marks a backup under an id that no other running backup has.</summary>
    public static BackupMarker Write(
        RepositoryStore store, TimeProvider clock, DateTimeOffset started, Guid indexId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var id = RepositoryNames.NewBackupId(started);
            var name = RepositoryNames.BackupMarker(id);
            if (store.TryCreate(name, Content(LockOwner.Current(clock), id, indexId), cancellationToken))
                return new BackupMarker(store, name, id);
        }
    }

    /// <summary>Whether another backup is marked as running.</summary>
    public bool OthersRun(CancellationToken cancellationToken)
    {
        foreach (var item in _store.List(RepositoryNames.Locks, cancellationToken))
            if (RepositoryNames.IsBackupMarker(item.Name) && item.Name != _name) return true;
        return false;
    }

    public void Dispose()
    {
        try
        {
            _store.Delete(_name, CancellationToken.None);
        }
        catch (HestiaException)
        {
            // A stale marker is harmless; what the backup has to report is not to be hidden by it.
        }
    }

    private static byte[] Content(LockOwner owner, string id, Guid indexId)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", "hestia-marker");
            json.WriteNumber("formatVersion", 1);
            json.WriteString("kind", "backup");
            json.WriteString("backup", id);
            json.WriteString("nonce", Guid.NewGuid()); // no two markers are the same bytes, see RepositoryStore.TryCreate
            json.WriteString("indexId", indexId);
            json.WriteString("host", owner.Host);
            json.WriteNumber("pid", owner.ProcessId);
            json.WriteString("process", owner.ProcessName);
            json.WriteString("started", owner.Since.UtcDateTime);
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }
}
