using System.Buffers;
using System.Text.Json;
using Hestia.Backup.FileSets;
using Hestia.Core;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Backup.Format;

/// <summary>A segment as a backup names it: enough to find and verify its object without understanding the index's manifest.</summary>
internal readonly record struct BackupSegment(SegmentId Id, long Size, int Level);

/// <summary>
/// A whole backup: the summary, the manifest of the index byte for byte, and the segments. One JSON object; docs/repository.md has it to
/// the byte. Written last, by one conditional creation: where it is, everything it names was there.
/// </summary>
internal sealed record BackupManifest(BackupSummary Summary, byte[] IndexManifestBytes, ManifestDocument? Index, IReadOnlyList<BackupSegment> Segments)
{
    /// <summary>Larger is not read: the largest manifest of an index in base64, its segments and the head fit.</summary>
    public const int MaxBytes = 32 << 20;

    /// <summary>The files, if it is of another system's folder; the segments are then the objects that hold their content.</summary>
    public FileSetManifest? Files { get; init; }

    /// <summary>The manifest of the index.</summary>
    /// <exception cref="HestiaException">InvalidOption: it is of another system's folder, which has neither manifest nor log of ours.</exception>
    public ManifestDocument IndexManifest => Index ?? throw new HestiaException(
        HestiaErrorCode.InvalidOption,
        $"Backup {Summary.BackupId} is of a {Summary.Kind} directory, which has no log in the archive: it is restored as it was backed up.",
        Summary.BackupId,
        "Leave the point, the latest point and the timeline out.");

    /// <summary>Builds the manifest of a folder of another system.</summary>
    public static byte[] Serialize(BackupSummary summary, FileSetManifest files)
    {
        var objects = files.Objects();
        return Serialize(summary, [], objects, files);
    }

    /// <summary>Builds a manifest; the summary's counts of what it holds and its body length are filled in here.</summary>
    public static byte[] Serialize(BackupSummary summary, ReadOnlySpan<byte> indexManifest, IReadOnlyList<BackupSegment> segments) =>
        Serialize(summary, indexManifest, segments, null);

    private static byte[] Serialize(
        BackupSummary summary, ReadOnlySpan<byte> indexManifest, IReadOnlyList<BackupSegment> segments, FileSetManifest? files)
    {
        var buffer = new ArrayBufferWriter<byte>(1024 + (indexManifest.Length * 4 / 3) + ((segments.Count + (files?.Files.Count ?? 0)) * 130));
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteBase64String("manifest", indexManifest);
            json.WriteStartArray("segments");
            foreach (var segment in segments)
            {
                json.WriteStartObject();
                json.WriteString("id", segment.Id.ToString());
                json.WriteNumber("size", segment.Size);
                json.WriteNumber("level", segment.Level);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("wal");
            json.WriteEndArray();
            files?.Write(json);
            json.WriteEndObject();
        }

        var body = buffer.WrittenSpan[1..]; // the head has the opening brace
        var sealing = SelfChecksum.Append("{}"u8).Length - 2;
        var head = (summary with { BodyBytes = body.Length + sealing }).SerializeHead();
        return SelfChecksum.Append([.. head, .. body]);
    }

    /// <summary>Reads what Serialize wrote and holds its parts against each other.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="Core.HestiaException">FormatTooNew.</exception>
    public static BackupManifest Parse(ReadOnlySpan<byte> bytes)
    {
        var summary = BackupSummary.ParseHead(bytes, out var headBytes);
        if (summary.BodyBytes != bytes.Length - headBytes)
            throw new InvalidDataException($"it is {bytes.Length:N0} bytes long and says it has {headBytes + summary.BodyBytes:N0}.");
        try
        {
            SelfChecksum.Verify(bytes, "the manifest");
            var reader = new Utf8JsonReader(bytes);
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            var indexManifestBytes = root.GetProperty("manifest").GetBytesFromBase64();
            var indexManifest = summary.FileSet is null ? ManifestDocument.Parse(indexManifestBytes, "the index manifest in it") : null;
            var segments = new List<BackupSegment>(root.GetProperty("segments").GetArrayLength());
            foreach (var element in root.GetProperty("segments").EnumerateArray())
            {
                if (!SegmentId.TryParse(element.GetProperty("id").GetString(), out var id))
                    throw new InvalidDataException("it names a segment by something that is no id.");
                segments.Add(new BackupSegment(id, element.GetProperty("size").GetInt64(), element.GetProperty("level").GetInt32()));
            }

            if (root.GetProperty("wal").GetArrayLength() != 0) throw FormatVersions.UnknownFeature("the manifest", "wal");
            if (indexManifest is not null)
            {
                Agree(summary, indexManifest, segments);
                return new BackupManifest(summary, indexManifestBytes, indexManifest, segments);
            }

            var files = FileSetManifest.Parse(root);
            Agree(summary, files, segments);
            return new BackupManifest(summary, [], null, segments) { Files = files };
        }
        catch (Exception e) when (FormatVersions.IsParseFailure(e))
        {
            throw new InvalidDataException($"it cannot be understood: {e.Message}", e);
        }
    }

    private static void Agree(BackupSummary summary, FileSetManifest files, List<BackupSegment> segments)
    {
        var expected = files.Objects();
        var agree = summary.Segments == segments.Count && expected.Count == segments.Count;
        for (var i = 0; agree && i < segments.Count; i++) agree = expected[i] == segments[i];
        if (!agree) throw new InvalidDataException("its parts contradict each other.");
    }

    /// <summary>Checksums only prove that nothing changed since it was written; this proves that it was written right.</summary>
    private static void Agree(BackupSummary summary, ManifestDocument index, List<BackupSegment> segments)
    {
        var agree = summary.IndexId == index.IndexId && summary.Lsn == index.Checkpoint && summary.Segments == segments.Count
            && segments.Count == index.Segments.Count;
        var seen = new HashSet<SegmentId>();
        for (var i = 0; agree && i < segments.Count; i++)
        {
            var expected = index.Segments[i];
            agree = seen.Add(expected.Id) && segments[i] == new BackupSegment(expected.Id, expected.Size, expected.Level)
                && expected.Size >= 0;
        }

        if (!agree) throw new InvalidDataException("its parts contradict each other.");
    }
}
