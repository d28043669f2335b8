using System.Buffers;
using System.Text.Json;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Archiving;

/// <summary>
/// archive.json: that the log of this index is archived, where to and how far. It is what keeps log files that were not shipped yet beyond
/// flush, grace period and restart. It also says where the index was, so that a copy of it is known for one.
/// </summary>
internal sealed record ArchiveState
{
    public const string Magic = "hestia-archive-state";
    public const int Version = 1;

    /// <summary>How many bytes of log may wait for their shipment where nobody said otherwise.</summary>
    public const long DefaultQueueMaxBytes = 4L << 30;

    private const int MaxFileBytes = 1 << 20;
    private const int MaxTargets = 64;
    private const int MaxLeft = 64;

    public required Guid IndexId { get; init; }

    /// <summary>Machine and folder of the index when it was last written.</summary>
    public required string Host { get; init; }

    /// <inheritdoc cref="Host"/>
    public required string IndexPath { get; init; }

    /// <summary>Bytes of log that may be kept only because they were not shipped yet.</summary>
    public required long QueueMaxBytes { get; init; }

    /// <summary>The last LSN that was given up unshipped because the queue was full; None if none was.</summary>
    public required Lsn DroppedThrough { get; init; }

    public required IReadOnlyList<ArchiveTarget> Targets { get; init; }

    /// <summary>
    /// Timelines this index was on before, oldest first: what is left of their log is shipped later, and a restore has to know where they came from.
    /// </summary>
    public IReadOnlyList<Timeline> Left { get; init; } = [];

    /// <summary>
    /// Whether it stands for one that was damaged: nobody knows what was shipped, and where to, until the next shipment; until then all log is kept.
    /// </summary>
    public bool IsUnknown { get; init; }

    /// <summary>Everything up to here has been shipped everywhere.</summary>
    public Lsn ShippedEverywhere
    {
        get
        {
            if (IsUnknown) return Lsn.None;
            if (Targets.Count == 0) return new Lsn(ulong.MaxValue);
            var lowest = Targets[0].Shipped;
            foreach (var target in Targets)
                if (target.Shipped < lowest) lowest = target.Shipped;
            return lowest;
        }
    }

    public ArchiveTarget? TargetOf(Guid repositoryId)
    {
        foreach (var target in Targets)
            if (target.RepositoryId == repositoryId) return target;
        return null;
    }

    /// <summary>The state with one target put in the place of that repository's, or taken out; with one it is known again what was shipped.</summary>
    public ArchiveState With(Guid repositoryId, ArchiveTarget? target)
    {
        var targets = new List<ArchiveTarget>();
        foreach (var other in Targets)
            if (other.RepositoryId != repositoryId) targets.Add(other);
        if (target is not null) targets.Add(target);
        return this with { Targets = targets, IsUnknown = IsUnknown && target is null };
    }

    /// <summary>The state of an index that has left a timeline; the oldest of many is forgotten.</summary>
    public ArchiveState Leaving(Timeline timeline)
    {
        var left = new List<Timeline>(Left) { timeline };
        if (left.Count > MaxLeft) left.RemoveAt(0);
        return this with { Left = left };
    }

    public byte[] Serialize()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", Magic);
            json.WriteNumber("formatVersion", Version);
            json.WriteString("indexId", IndexId);
            json.WriteString("host", Host);
            json.WriteString("path", IndexPath);
            json.WriteNumber("queueMaxBytes", QueueMaxBytes);
            json.WriteNumber("droppedThrough", DroppedThrough.Value);
            if (IsUnknown) json.WriteBoolean("unknown", true);
            json.WriteStartArray("targets");
            foreach (var target in Targets)
            {
                json.WriteStartObject();
                json.WriteString("repository", target.RepositoryId);
                json.WriteString("timeline", target.Timeline);
                json.WriteNumber("shipped", target.Shipped.Value);
                json.WriteNumber("commitTime", target.CommitTime);
                if (target.RecordCrc is { } crc) json.WriteNumber("recordCrc", crc);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (Left.Count > 0)
            {
                json.WriteStartArray("left");
                foreach (var timeline in Left)
                {
                    json.WriteStartObject();
                    json.WriteString("timeline", timeline.Id);
                    if (timeline.Parent is { } parent) json.WriteString("parent", parent);
                    json.WriteNumber("branchLsn", timeline.BranchLsn.Value);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return SelfChecksum.Append(buffer.WrittenSpan);
    }

    /// <summary>Reads what <see cref="Serialize"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static ArchiveState Parse(ReadOnlySpan<byte> bytes, string? path = null)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            if (root.GetProperty("format").GetString() != Magic) throw new InvalidDataException("it is no state of an archive.");
            var version = root.GetProperty("formatVersion").GetInt32();
            SelfChecksum.Verify(bytes, FileNames.Archive, version, Version, path);
            if (root.GetProperty("targets").GetArrayLength() > MaxTargets) throw new InvalidDataException("it names too many repositories.");
            var targets = new List<ArchiveTarget>();
            foreach (var element in root.GetProperty("targets").EnumerateArray())
            {
                targets.Add(new ArchiveTarget(
                    element.GetProperty("repository").GetGuid(),
                    element.GetProperty("timeline").GetGuid(),
                    new Lsn(element.GetProperty("shipped").GetUInt64()),
                    element.GetProperty("commitTime").GetInt64(),
                    element.TryGetProperty("recordCrc", out var crc) ? crc.GetUInt32() : null));
            }

            var left = new List<Timeline>();
            if (root.TryGetProperty("left", out var timelines))
            {
                if (timelines.GetArrayLength() > MaxLeft) throw new InvalidDataException("it names too many timelines.");
                foreach (var element in timelines.EnumerateArray())
                {
                    left.Add(new Timeline(
                        element.GetProperty("timeline").GetGuid(),
                        element.TryGetProperty("parent", out var parent) ? parent.GetGuid() : null,
                        new Lsn(element.GetProperty("branchLsn").GetUInt64())));
                }
            }

            return new ArchiveState
            {
                Left = left,
                IndexId = root.GetProperty("indexId").GetGuid(),
                Host = root.GetProperty("host").GetString() ?? "",
                IndexPath = root.GetProperty("path").GetString() ?? "",
                QueueMaxBytes = Math.Max(0, root.GetProperty("queueMaxBytes").GetInt64()),
                DroppedThrough = new Lsn(root.GetProperty("droppedThrough").GetUInt64()),
                IsUnknown = root.TryGetProperty("unknown", out var unknown) && unknown.GetBoolean(),
                Targets = targets,
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            throw new InvalidDataException($"{FileNames.Archive} cannot be understood: {e.Message}", e);
        }
    }

    /// <summary>The state of the index at a path; null if its log is not archived.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static ArchiveState? Read(FileSystem files, string indexPath)
    {
        var path = Path.Combine(indexPath, FileNames.Archive);
        return files.FileExists(path) ? Parse(files.ReadAllBytes(path, MaxFileBytes), path) : null;
    }

    /// <summary>Refuses a state of a newer version, which nobody may replace by one of ours; says nothing of damage.</summary>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static void RefuseNewer(FileSystem files, string indexPath)
    {
        try
        {
            Read(files, indexPath);
        }
        catch (InvalidDataException)
        {
            // damaged: opening goes on, and keeps all log
        }
    }

    /// <summary>Puts the state into the index at a path, durably.</summary>
    public void Write(FileSystem files, string indexPath) =>
        files.WriteAtomically(Path.Combine(indexPath, FileNames.Archive), Serialize(), ownerModel: indexPath);
}
