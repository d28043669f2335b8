using System.Buffers;
using System.Text.Json;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Archiving;

/// <summary>The last backup that was made of an index, as backup.json in its folder tells. For people: nothing is decided by it.</summary>
/// <param name="BackupId">Id of the backup.</param>
/// <param name="Repository">Location of the repository.</param>
/// <param name="RepositoryId">Identity of the repository.</param>
/// <param name="Lsn">It holds every write up to here and none after.</param>
/// <param name="Completed">When it was complete, UTC.</param>
public sealed record LastBackup(string BackupId, string Repository, Guid RepositoryId, Lsn Lsn, DateTimeOffset Completed)
{
    internal const string Magic = "hestia-last-backup";
    internal const int Version = 1;

    private const int MaxFileBytes = 64 << 10;
    private const int MaxText = 4096;

    internal byte[] Serialize(Guid indexId)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", Magic);
            json.WriteNumber("formatVersion", Version);
            json.WriteString("indexId", indexId);
            json.WriteString("backupId", BackupId);
            json.WriteString("repository", Repository);
            json.WriteString("repositoryId", RepositoryId);
            json.WriteNumber("lsn", Lsn.Value);
            json.WriteString("completed", Completed.UtcDateTime);
            json.WriteEndObject();
        }

        return SelfChecksum.Append(buffer.WrittenSpan);
    }

    /// <summary>What the folder of an index says; null if it says nothing that can be relied on, or speaks of another index.</summary>
    internal static LastBackup? Read(FileSystem files, string indexPath, Guid indexId)
    {
        try
        {
            var path = Path.Combine(indexPath, FileNames.LastBackup);
            if (!files.FileExists(path)) return null;
            var bytes = files.ReadAllBytes(path, MaxFileBytes);
            SelfChecksum.Verify(bytes, FileNames.LastBackup);
            var reader = new Utf8JsonReader(bytes);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            if (root.GetProperty("format").GetString() != Magic || root.GetProperty("formatVersion").GetInt32() > Version) return null;
            if (root.GetProperty("indexId").GetGuid() != indexId) return null;
            return new LastBackup(
                root.GetProperty("backupId").GetString() ?? "",
                root.GetProperty("repository").GetString() ?? "",
                root.GetProperty("repositoryId").GetGuid(),
                new Lsn(root.GetProperty("lsn").GetUInt64()),
                new DateTimeOffset(root.GetProperty("completed").GetDateTime(), TimeSpan.Zero));
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or KeyNotFoundException or FormatException or InvalidOperationException
            or ArgumentException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Puts it into the folder of an index.</summary>
    internal void Write(FileSystem files, string indexPath, Guid indexId) =>
        files.WriteAtomically(Path.Combine(indexPath, FileNames.LastBackup), Serialize(indexId), ownerModel: indexPath);

    /// <summary>Whether it is short enough to be kept; it may come from another process.</summary>
    internal bool IsSane => BackupId.Length is > 0 and <= MaxText && Repository.Length <= MaxText;
}
