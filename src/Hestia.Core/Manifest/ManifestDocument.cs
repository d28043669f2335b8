using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hestia.Core.Segments;

namespace Hestia.Core.Manifest;

/// <summary>
/// One live segment as the manifest names it. Key bounds are shortened outward to <see cref="ManifestFormat.MaxBoundBytes"/>: the lower
/// bound is at or before the smallest key, the upper bound at or after the largest, so neighbours of one level may share a bound.
/// </summary>
internal sealed record ManifestSegment(
    SegmentId Id,
    int Level,
    long Size,
    long Entries,
    long Tombstones,
    byte[] LowerBound,
    byte[] UpperBound,
    Lsn MinLsn,
    Lsn MaxLsn,
    BlockCodec Codec)
{
    public static ManifestSegment From(SegmentInfo info, int level) => new(
        info.Id,
        level,
        info.Size,
        info.Entries,
        info.Tombstones,
        ManifestFormat.ShortenDown(info.MinKey),
        ManifestFormat.ShortenUp(info.MaxKey),
        info.MinLsn,
        info.MaxLsn,
        info.Codec);

    public bool Overlaps(ReadOnlySpan<byte> lower, ReadOnlySpan<byte> upper) =>
        LowerBound.AsSpan().SequenceCompareTo(upper) <= 0 && UpperBound.AsSpan().SequenceCompareTo(lower) >= 0;
}

/// <summary>Where the history of an index stands: a restore or a lossy repair begins a new timeline, so that two histories never mix.</summary>
/// <param name="Id">This timeline.</param>
/// <param name="Parent">The timeline it branched from, or null for the first.</param>
/// <param name="BranchLsn">Last LSN shared with the parent.</param>
internal sealed record Timeline(Guid Id, Guid? Parent, Lsn BranchLsn)
{
    public static Timeline First() => new(Guid.NewGuid(), null, Lsn.None);

    public Timeline Branch(Lsn at) => new(Guid.NewGuid(), Id, at);
}

/// <summary>
/// The immutable list of live segments with the checkpoint. JSON, so that it can be read without tools, ending in a checksum of itself.
/// </summary>
internal sealed record ManifestDocument
{
    public required ulong Number { get; init; }

    public required Guid IndexId { get; init; }

    public required Timeline Timeline { get; init; }

    /// <summary>The LSN up to which the segments hold everything.</summary>
    public required Lsn Checkpoint { get; init; }

    /// <summary>The LSN the next write gets if the log holds nothing.</summary>
    public required Lsn NextLsn { get; init; }

    /// <summary>Commit time of the checkpoint, UTC microseconds since 1970; 0 before the first write.</summary>
    public required long LastCommitTime { get; init; }

    /// <summary>By level; level 0 newest first, deeper levels by key.</summary>
    public required IReadOnlyList<ManifestSegment> Segments { get; init; }

    public long SegmentBytes
    {
        get
        {
            long sum = 0;
            foreach (var segment in Segments) sum += segment.Size;
            return sum;
        }
    }

