using Hestia.Core;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Wal;

namespace Hestia.HestiaStore.Checking;

/// <summary>
/// What HestiaStore 1.0 itself would do to a directory as it is when it opens it, and when its own check (checkAndRepairConsistency) runs. It reports
/// none of it as a loss.
/// </summary>
internal static class HestiaStoreVerdict
{
    public static IEnumerable<Finding> Of(StoreCheck check, StoreManifest? manifest)
    {
        if (manifest is null)
        {
            // What only we do not understand, HestiaStore may.
            if (!check.Findings.Exists(static f => f.Code == StoreFindings.FormatUnsupported))
                yield return Would(FindingSeverity.Warning, "HestiaStore would not open the index.", StoreFileNames.Manifest);
            yield break;
        }

        if (check.Lock.State == StoreLockState.Unknown) yield return Would(FindingSeverity.Warning, "HestiaStore would refuse to open the index.",
            StoreFileNames.Lock);
        foreach (var finding in OfSegments(check)) yield return finding;
        if (check.Log is { } log && manifest.WalEnabled)
            foreach (var finding in OfLog(log, manifest)) yield return finding;
    }

    private static IEnumerable<Finding> OfSegments(StoreCheck check)
    {
        foreach (var orphan in check.Orphans)
        {
            if (orphan.IsUnsupported || (orphan.Main is null && orphan.Deltas.Count == 0)) continue;
            var entries = $"{orphan.Entries:N0} entries";
            yield return Would(
                orphan.Entries > 0 ? FindingSeverity.Warning : FindingSeverity.Information,
                orphan.Id == 0 ? $"HestiaStore would open the index without these {entries}." : $"HestiaStore would delete this segment with "
                    + $"{entries} as soon as it opens the index.",
                orphan.Folder);
        }

        foreach (var segment in check.Mapped)
        {
            var live = segment.Present is null ? 0 : CountedEntries(segment);
            if (segment.IsUnsupported || (live > 0 && segment.Main is not null && !segment.MissingDeltas.Any())) continue;
            yield return Would(
                live > 0 ? FindingSeverity.Warning : FindingSeverity.Information,
                live > 0
                    ? "HestiaStore would read the segment without what is missing, and its check would find nothing wrong."
                    : "HestiaStore's check would take the segment for empty, remove its route from index.map and delete its folder.",
                segment.Folder);
        }
    }

    /// <summary>What HestiaStore would see: without delta files it does not count or that are gone.</summary>
    private static long CountedEntries(StoreSegment segment)
    {
        var entries = segment.Main?.Entries ?? 0;
        foreach (var (number, delta) in segment.Deltas)
            if (number < (segment.Manifest?.DeltaFiles ?? 0)) entries += delta.Entries;
        return entries;
    }

    private static IEnumerable<Finding> OfLog(WalDirectoryScan log, StoreManifest manifest)
    {
        if (StoreWalInspector.RefusesFormat(log) || log.Findings.Any(static f => f.Code is StoreFindings.WalFileName or StoreFindings.WalCheckpointDamaged || f.Code == StoreFindings.FormatUnsupported))
        {
            yield return Would(FindingSeverity.Warning, "HestiaStore would not open the index.", StoreFileNames.Wal);
            yield break;
        }

        if (log.Break is not { } broken) yield break;
        var file = Path.Combine(StoreFileNames.Wal, broken.File);
        if (manifest.FailsOnTornWal) yield return Would(FindingSeverity.Warning,
            "HestiaStore would not open the index (wal.corruptionPolicy=FAIL_FAST).", file);
        else if (broken.NextFile is null && log.EndsBelowCheckpoint) yield return Would(FindingSeverity.Warning,
            $"HestiaStore would cut the log at offset {broken.Offset:N0}; that operations above the checkpoint may be gone it would not say.", file);
        else if (broken.NextFile is null) yield return Would(FindingSeverity.Information,
            $"HestiaStore would cut the log at offset {broken.Offset:N0}.", file);
        else
            yield return Would(FindingSeverity.Warning,
                $"HestiaStore would cut the log at offset {broken.Offset:N0} and delete every later log file: all operations from LSN "
                    + $"{broken.NextLsn} on would be gone without a word.", file);
    }

    private static Finding Would(FindingSeverity severity, string message, string file) => new(severity, StoreFindings.HestiaStoreWould, message, file);
}
