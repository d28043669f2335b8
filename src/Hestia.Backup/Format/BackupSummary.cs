using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hestia.Core;
using Hestia.Core.Manifest;

namespace Hestia.Backup.Format;

/// <summary>Of which kind of folder a backup is, if not of an index of ours.</summary>
/// <param name="Kind">Name of the kind, as it is registered.</param>
/// <param name="Title">Its name for people.</param>
internal sealed record FileSetHead(string Kind, string Title);

/// <summary>
/// The head of a backup's manifest: everything a list of backups shows. It is the first line of the file and sealed by itself, so that
/// listing reads a few hundred bytes of each manifest and not the megabytes that follow in one of many segments.
/// </summary>
internal sealed record BackupSummary
{
    public const string Magic = "hestia-backup";
    public const int Version = 1;

    /// <summary>
    /// What a backup of a folder of another system says in its features, so that versions which do not know such backups refuse them by name and do
    /// not prune around them.
    /// </summary>
    public const string FileSetFeature = "file-set";

    /// <summary>Longest head: a source path of 32,767 characters, escaped, fits.</summary>
    public const int MaxHeadBytes = 512 << 10;

    private static readonly long s_maxCommitTime = (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static ReadOnlySpan<byte> SealOpening => ",\"headSha256\":\""u8;

    private static ReadOnlySpan<byte> SealEnding => "\",\n"u8;

    private static int SealLength => SealOpening.Length + (2 * SHA256.HashSizeInBytes) + SealEnding.Length;

    public required string BackupId { get; init; }

    /// <summary>Random; tells a manifest that was written by this run from one of the same name.</summary>
    public required Guid Nonce { get; init; }

    public required Guid IndexId { get; init; }

    public required string IndexName { get; init; }

    public required Guid Timeline { get; init; }

    public required string SourcePath { get; init; }

    public required string Host { get; init; }

    public required string Tool { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required DateTimeOffset Completed { get; init; }

    public required Lsn Lsn { get; init; }

    /// <summary>Commit time of that LSN, UTC microseconds since 1970.</summary>
    public required long CheckpointTime { get; init; }

    public required long Entries { get; init; }

    public required int Segments { get; init; }

    public required long Bytes { get; init; }

    public required long BytesSent { get; init; }

    public required int SegmentsSent { get; init; }

    /// <summary>index.json as it stood, byte for byte.</summary>
    public required byte[] SettingsBytes { get; init; }

    /// <summary>Words it was marked with.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Set if it is of another system's folder; null if of an index of ours.</summary>
    public FileSetHead? FileSet { get; init; }

    /// <summary>What it is a backup of, for people.</summary>
    public string Kind => FileSet?.Title ?? BackupInfo.HestiaKind;

    /// <summary>Bytes of the file after the first line feed.</summary>
    public required long BodyBytes { get; init; }

    /// <summary>The first line of the file, line feed included.</summary>
    public byte[] SerializeHead()
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", Magic);
            json.WriteNumber("formatVersion", Version);
            json.WriteStartArray("features");
            if (FileSet is not null) json.WriteStringValue(FileSetFeature);
            json.WriteEndArray();
            json.WriteString("id", BackupId);
            json.WriteString("nonce", Nonce);
            json.WriteString("indexId", IndexId);
            json.WriteString("indexName", IndexName);
            json.WriteString("timeline", Timeline);
            json.WriteString("sourcePath", SourcePath);
            json.WriteString("host", Host);
            json.WriteString("tool", Tool);
            json.WriteString("started", Started.UtcDateTime);
            json.WriteString("completed", Completed.UtcDateTime);
            json.WriteNumber("lsn", Lsn.Value);
            json.WriteNumber("checkpointTime", CheckpointTime);
            json.WriteNumber("entries", Entries);
            json.WriteNumber("segmentCount", Segments);
            json.WriteNumber("bytes", Bytes);
            json.WriteNumber("bytesSent", BytesSent);
            json.WriteNumber("segmentsSent", SegmentsSent);
            json.WriteBase64String("settings", SettingsBytes);
            if (Tags.Count > 0)
            {
                json.WriteStartArray("tags");
                foreach (var tag in Tags) json.WriteStringValue(tag);
                json.WriteEndArray();
            }

            if (FileSet is { } fileSet)
            {
                json.WriteStartObject("fileSet");
                json.WriteString("kind", fileSet.Kind);
                json.WriteString("title", fileSet.Title);
                json.WriteEndObject();
            }

            json.WriteNumber("bodyBytes", BodyBytes);
            json.WriteEndObject();
        }

        var head = buffer.WrittenSpan[..^1]; // without the closing brace: the members of the body follow
        var hash = Encoding.ASCII.GetBytes(Convert.ToHexString(SHA256.HashData(head)).ToLowerInvariant());
        return [.. head, .. SealOpening, .. hash, .. SealEnding];
    }