    /// <summary>The bytes as they stand on disk.</summary>
    public byte[] Serialize()
    {
        var buffer = new ArrayBufferWriter<byte>(1024 + (Segments.Count * 400));
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = false }))
        {
            json.WriteStartObject();
            json.WriteString("format", ManifestFormat.Magic);
            json.WriteNumber("formatVersion", ManifestFormat.Version);
            json.WriteNumber("number", Number);
            json.WriteString("indexId", IndexId);
            json.WriteStartObject("timeline");
            json.WriteString("id", Timeline.Id);
            if (Timeline.Parent is { } parent) json.WriteString("parent", parent);
            json.WriteNumber("branchLsn", Timeline.BranchLsn.Value);
            json.WriteEndObject();
            json.WriteNumber("checkpoint", Checkpoint.Value);
            json.WriteNumber("nextLsn", NextLsn.Value);
            json.WriteNumber("lastCommitTime", LastCommitTime);
            json.WriteStartArray("segments");
            foreach (var segment in Segments)
            {
                json.WriteStartObject();
                json.WriteNumber("level", segment.Level);
                json.WriteString("id", segment.Id.ToString());
                json.WriteNumber("size", segment.Size);
                json.WriteNumber("entries", segment.Entries);
                json.WriteNumber("tombstones", segment.Tombstones);
                json.WriteString("lower", Convert.ToHexString(segment.LowerBound).ToLowerInvariant());
                json.WriteString("upper", Convert.ToHexString(segment.UpperBound).ToLowerInvariant());
                json.WriteNumber("minLsn", segment.MinLsn.Value);
                json.WriteNumber("maxLsn", segment.MaxLsn.Value);
                json.WriteNumber("codec", (byte)segment.Codec);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return SelfChecksum.Append(buffer.WrittenSpan);
    }

    /// <summary>Reads what <see cref="Serialize"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is damaged or no manifest; the message says what is wrong.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static ManifestDocument Parse(ReadOnlySpan<byte> bytes, string name = "manifest", string? path = null)
    {
        var body = SelfChecksum.Verify(bytes, name);
        try
        {
            var reader = new Utf8JsonReader(body);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            if (root.GetProperty("format").GetString() != ManifestFormat.Magic) throw new InvalidDataException($"{name} is no Hestia manifest.");
            var version = root.GetProperty("formatVersion").GetInt32();
            if (version > ManifestFormat.Version) throw ManifestFormat.TooNew(path ?? name, version);
            var timeline = root.GetProperty("timeline");
            var segments = new List<ManifestSegment>();
            foreach (var element in root.GetProperty("segments").EnumerateArray()) segments.Add(ParseSegment(element, name));
            if (segments.Count > Limits.MaxSegments) throw new InvalidDataException($"{name} lists {segments.Count} segments; the limit is {Limits.MaxSegments}.");
            return new ManifestDocument
            {
                Number = root.GetProperty("number").GetUInt64(),
                IndexId = root.GetProperty("indexId").GetGuid(),
                Timeline = new Timeline(
                    timeline.GetProperty("id").GetGuid(),
                    timeline.TryGetProperty("parent", out var parent) ? parent.GetGuid() : null,
                    new Lsn(timeline.GetProperty("branchLsn").GetUInt64())),
                Checkpoint = new Lsn(root.GetProperty("checkpoint").GetUInt64()),
                NextLsn = new Lsn(root.GetProperty("nextLsn").GetUInt64()),
                LastCommitTime = root.GetProperty("lastCommitTime").GetInt64(),
                Segments = segments,
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException($"{name} cannot be understood: {e.Message}", e);
        }
    }

    private static ManifestSegment ParseSegment(JsonElement element, string name)
    {
        var level = element.GetProperty("level").GetInt32();
        if (level is < 0 or >= ManifestFormat.Levels) throw new InvalidDataException($"{name} names level {level}; levels are 0 to {ManifestFormat.Levels - 1}.");
        if (!SegmentId.TryParse(element.GetProperty("id").GetString(), out var id)) throw new InvalidDataException($"{name} holds a segment id that is none.");
        var codec = element.GetProperty("codec").GetByte();
        if (codec > (byte)BlockCodec.Snappy) throw new InvalidDataException($"{name} names codec {codec}, which is unknown.");
        var (size, entries, tombstones) =
            (element.GetProperty("size").GetInt64(), element.GetProperty("entries").GetInt64(), element.GetProperty("tombstones").GetInt64());
        if (size < 0 || tombstones < 0 || entries < tombstones) throw new InvalidDataException($"{name} gives segment {id} sizes that cannot be.");
        return new ManifestSegment(
            id,
            level,
            size,
            entries,
            tombstones,
            Convert.FromHexString(element.GetProperty("lower").GetString()!),
            Convert.FromHexString(element.GetProperty("upper").GetString()!),
            new Lsn(element.GetProperty("minLsn").GetUInt64()),
            new Lsn(element.GetProperty("maxLsn").GetUInt64()),
            (BlockCodec)codec);
    }
}
