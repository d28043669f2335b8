using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Wal;

namespace Hestia.Core.Repair;

/// <summary>A manifest that a repair may go by, with what it would cost.</summary>
/// <param name="Document">The manifest; of number 0 if it is none at all, only the log from its beginning.</param>
/// <param name="Segments">Its segments and what would become of them.</param>
/// <param name="Log">The log above its checkpoint.</param>
internal sealed record BaseCandidate(ManifestDocument Document, IReadOnlyList<JudgedSegment> Segments, LogSalvage Log)
{
    public bool IsNone => Document.Number == 0;

    public bool SegmentsAreWhole
    {
        get
        {
            foreach (var segment in Segments)
                if (!segment.IsWhole && segment.Copy is null) return false;
            return true;
        }
    }

    public bool LosesNothing => SegmentsAreWhole && Log.MissingLsns == 0;
}

/// <param name="Manifest">As a manifest has it.</param>
/// <param name="IsWhole">The file under its name is whole.</param>
/// <param name="Copy">Otherwise a file with exactly its bytes, or null.</param>
/// <param name="Ruin">Otherwise the damaged file to salvage from, or null.</param>
/// <param name="IsPresent">Whether any file stands under its name.</param>
internal sealed record JudgedSegment(ManifestSegment Manifest, bool IsWhole, string? Copy, string? Ruin, bool IsPresent);

/// <summary>
/// Chooses the manifest to repair from: the newest one, unless an older one with the log behind it loses less. In the end stands none at
/// all: a log that is whole from LSN 1 is the whole index.
/// </summary>
internal sealed class BaseChoice(FileSystem files, string path, CheckResult check, Guid indexId, SegmentCopies copies,
    CancellationToken cancellation)
{
    private readonly Dictionary<Segments.SegmentId, JudgedSegment> _judged = [];

    /// <summary>An LSN that names and contents of manifests prove to have been written.</summary>
    public Lsn Known { get; private set; }

    public BaseCandidate Choose()
    {
        foreach (var segment in check.Segments) _judged[segment.Manifest.Id] = Judge(segment);
        var documents = new List<ManifestDocument>();
        foreach (var evidence in check.Manifests.All)
        {
            if (evidence.Document is { } document)
            {
                if (document.IndexId != indexId) continue;
                if (!documents.Exists(d => d.Number == document.Number)) documents.Add(document);
                if (document.Checkpoint > Known) Known = document.Checkpoint;
            }

            if (evidence.File.Checkpoint > Known) Known = evidence.File.Checkpoint;
        }

        documents.Sort(static (a, b) => b.Number.CompareTo(a.Number));
        if (documents.Count == 0) return FromNothing();
        var newest = Evaluate(documents[0]);
        if (newest.LosesNothing) return newest;
        var atStake = Math.Max(newest.Log.MissingLsns, WritesGone(newest));
        for (var i = 1; i < documents.Count; i++)
        {
            var older = Evaluate(documents[i]);
            if (older.SegmentsAreWhole && older.Log.MissingLsns <= atStake) return older;
        }

        var nothing = FromNothing();
        return nothing.LosesNothing && !HasSegmentsWithoutLsn(documents) ? nothing : newest;
    }

    /// <summary>
    /// The writes that go with segments of which no file is there at all. That is what the copy of a directory at work looks like whose manifest was copied after
    /// its segments: then the manifest of before, with all it names and the log as far as it goes, loses the end alone, where going on without the segments
    /// would leave holes. Damaged segments count nothing here: most of them can be read.
    /// </summary>
    private static ulong WritesGone(BaseCandidate candidate)
    {
        var ranges = new List<(ulong First, ulong Last)>();
        ulong gone = 0;
        foreach (var segment in candidate.Segments)
        {
            if (segment.IsWhole || segment.Copy is not null) continue;
            if (segment.Ruin is not null || segment.IsPresent) return 0;
            var manifest = segment.Manifest;
            // Of the deepest level nothing tells which writes it holds: it may be any up to the checkpoint.
            if (manifest.MinLsn == Lsn.None) return candidate.Document.Checkpoint.Value;
            ranges.Add((manifest.MinLsn.Value, manifest.MaxLsn.Value));
        }

        ranges.Sort();
        ulong end = 0;
        foreach (var (first, last) in ranges)
        {
            if (last <= end) continue;
            gone += last - Math.Max(first - 1, end);
            end = last;
        }

        return gone;
    }

    private BaseCandidate Evaluate(ManifestDocument document)
    {
        var segments = new List<JudgedSegment>(document.Segments.Count);
        foreach (var segment in document.Segments) segments.Add(JudgeOnce(segment) with { Manifest = segment });
        var log = LogSalvage.Survey(files, Path.Combine(path, FileNames.Wal), indexId, document.Timeline.Id, document.Checkpoint, Known,
            cancellation);
        return new BaseCandidate(document, segments, log);
    }

    private BaseCandidate FromNothing()
    {
        var timeline = NewestTimeline();
        var log = LogSalvage.Survey(files, Path.Combine(path, FileNames.Wal), indexId, timeline, Lsn.None, Known, cancellation);
        var document = new ManifestDocument
        {
            Number = 0,
            IndexId = indexId,
            Timeline = timeline is { } id ? new Timeline(id, null, Lsn.None) : Timeline.First(),
            Checkpoint = Lsn.None,
            NextLsn = new Lsn(1),
            LastCommitTime = 0,
            Segments = [],
        };
        return new BaseCandidate(document, [], log);
    }

    private Guid? NewestTimeline()
    {
        for (var i = check.Log.Files.Count - 1; i >= 0; i--)
        {
            if (check.Log.Files[i].Header is { } header && header.IndexId == indexId) return header.TimelineId;
        }

        return null;
    }

    /// <summary>What has no LSN can be newer than a log that seems whole: it may have been written without one.</summary>
    private static bool HasSegmentsWithoutLsn(List<ManifestDocument> documents)
    {
        foreach (var document in documents)
        {
            foreach (var segment in document.Segments)
                if (segment.MinLsn == Lsn.None) return true;
        }

        return false;
    }

    private JudgedSegment JudgeOnce(ManifestSegment segment)
    {
        if (_judged.TryGetValue(segment.Id, out var known)) return known;
        var scratch = new List<Finding>();
        var checker = new SegmentsCheck(files, path, deep: true, scratch, new ByteProgress(null), cancellation);
        return _judged[segment.Id] = Judge(checker.Check(segment));
    }

    private JudgedSegment Judge(CheckedSegment segment)
    {
        var manifest = segment.Manifest;
        if (segment.IsWhole) return new JudgedSegment(manifest, true, null, null, true);
        var copy = copies.Find(manifest.Id, manifest.Size);
        if (copy is not null) return new JudgedSegment(manifest, false, copy, null, !segment.IsMissing);
        // A file that tells of itself something else than the manifest is another segment under this one's name.
        var isAnother = segment.IsMissing
            || (segment.Properties is { } properties && SegmentsCheck.Difference(manifest, properties) is not null);
        var ruin = isAnother ? copies.FindQuarantined(manifest.Id) : Path.Combine(path, SegmentsCheck.RelativePath(manifest.Id));
        return new JudgedSegment(manifest, false, null, ruin, !segment.IsMissing);
    }
}