    /// <summary>Reads the first line of a manifest. <paramref name="file"/> holds at least that line; more does not matter.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or no manifest.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static BackupSummary ParseHead(ReadOnlySpan<byte> file, out int headBytes)
    {
        headBytes = file.IndexOf((byte)'\n') + 1;
        if (headBytes == 0) throw new InvalidDataException("it is cut short or no manifest: its first line is not complete.");
        var head = file[..Math.Max(0, headBytes - SealLength)];
        var seal = file[head.Length..headBytes];
        var sealedWell = seal.Length == SealLength && seal.StartsWith(SealOpening) && seal.EndsWith(SealEnding);
        try
        {
            // The version is looked at before the checksum: a newer one may seal the line in another way.
            byte[] complete = sealedWell ? [.. head, (byte)'}'] : [.. file[..headBytes].TrimEnd(",\n"u8), (byte)'}'];
            var reader = new Utf8JsonReader(complete);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            var isFileSet = FormatVersions.Check(root, Magic, Version, "the manifest", FileSetFeature);
            if (!sealedWell) throw new InvalidDataException("its first line has no checksum.");
            var hash = Encoding.ASCII.GetBytes(Convert.ToHexString(SHA256.HashData(head)).ToLowerInvariant());
            if (!seal.Slice(SealOpening.Length, hash.Length).SequenceEqual(hash))
                throw new InvalidDataException("its first line does not match its checksum.");
            return new BackupSummary
            {
                BackupId = root.GetProperty("id").GetString()!,
                Nonce = root.GetProperty("nonce").GetGuid(),
                IndexId = root.GetProperty("indexId").GetGuid(),
                IndexName = root.GetProperty("indexName").GetString()!,
                Timeline = root.GetProperty("timeline").GetGuid(),
                SourcePath = root.GetProperty("sourcePath").GetString()!,
                Host = root.GetProperty("host").GetString()!,
                Tool = root.GetProperty("tool").GetString()!,
                Started = FormatVersions.Time(root.GetProperty("started")),
                Completed = FormatVersions.Time(root.GetProperty("completed")),
                Lsn = new Lsn(root.GetProperty("lsn").GetUInt64()),
                CheckpointTime = CommitTime(root.GetProperty("checkpointTime").GetInt64()),
                Entries = root.GetProperty("entries").GetInt64(),
                Segments = root.GetProperty("segmentCount").GetInt32(),
                Bytes = root.GetProperty("bytes").GetInt64(),
                BytesSent = root.GetProperty("bytesSent").GetInt64(),
                SegmentsSent = root.GetProperty("segmentsSent").GetInt32(),
                SettingsBytes = root.GetProperty("settings").GetBytesFromBase64(),
                Tags = ReadTags(root),
                FileSet = isFileSet ? ReadFileSet(root.GetProperty("fileSet")) : null,
                BodyBytes = root.GetProperty("bodyBytes").GetInt64(),
            };
        }
        catch (Exception e) when (FormatVersions.IsParseFailure(e))
        {
            throw new InvalidDataException($"its first line cannot be understood: {e.Message}", e);
        }
    }

    /// <summary>Microseconds since 1970 that are a time at all; 0 is none.</summary>
    private static long CommitTime(long microseconds) => microseconds >= 0 && microseconds <= s_maxCommitTime
        ? microseconds : throw new InvalidDataException($"its checkpoint time, {microseconds}, is no time.");

    private static FileSetHead ReadFileSet(JsonElement element) =>
        new(element.GetProperty("kind").GetString()!, element.GetProperty("title").GetString()!);

    private static string[] ReadTags(JsonElement root)
    {
        if (!root.TryGetProperty("tags", out var array)) return [];
        var tags = new string[array.GetArrayLength()];
        for (var i = 0; i < tags.Length; i++)
            tags[i] = array[i].GetString() ?? throw new InvalidDataException("it has a tag that is no text.");
        return tags;
    }

    /// <summary>What is shown of it.</summary>
    /// <exception cref="InvalidDataException">The index.json in it cannot be understood.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public BackupInfo ToInfo(string location, DateTime? storedAt = null) => new()
    {
        BackupId = BackupId,
        IndexName = IndexName,
        Kind = Kind,
        IndexId = IndexId,
        SourcePath = SourcePath,
        SourceHost = Host,
        Repository = location,
        Lsn = Lsn,
        Timeline = Timeline,
        PointInTime = CheckpointTime == 0 ? null : DateTimeOffset.UnixEpoch.AddMicroseconds(CheckpointTime),
        RecoverableToLsn = Lsn,
        RecoverableToTime = CheckpointTime == 0 ? null : DateTimeOffset.UnixEpoch.AddMicroseconds(CheckpointTime),
        Started = Started,
        Completed = Completed,
        Segments = Segments,
        Bytes = Bytes,
        BytesSent = BytesSent,
        Entries = Entries,
        Tags = Tags,
        StoredAt = storedAt is { } stored ? new DateTimeOffset(DateTime.SpecifyKind(stored, DateTimeKind.Utc)) : null,
        Settings = FileSet is null ? IndexSettingsFile.Parse(SettingsBytes).Settings : new IndexSettings { Name = IndexName },
    };
}
