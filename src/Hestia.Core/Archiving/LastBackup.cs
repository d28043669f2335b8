using System.Buffers;
using System.Text.Json;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Archiving;

/// <summary>The last backup that was made of an index, as backup.json in its folder tells. For people; no entry depends on it.</summary>
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
            return ReadStrictly(files, indexPath) is var (id, backup) && id == indexId ? backup : null;
        }
        catch (Exception e) when (e is InvalidDataException or HestiaException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whose last backup the folder of an index tells, and which; null if it tells of none.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    internal static (Guid IndexId, LastBackup Backup)? ReadStrictly(FileSystem files, string indexPath)
    {
        var path = Path.Combine(indexPath, FileNames.LastBackup);
        return files.FileExists(path) ? Parse(files.ReadAllBytes(path, MaxFileBytes), path) : null;
    }

    /// <summary>Reads what <see cref="Serialize"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    internal static (Guid IndexId, LastBackup Backup) Parse(ReadOnlySpan<byte> bytes, string? path = null)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            if (root.GetProperty("format").GetString() != Magic) throw new InvalidDataException($"{FileNames.LastBackup} tells of no backup.");
            var version = root.GetProperty("formatVersion").GetInt32();
            SelfChecksum.Verify(bytes, FileNames.LastBackup, version, Version, path);
            return (root.GetProperty("indexId").GetGuid(), new LastBackup(
                root.GetProperty("backupId").GetString() ?? "",
                root.GetProperty("repository").GetString() ?? "",
                root.GetProperty("repositoryId").GetGuid(),
                new Lsn(root.GetProperty("lsn").GetUInt64()),
                new DateTimeOffset(root.GetProperty("completed").GetDateTime(), TimeSpan.Zero)));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException($"{FileNames.LastBackup} cannot be understood: {e.Message}", e);
        }
    }

    /// <summary>Puts it into the folder of an index.</summary>
    internal void Write(FileSystem files, string indexPath, Guid indexId) =>
        files.WriteAtomically(Path.Combine(indexPath, FileNames.LastBackup), Serialize(indexId), ownerModel: indexPath);

    /// <summary>Whether it is short enough to be kept; it may come from another process.</summary>
    internal bool IsSane => BackupId.Length is > 0 and <= MaxText && Repository.Length <= MaxText;
}
