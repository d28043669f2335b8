using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;
using Hestia.Core.Wal;

namespace Hestia.Core.Consistency;

/// <summary>A check with what it came to know on the way, for a repair to work on.</summary>
internal sealed record CheckResult
{
    public required CheckReport Report { get; init; }

    /// <summary>Null if index.json is missing or damaged.</summary>
    public IndexSettingsFile? Settings { get; init; }

    public required ManifestSurvey Manifests { get; init; }

    /// <summary>The manifest that was checked: the newest readable one; null if there is none.</summary>
    public ManifestEvidence? Chosen { get; init; }

    /// <summary>Its segments.</summary>
    public IReadOnlyList<CheckedSegment> Segments { get; init; } = [];

    /// <summary>The log against that manifest, or by itself if there is none.</summary>
    public required WalScanResult Log { get; init; }
}

/// <summary>Checks a closed index. The caller holds its lock, so nothing moves.</summary>
internal sealed class IndexCheck(FileSystem files, string path, CheckOptions options, IProgress<WorkProgress>? target,
    CancellationToken cancellation)
{
    private readonly List<Finding> _findings = [];
    private readonly ByteProgress _progress = new(target);

    public CheckResult Run()
    {
        var began = Stopwatch.GetTimestamp();
        var settings = ReadSettings();
        new StrayFiles(files, path, _findings).CheckFolders();
        var survey = ManifestSurvey.Make(files, path);
        var chosen = survey.Newest(settings?.Id);
        var indexId = settings?.Id ?? chosen?.Document!.IndexId;
        var segmentsCheck = new SegmentsCheck(files, path, options.Deep, _findings, _progress, cancellation) { Verified = options.Verified };
        var segments = chosen is null ? [] : segmentsCheck.Run(chosen.Document!, chosen.RelativePath);
        var manifest = chosen?.Document;
        var log = WalScan.Run(
            files,
            Path.Combine(path, FileNames.Wal),
            new WalScanOptions(indexId, manifest?.Timeline.Id, manifest?.Checkpoint, IncludeUnneeded: true),
            cancellation);
        // No log at all is how a restore leaves an index: nothing to tell.
        _findings.AddRange(log.Files.Count > 0 ? log.Findings : log.Findings.Where(static f => f.Code != WalFindings.BehindCheckpoint));
        ReportManifests(survey, chosen, indexId, log);
        _findings.AddRange(SideFiles.Check(files, path, indexId));
        if (options.Deep) CheckRetired(segmentsCheck, survey, segments);
        var checkpoint = manifest?.Checkpoint ?? Lsn.None;
        var last = log.LastLsn > checkpoint ? log.LastLsn : checkpoint;
        new StrayFiles(files, path, _findings).Check(survey, manifest, last);
        var entries = Count(segments, log, checkpoint);
        return new CheckResult
        {
            Settings = settings,
            Manifests = survey,
            Chosen = chosen,
            Segments = segments,
            Log = log,
            Report = new CheckReport
            {
                Path = path,
                Name = settings?.Settings.Name ?? Path.GetFileName(path),
                Healthy = _findings.TrueForAll(static f => f.Severity != FindingSeverity.Error),
                Entries = entries,
                Segments = segments.Count,
                Bytes = BytesOf(manifest, log),
                LastLsn = last,
                Checkpoint = checkpoint,
                Findings = Sorted(_findings),
                Duration = Stopwatch.GetElapsedTime(began),
            },
        };
    }

    /// <summary>Worst first, otherwise as they were found.</summary>
    public static IReadOnlyList<Finding> Sorted(List<Finding> findings) => [.. findings.OrderByDescending(static f => f.Severity)];

    public static long BytesOf(ManifestDocument? manifest, WalScanResult log)
    {
        var bytes = manifest?.SegmentBytes ?? 0;
        foreach (var file in log.Files) bytes += file.Length;
        return bytes;
    }

    private IndexSettingsFile? ReadSettings()
    {
        try
        {
            return IndexSettingsFile.Read(files, path);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.SettingsDamaged or HestiaErrorCode.FormatTooNew)
        {
            _findings.Add(new Finding(FindingSeverity.Error, e.Code.ToString(), e.Message, FileNames.Settings));
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.NotAnIndex && files.DirectoryExists(path))
        {
            // Only a repair comes here: it has made sure that the folder holds parts of an index.
            _findings.Add(new Finding(FindingSeverity.Error, CheckFindings.SettingsMissing, $"{FileNames.Settings} is missing.",
                FileNames.Settings));
        }

        return null;
    }

    private void ReportManifests(ManifestSurvey survey, ManifestEvidence? chosen, Guid? indexId, WalScanResult log)
    {
        if (survey.All.Count == 0)
            _findings.Add(new Finding(FindingSeverity.Error, CheckFindings.ManifestMissing,
                "There is no manifest, so it is not known which segments are live.", FileNames.Manifests));
        var needed = chosen?.Document!.Checkpoint ?? Lsn.None;
        var isNewer = chosen is not null;
        foreach (var evidence in survey.All)
        {
            if (ReferenceEquals(evidence, chosen)) break;
            if (evidence.File.Checkpoint > needed) needed = evidence.File.Checkpoint;
        }

        var standsIn = chosen is not null && (needed == chosen.Document!.Checkpoint || (log.CanOpen && log.LastLsn >= needed));
        foreach (var evidence in survey.All)
        {
            if (ReferenceEquals(evidence, chosen))
            {
                isNewer = false;
                continue;
            }

            if (evidence.Code is { } code) ReportManifest(evidence, code, chosen, isNewer || chosen is null, standsIn, needed);
            else if (evidence.Document!.IndexId != indexId) ReportForeign(evidence, indexId, isNewer || chosen is null);
        }
    }

    private void ReportManifest(ManifestEvidence evidence, string code, ManifestEvidence? chosen, bool isNewer, bool standsIn, Lsn needed)
    {
        var name = evidence.RelativePath;
        if (code is CheckFindings.FormatTooNew or CheckFindings.ManifestUnreadable)
        {
            _findings.Add(new Finding(FindingSeverity.Error, code, evidence.Problem, name, LastLsn: evidence.File.Checkpoint));
            return;
        }

        if (!isNewer)
        {
            _findings.Add(new Finding(FindingSeverity.Warning, CheckFindings.OldManifestDamaged,
                $"{evidence.Problem} Nothing needs this older manifest now.", name));
            return;
        }

        if (standsIn)
        {
            _findings.Add(new Finding(
                FindingSeverity.Warning,
                code,
                $"{evidence.Problem} {Path.GetFileName(chosen!.File.Path)} and the log can stand in for it; nothing is missing.",
                name));
            return;
        }

        var stake = chosen is null
            ? "No other manifest is readable, so it is not known which segments are live."
            : $"The older {Path.GetFileName(chosen.File.Path)} ends at LSN {chosen.Document!.Checkpoint} and the log does not reach from "
                + $"there to {needed}.";
        _findings.Add(new Finding(
            FindingSeverity.Error,
            code,
            $"{evidence.Problem} {stake}",
            name,
            FirstLsn: chosen?.Document!.Checkpoint.Next ?? new Lsn(1),
            LastLsn: needed));
    }

    private void ReportForeign(ManifestEvidence evidence, Guid? indexId, bool isNewer) => _findings.Add(new Finding(
        isNewer ? FindingSeverity.Error : FindingSeverity.Warning,
        CheckFindings.ForeignFile,
        $"The manifest belongs to index {evidence.Document!.IndexId}; this index is {indexId}.",
        evidence.RelativePath));

    /// <summary>Segments that only older manifests name: damage there harms nothing unless one of those has to stand in.</summary>
    private void CheckRetired(SegmentsCheck check, ManifestSurvey survey, IReadOnlyList<CheckedSegment> live)
    {
        var seen = new HashSet<SegmentId>();
        foreach (var segment in live) seen.Add(segment.Manifest.Id);
        var before = _findings.Count;
        foreach (var evidence in survey.All)
        {
            foreach (var segment in evidence.Document?.Segments ?? [])
            {
                // A missing one is told with its manifest.
                if (seen.Add(segment.Id) && files.FileExists(Path.Combine(path, SegmentsCheck.RelativePath(segment.Id))))
                    check.Check(segment);
            }
        }

        for (var i = before; i < _findings.Count; i++)
        {
            var found = _findings[i];
            _findings[i] = found with
            {
                Severity = FindingSeverity.Warning,
                Code = CheckFindings.RetiredSegmentDamaged,
                Message = $"{found.Message} Only an older manifest names the segment; nothing needs it now.",
            };
        }
    }

    private long Count(IReadOnlyList<CheckedSegment> segments, WalScanResult log, Lsn checkpoint)
    {
        var whole = new List<ManifestSegment>(segments.Count);
        foreach (var segment in segments)
            if (segment.IsWhole) whole.Add(segment.Manifest);
        using var counter = new EntryCounter(files, path);
        try
        {
            if (log.CanOpen) counter.Replay(log, checkpoint, cancellation);
            return counter.Count(whole, _progress, cancellation);
        }
        catch (HestiaException e)
            when (e.Code is HestiaErrorCode.SegmentDamaged or HestiaErrorCode.SegmentMissing or HestiaErrorCode.WalDamaged)
        {
            _findings.Add(new Finding(FindingSeverity.Error, CheckFindings.EntriesUnreadable, $"Reading all entries failed: {e.Message}"));
            return 0;
        }
    }
}
