using Hestia.Core.Compaction;
using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Wal;

namespace Hestia.Core.Repair;

/// <summary>
/// Works out what to do about a damaged index, reading only. In order: whose index it is, which manifest to go by, what is left of each
/// segment, what is left of the log, what else has to stand in, what goes to quarantine.
/// </summary>
internal sealed class RepairPlanner(FileSystem files, string path, CheckResult check, IProgress<WorkProgress>? target,
    CancellationToken cancellation)
{
    private readonly RepairPlan _plan = new() { Check = check };
    private readonly SegmentCopies _copies = new(files, path, cancellation);
    private readonly ByteProgress _progress = new(target);

    public RepairPlan Make()
    {
        RefuseTooNew();
        PlanFolders();
        var indexId = PlanIdentity();
        var choice = new BaseChoice(files, path, check, indexId, _copies, cancellation);
        var chosen = choice.Choose();
        _plan.Base = chosen.Document;
        _plan.Log = chosen.Log;
        ExplainBase(chosen);
        PlanSegments(chosen);
        PlanOrphans(chosen, choice.Known);
        PlanLog();
        PlanManifests(indexId);
        PlanRetired();
        PlanSideFiles(indexId);
        PlanManifest(chosen);
        return _plan;
    }

    private void RefuseTooNew()
    {
        foreach (var finding in check.Report.Findings)
        {
            if (finding.Code is not (CheckFindings.FormatTooNew or "SegmentFormatTooNew")) continue;
            throw new HestiaException(
                HestiaErrorCode.FormatTooNew,
                $"'{path}' holds a file of a newer format ({finding.File}: {finding.Message}), so this version cannot repair it. Nothing "
                    + "was changed.",
                path,
                "Repair it with the newer version of Hestia that wrote it.");
        }
    }

    private void PlanFolders()
    {
        foreach (var name in (string[])[FileNames.Manifests, FileNames.Segments, FileNames.Wal])
        {
            if (files.DirectoryExists(Path.Combine(path, name))) continue;
            _plan.Folders.Add(name);
            _plan.Act(RepairActions.MakeFolder, $"The folder '{name}' is missing and is made.", name);
        }
    }

    /// <summary>index.json says whose index it is; where it is gone, or stands alone against all manifests and the log, they say
    /// it.</summary>
    private Guid PlanIdentity()
    {
        var settings = check.Settings;
        var fromManifests = IdOfManifests(settings?.Id, out var manifestsAgree);
        var fromLog = IdOfLog();
        var isForeign = settings is not null && fromManifests is not null && fromManifests != settings.Id && manifestsAgree
            && fromLog != settings.Id;
        if (settings is not null && !isForeign)
        {
            _plan.Settings = settings;
            return settings.Id;
        }

        var id = fromManifests ?? fromLog;
        if (id is null && !HasSegments())
        {
            throw new HestiaException(
                HestiaErrorCode.NotRepairable,
                $"'{path}' has no index.json, manifest, log or segment that can be read, so there is nothing to build an index from. "
                    + "Nothing was changed.",
                path,
                "Restore the newest backup.");
        }

        _plan.Settings = SettingsSalvage.Make(files, path, id ?? Guid.NewGuid(), readOld: !isForeign, out var missing);
        _plan.WriteSettings = true;
        var exists = files.FileExists(Path.Combine(path, FileNames.Settings));
        var why = isForeign ? $"belongs to index {settings!.Id}, while everything else belongs to {id}" : exists ? "is damaged"
            : "is missing";
        var from = id is null ? "No file tells the index's identity; it gets a new one."
            : $"The identity {id} is taken from {(fromManifests is null ? "the log" : "the manifests")}.";
        var defaults = missing.Count == 0 ? "All settings could be read from what is left." :
            $"THESE SETTINGS ARE LOST AND ARE THEIR DEFAULTS NOW: {string.Join(", ", missing)}. If keys or values had another encoding, "
                + "they are shown as bytes from now on.";
        _plan.Act(RepairActions.RebuildSettings, $"{FileNames.Settings} {why} and is written anew. {from} {defaults}", FileNames.Settings);
        return _plan.Settings.Id;
    }

    private Guid? IdOfManifests(Guid? preferred, out bool agree)
    {
        Guid? first = null;
        agree = true;
        foreach (var evidence in check.Manifests.All)
        {
            if (evidence.Document is not { } document) continue;
            if (document.IndexId == preferred) return preferred;
            first ??= document.IndexId;
            agree &= document.IndexId == first;
        }

        return first;
    }

    private Guid? IdOfLog()
    {
        for (var i = check.Log.Files.Count - 1; i >= 0; i--)
        {
            if (check.Log.Files[i].Header is { } header) return header.IndexId;
        }

        return null;
    }

    private bool HasSegments()
    {
        var directory = Path.Combine(path, FileNames.Segments);
        if (!files.DirectoryExists(directory)) return false;
        foreach (var entry in files.List(directory))
            if (StrayFiles.TryParseSegmentName(entry, out _)) return true;
        return false;
    }

    private void ExplainBase(BaseCandidate chosen)
    {
        if (chosen.IsNone)
        {
            _plan.Act(RepairActions.RebuildManifest, "No manifest serves as a base; a new one is built from what segments and log hold.",
                FileNames.Manifests);
            return;
        }

        var newest = check.Manifests.All[0];
        if (newest.File.Number == chosen.Document.Number) return;
        _plan.Act(
            RepairActions.UseOlderManifest,
            $"The manifest {Path.GetFileName(newest.File.Path)} does not serve; number {chosen.Document.Number} with checkpoint "
                + $"{chosen.Document.Checkpoint} "
            + "and the log behind it take its place.",
            newest.RelativePath);
    }

    private void PlanSegments(BaseCandidate chosen)
    {
        foreach (var segment in chosen.Segments)
        {
            var manifest = segment.Manifest;
            var name = SegmentsCheck.RelativePath(manifest.Id);
            if (segment.IsWhole)
            {
                _plan.Segments.Add(new PlannedSegment(manifest, SegmentFate.Keep));
                continue;
            }

            if (segment.Copy is { } copy)
            {
                _plan.Copies.Add(new PlannedCopy(copy, manifest.Id));
                _plan.Segments.Add(new PlannedSegment(manifest, SegmentFate.Keep));
                _plan.Act(RepairActions.RestoreSegment,
                    $"An exact copy of the segment was found as {Path.GetRelativePath(path, copy)} and is put in its place.", name);
                continue;
            }

            PlanRuin(segment, name);
            if (segment.IsPresent) _plan.Remove(Path.Combine(path, name), name, "The damaged segment goes to quarantine.");
        }
    }

    private void PlanRuin(JudgedSegment segment, string name)
    {
        var manifest = segment.Manifest;
        if (segment.Ruin is { } ruin)
        {
            _progress.Begin("Reading what is left of segments", manifest.Size, 0);
            using var salvaged = SalvagedEntries.Open(files, ruin, manifest, _progress, cancellation);
            while (salvaged.Next())
            {
            }

            salvaged.AddLosses(_plan.Losses);
            if (salvaged.Kept > 0)
            {
                _plan.Segments.Add(new PlannedSegment(manifest, SegmentFate.Salvage, ruin));
                _plan.Act(
                    RepairActions.SalvageSegment,
                    $"{salvaged.Kept:N0} of {manifest.Entries:N0} entries can be read and are written as a new segment in its place "
                        + $"(level {manifest.Level}).",
                    name);
                return;
            }
        }
        else
        {
            _plan.Losses.Add(SalvagedEntries.Whole(
                manifest,
                $"Segment {name} (level {manifest.Level}, {manifest.Entries:N0} entries) is missing, and no copy of it was found."));
        }

        _plan.Segments.Add(new PlannedSegment(manifest, SegmentFate.Drop));
        _plan.Act(RepairActions.DropSegment, $"Nothing is left of the segment; it is taken out of the manifest (level {manifest.Level}).",
            name);
    }

    /// <summary>
    /// Where writes behind the base are missing from the log, the segments that the base does not name may hold them. Their own entries'
    /// LSNs tell which are newer than the base and which of two is newer; the rank of whole segments would not.
    /// </summary>
    private void PlanOrphans(BaseCandidate chosen, Lsn known)
    {
        _plan.LastSeen = chosen.Log.LastSeen > known ? chosen.Log.LastSeen : known;
        var newerIsDamaged = check.Manifests.All.Count > 0 && check.Manifests.All[0].File.Number > chosen.Document.Number;
        if (!chosen.IsNone && (chosen.Log.MissingLsns == 0 || !newerIsDamaged)) return;
        var orphans = OrphanSegments.Find(files, path, chosen.Document, cancellation);
        if (chosen.IsNone && IsCoveredByLog(chosen, orphans)) return;
        var withoutLsn = new List<OrphanSegment>();
        foreach (var orphan in orphans)
        {
            var (first, last) = (orphan.Properties?.MinLsn ?? 0, orphan.Properties?.MaxLsn ?? ulong.MaxValue);
            if (orphan.Properties is not null && last > _plan.LastSeen.Value) _plan.LastSeen = new Lsn(last);
            if (last == 0)
            {
                withoutLsn.Add(orphan);
                continue;
            }

            if (last <= chosen.Document.Checkpoint.Value) continue;
            var withoutAny = Merge(orphan);
            if (chosen.IsNone) continue;
            // What does not tell its LSNs is asked entry by entry.
            if (orphan.Properties is null ? withoutAny is not null : first == 0) LeaveEntriesWithoutLsn(orphan, withoutAny);
        }

        if (chosen.IsNone) Adopt(withoutLsn);
        else foreach (var orphan in withoutLsn) LeaveEntriesWithoutLsn(orphan);
        if (_plan.Merged.Count > 0)
        {
            _plan.Act(
                RepairActions.MergeSegments,
                $"{_plan.Merged.Count:N0} segments that no usable manifest names are merged with the log, entry by entry by LSN"
                + $"{(chosen.IsNone ? "" : $", as far as they are above the checkpoint {chosen.Document.Checkpoint}")}.",
                FileNames.Segments);
        }

        if (!chosen.IsNone) return;
        _plan.Losses.Add(new RepairLoss(
            "No manifest tells which segments were live. What all of them hold is kept, the newest write of each key by its LSN; what "
                + "had been deleted "
            + "or overwritten in segments that are gone may be back.",
            null,
            null,
            null,
            null));
    }

    private static bool IsCoveredByLog(BaseCandidate chosen, List<OrphanSegment> orphans)
    {
        if (chosen.Log.MissingLsns > 0) return false;
        foreach (var orphan in orphans)
        {
            if (orphan.Properties is not { MinLsn: > 0 } properties || properties.MaxLsn > chosen.Log.LastKept.Value) return false;
        }

        return true;
    }

    /// <summary>Takes a segment into the merge; returns the range of the entries without an LSN that a damaged one was seen to hold.</summary>
    private (byte[] First, byte[] Last)? Merge(OrphanSegment orphan)
    {
        _plan.Merged.Add(orphan.Path);
        _plan.Remove(orphan.Path, orphan.Name, "What the segment holds is merged into new ones; the file itself goes to quarantine.");
        if (orphan.IsWhole) return null;
        using var salvage = Segments.SegmentSalvage.Open(files, orphan.Path, null, cancellation);
        (byte[] First, byte[] Last)? withoutLsn = null;
        while (salvage.Next())
        {
            if (salvage.Lsn != 0) continue;
            var key = salvage.Key.ToArray();
            withoutLsn = (withoutLsn?.First ?? key, key);
        }

        foreach (var lost in salvage.Lost)
        {
            _plan.Losses.Add(new RepairLoss(
                $"Of the damaged segment {orphan.Name}, which may have been live, the entries at offset {lost.Offset:N0} cannot be read: "
                    + $"{lost.Reason}.",
                lost.FirstLsn,
                lost.LastLsn,
                lost.FirstKey ?? orphan.Properties?.MinKey,
                lost.LastKey ?? orphan.Properties?.MaxKey));
        }

        return withoutLsn;
    }

    private void LeaveEntriesWithoutLsn(OrphanSegment orphan, (byte[] First, byte[] Last)? seen = null)
    {
        _plan.Losses.Add(new RepairLoss(
            $"Segment {orphan.Name} holds entries without an LSN, so nothing tells whether they are newer than what the index has; they "
                + "are left out.",
            null,
            null,
            orphan.Properties?.MinKey ?? seen?.First,
            orphan.Properties?.MaxKey ?? seen?.Last));
        _plan.Remove(orphan.Path, orphan.Name,
            "A segment that cannot be ranked goes to quarantine, for it may hold what is gone elsewhere.");
    }

    private void Adopt(List<OrphanSegment> withoutLsn)
    {
        var chosen = OrphanSegments.WithoutOverlap(withoutLsn);
        var adopted = new List<Segments.SegmentInfo>();
        foreach (var orphan in withoutLsn)
        {
            if (!chosen.Contains(orphan))
            {
                LeaveEntriesWithoutLsn(orphan);
                continue;
            }

            if (!orphan.IsWhole || _copies.HashOf(orphan.Path) != orphan.Id)
            {
                Merge(orphan);
                continue;
            }

            var p = orphan.Properties!;
            adopted.Add(new Segments.SegmentInfo(
                orphan.Id, orphan.Length, p.Entries, p.Tombstones, p.MinKey, p.MaxKey, new Lsn(p.MinLsn), new Lsn(p.MaxLsn), p.Codec));
        }

        // By whole keys: neighbours with long ones may share the bounds that the manifest has room for.
        adopted.Sort(static (a, b) => a.MinKey.AsSpan().SequenceCompareTo(b.MinKey));
        foreach (var info in adopted) _plan.Adopted.Add(ManifestSegment.From(info, ManifestFormat.Levels - 1));
        if (_plan.Adopted.Count > 0)
            _plan.Act(RepairActions.AdoptSegments, $"{_plan.Adopted.Count:N0} segments without LSNs are taken over as the oldest data.",
                FileNames.Segments);
    }

    private void PlanLog()
    {
        var log = _plan.Log!;
        foreach (var gap in log.Gaps)
        {
            var where = _plan.Merged.Count > 0 ? " the log; what segments hold of them is kept." : " what can be read of the log.";
            _plan.Losses.Add(new RepairLoss($"{gap} ({gap.Count:N0} writes) are missing from{where}", gap.First, gap.Last, null, null));
        }

        _plan.FoldLog = _plan.Losses.Count > 0 || !log.IsUsableAsItIs || _plan.Merged.Count > 0;
        if (_plan.FoldLog)
        {
            if (log.Operations > 0)
                _plan.Act(RepairActions.SalvageLog,
                    $"{log.Operations:N0} writes of the log, up to LSN {log.LastKept}, are written into segments.", FileNames.Wal);
        }
        else
        {
            PlanCut(log.Scan);
        }

        foreach (var file in log.Scan.Files)
        {
            // A new timeline takes nothing from the old one's log; otherwise files that older manifests may need stay.
            var name = WalScan.RelativePath(file.Name);
            if (log.Foreign.Contains(file.Path))
                _plan.Remove(file.Path, name, "The log file is none of this index's history and goes to quarantine.");
            else if (_plan.FoldLog && (file.Needed || _plan.Losses.Count > 0))
                _plan.Remove(file.Path, name, "What could be read of the log file is in segments; it goes to quarantine.");
            else if (!file.Needed && IsDamaged(name, log.Scan))
                _plan.Remove(file.Path, name, "The damaged log file, which nothing needs, goes to quarantine.");
        }
    }

    private void PlanCut(WalScanResult scan)
    {
        foreach (var file in scan.Files)
        {
            if (file.Action == WalFileAction.Keep) continue;
            _plan.CutLog = true;
            var name = WalScan.RelativePath(file.Name);
            _plan.Act(
                RepairActions.CutLogTail,
                file.IsEmpty ? "The log file was begun and never used; it is removed, as opening does."
                    : $"A crash left the log incomplete from offset {file.CutOffset:N0} on; it is cut there, as opening does, and the "
                        + "bytes go to quarantine.",
                name);
        }
    }

    private static bool IsDamaged(string name, WalScanResult scan)
    {
        foreach (var finding in scan.Findings)
            if (finding.File == name && finding.Code is (WalFindings.Damaged or WalFindings.Foreign)) return true;
        return false;
    }

    private void PlanManifests(Guid indexId)
    {
        foreach (var evidence in check.Manifests.All)
        {
            if (evidence.Code is not null)
                _plan.Remove(evidence.File.Path, evidence.RelativePath, "The damaged manifest goes to quarantine.");
            else if (evidence.Document!.IndexId != indexId)
                _plan.Remove(evidence.File.Path, evidence.RelativePath, "The manifest is another index's and goes to quarantine.");
        }
    }

    /// <summary>Damaged segments that the new manifest does not name.</summary>
    private void PlanRetired()
    {
        foreach (var segment in check.Segments)
        {
            if (segment.IsWhole || segment.IsMissing || _plan.Segments.Exists(s => s.Manifest.Id == segment.Manifest.Id)) continue;
            var damaged = SegmentsCheck.RelativePath(segment.Manifest.Id);
            _plan.Remove(Path.Combine(path, damaged), damaged, "The damaged segment, which is not needed any more, goes to quarantine.");
        }

        foreach (var finding in check.Report.Findings)
        {
            if (finding.Code != CheckFindings.RetiredSegmentDamaged || finding.File is not { } name) continue;
            var own = Path.Combine(path, name);
            if (_plan.Segments.Exists(s => SegmentsCheck.RelativePath(s.Manifest.Id) == name)) continue;
            _plan.Remove(own, name, "The damaged segment, which only an older manifest names, goes to quarantine.");
        }
    }

    /// <summary>What tells of archive and backups and cannot be relied on. No entry is in it; but log that was not shipped must stay.</summary>
    private void PlanSideFiles(Guid indexId)
    {
        if (SideFiles.CheckArchive(files, path, indexId) is { } archive)
        {
            _plan.ResetArchive = true;
            var what = archive.Code == CheckFindings.ForeignFile ? "belongs to another index" : "is damaged";
            _plan.Act(
                RepairActions.ResetArchive,
                $"{FileNames.Archive} {what}, so it is not known what of the log was shipped, and where to. A copy goes to quarantine, and one that keeps "
                    + "all log files (up to 4 GiB) until the next shipment takes its place. Run Backup-HestiaIndex -Wal for each repository soon: each finds out "
                    + "there what it has. If this folder is a copy of another index, use -NewTimeline with the first.",
                FileNames.Archive);
        }

        if (SideFiles.CheckLastBackup(files, path, indexId) is { Code: not CheckFindings.LastBackupTooNew } backup)
        {
            var what = backup.Code == CheckFindings.ForeignFile ? "belongs to another index" : "is damaged";
            _plan.Remove(Path.Combine(path, FileNames.LastBackup), FileNames.LastBackup,
                $"{FileNames.LastBackup} {what} and goes to quarantine; no backup is shown for the index until the next one, and none is touched by it.");
        }
    }

    private void PlanManifest(BaseCandidate chosen)
    {
        var newest = check.Manifests.All.Count > 0 ? check.Manifests.All[0] : null;
        var isNewest = newest is { Code: null } && newest.Document!.Number == chosen.Document.Number
            && newest.Document.IndexId == chosen.Document.IndexId;
        _plan.WriteManifest = !isNewest || _plan.FoldLog || _plan.Segments.Exists(static s => s.Fate != SegmentFate.Keep);
        if (!_plan.WriteManifest) return;
        if (_plan.Losses.Count > 0)
            _plan.Act(RepairActions.NewTimeline,
                "Something is lost, so a new timeline begins; backups made from here on do not mix with the history before.");
        _plan.Act(RepairActions.WriteManifest, "A new manifest with a number of its own is written.", FileNames.Manifests);
    }

    /// <summary>The level whose size fits so many bytes, so that compaction has no reason to move them at once.</summary>
    public static int LevelFor(long bytes)
    {
        var options = new IndexOptions();
        for (var level = 1; level < ManifestFormat.Levels - 2; level++)
            if (bytes <= CompactionPicker.CeilingBytes(options, level)) return level;
        return ManifestFormat.Levels - 2;
    }
}
