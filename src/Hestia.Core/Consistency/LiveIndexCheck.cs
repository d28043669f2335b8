using System.Diagnostics;
using Hestia.Core.Diagnostics;
using Hestia.Core.Manifest;
using Hestia.Core.Reading;
using Hestia.Core.Wal;

namespace Hestia.Core.Consistency;

/// <summary>
/// Checks an index while it works. The pinned manifest keeps its segments; the log is read as far as it had been synced when the check
/// began, and what is being appended is nobody's damage.
/// </summary>
internal sealed class LiveIndexCheck(IndexContext context, LiveSet live, CheckOptions options, IProgress<WorkProgress>? target,
    CancellationToken cancellation)
{
    /// <summary>Log files may be written and pruned while they are read; what looks wrong is then looked at anew.</summary>
    private const int Attempts = 5;

    private readonly List<Finding> _findings = [];
    private readonly ByteProgress _progress = new(target);

    public CheckReport Run(string name, Lsn durable, Func<IndexSnapshot> createSnapshot)
    {
        var began = Stopwatch.GetTimestamp();
        CheckSettings();
        _findings.AddRange(SideFiles.Check(context.Files, context.Path, context.SettingsFile.Id));
        var (view, manifest, bytes) = live.AcquirePinned();
        try
        {
            var file = ManifestFormat.FileName(manifest.Number, manifest.Checkpoint);
            CheckManifests(manifest, bytes);
            new SegmentsCheck(context.Files, context.Path, options.Deep, _findings, _progress, cancellation).Run(manifest,
                Path.Combine(IO.FileNames.Manifests, file));
            var log = CheckLog(durable);
            var (entries, last) = Count(createSnapshot);
            return new CheckReport
            {
                Path = context.Path,
                Name = name,
                Healthy = _findings.TrueForAll(static f => f.Severity != FindingSeverity.Error),
                Entries = entries,
                Segments = manifest.Segments.Count,
                Bytes = IndexCheck.BytesOf(manifest, log),
                LastLsn = last,
                Checkpoint = manifest.Checkpoint,
                Findings = IndexCheck.Sorted(_findings),
                Duration = Stopwatch.GetElapsedTime(began),
            };
        }
        finally
        {
            view.Release();
        }
    }

    private void CheckSettings()
    {
        try
        {
            var settings = IndexSettingsFile.Read(context.Files, context.Path);
            if (settings.Id == context.SettingsFile.Id) return;
            _findings.Add(new Finding(
                FindingSeverity.Error,
                CheckFindings.ForeignFile,
                $"index.json now says index {settings.Id}; the one that is open is {context.SettingsFile.Id}.",
                IO.FileNames.Settings));
        }
        catch (HestiaException e)
        {
            _findings.Add(new Finding(FindingSeverity.Error, e.Code.ToString(), e.Message, IO.FileNames.Settings));
        }
    }

    private void CheckManifests(ManifestDocument pinned, byte[] bytes)
    {
        ManifestEvidence? newest = null;
        foreach (var evidence in Survey(pinned))
        {
            newest ??= evidence;
            var isLive = evidence.File.Number >= pinned.Number;
            if (evidence.Code is { } code)
            {
                _findings.Add(isLive
                    ? new Finding(FindingSeverity.Error, code, evidence.Problem, evidence.RelativePath, LastLsn: evidence.File.Checkpoint)
                    : new Finding(
                        FindingSeverity.Warning,
                        CheckFindings.OldManifestDamaged,
                        $"{evidence.Problem} Nothing needs this older manifest now.",
                        evidence.RelativePath));
            }
            else if (evidence.Document!.IndexId != context.SettingsFile.Id
                || (evidence.File.Number == pinned.Number && !bytes.AsSpan().SequenceEqual(evidence.Bytes)))
            {
                _findings.Add(new Finding(
                    isLive ? FindingSeverity.Error : FindingSeverity.Warning,
                    CheckFindings.ForeignFile,
                    "The manifest is not one that this index wrote.",
                    evidence.RelativePath));
            }
        }

        // Once a newer one stands there, the pinned one may have been pruned.
        if (newest is null || newest.File.Number < pinned.Number)
        {
            _findings.Add(new Finding(
                FindingSeverity.Error,
                CheckFindings.ManifestMissing,
                $"The current manifest {ManifestFormat.FileName(pinned.Number, pinned.Checkpoint)} is gone.",
                IO.FileNames.Manifests,
                LastLsn: pinned.Checkpoint));
        }
    }

    /// <summary>A listing may miss both the pinned manifest, which was pruned meanwhile, and the one that came since; then it is made anew.</summary>
    private IReadOnlyList<ManifestEvidence> Survey(ManifestDocument pinned)
    {
        for (var attempt = 1; ; attempt++)
        {
            var all = ManifestSurvey.Make(context.Files, context.Path).All;
            foreach (var evidence in all)
                if (evidence.File.Number >= pinned.Number) return all;
            if (attempt == Attempts) return all;
        }
    }

    private WalScanResult CheckLog(Lsn durable)
    {
        Finding? before = null;
        for (var attempt = 1; ; attempt++)
        {
            var manifest = live.Manifest;
            var log = WalScan.Run(
                context.Files,
                context.WalDirectory,
                new WalScanOptions(context.SettingsFile.Id, manifest.Timeline.Id, manifest.Checkpoint, IncludeUnneeded: true),
                cancellation);
            // A file that is appended to while it is read can show a hole that is none. Damage is where it was when it is looked at again.
            if (!log.CanOpen && attempt < Attempts && log.FirstError != before)
            {
                before = log.FirstError;
                continue;
            }

            foreach (var finding in log.Findings)
            {
                // The record in the making looks like the tail of a crash.
                if (finding.Code is not (WalFindings.TornTail or WalFindings.BehindCheckpoint)) _findings.Add(finding);
            }

            if (log.CanOpen && log.LastLsn < durable && live.Checkpoint < durable)
            {
                _findings.Add(new Finding(
                    FindingSeverity.Error,
                    CheckFindings.WalEndsEarly,
                    $"The log ends at LSN {log.LastLsn}, but LSN {durable} had been acknowledged as durable before the check began.",
                    IO.FileNames.Wal,
                    FirstLsn: log.LastLsn.Next,
                    LastLsn: durable));
            }

            return log;
        }
    }

    private (long Entries, Lsn Last) Count(Func<IndexSnapshot> createSnapshot)
    {
        using var snapshot = createSnapshot();
        _progress.Begin("Counting entries", 0, 0);
        try
        {
            using var cursor = snapshot.View.CreateCursor(snapshot.Lsn.Value, fillCache: false, 1 << 20);
            return (EntryCounter.CountVisible(cursor, _progress, cancellation), snapshot.Lsn);
        }
        catch (Exception e) when (e is HestiaException or IOException)
        {
            _findings.Add(new Finding(FindingSeverity.Error, CheckFindings.EntriesUnreadable, $"Reading all entries failed: {e.Message}"));
            return (0, snapshot.Lsn);
        }
    }
}
