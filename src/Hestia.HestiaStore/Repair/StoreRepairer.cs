using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Recovery;
using Hestia.Core.Repair;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;

namespace Hestia.HestiaStore.Repair;

/// <summary>
/// Repairs a directory of HestiaStore 1.0 so that HestiaStore opens it: index.map from the segments, delta files against their count, sparse indexes
/// and Bloom filters,
/// the log, stale locks. Nothing is deleted: what is taken out goes to <c>quarantine/</c>, where HestiaStore does not look. It may be killed at any
/// moment and run again. Thread-safe.
/// </summary>
public static class StoreRepairer
{
    /// <summary>Repairs, or with <see cref="RepairOptions.PlanOnly"/> only says how.</summary>
    /// <exception cref="HestiaException">
    /// RepairWouldLoseData; NotRepairable; IndexInUse: its owner lives or may; FormatUnsupported; PathNotFound; NotAnIndex; DiskFull; AccessDenied; IoError.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was done stays, and nothing is worse than before.</exception>
    public static RepairReport Repair(string path, RepairOptions? options = null, IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Repair(FileSystem.Physical, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), options ?? new RepairOptions(), progress, cancellationToken);

    internal static RepairReport Repair(
        FileSystem files, string path, RepairOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        StoreDirectory.RequireOne(files, path);
        var began = Stopwatch.GetTimestamp();
        try
        {
            DirectoryHold.RequireFree(StoreLock.Read(files, path), path);
            var check = new StoreCheck(files, path, progress, cancellation);
            var before = check.Run();
            var plan = MakePlan(files, path, check, cancellation);
            if (plan.Losses.Count > 0 && !options.AllowLoss && !options.PlanOnly)
            {
                throw new HestiaException(
                    HestiaErrorCode.RepairWouldLoseData,
                    $"Repairing '{path}' would lose something: {plan.Losses[0].Message}" + (plan.Losses.Count > 1 ? $" (and {plan.Losses.Count - 1:N0} more)" : ""),
                    path,
                    "See the whole plan with -WhatIf; then restore a backup, or repair with -Force.");
            }

            if (options.PlanOnly || plan.Steps.Count == 0) return Report(before, plan, [], before.Entries, before.LastLsn, plan.Steps.Count > 0, began);
            var quarantined = Execute(files, path, plan, cancellation);
            var after = StoreChecker.Check(files, path, progress, cancellation);
            if (!after.Healthy)
            {
                var rest = after.Findings.First(static f => f.Severity == FindingSeverity.Error);
                throw new HestiaException(HestiaErrorCode.NotRepairable, $"'{path}' was repaired in part; what is left: {rest}", path,
                    "See Test-HestiaIndex; restore a backup.");
            }

            return Report(before, plan, quarantined, after.Entries, after.LastLsn, true, began);
        }
        catch (StoreDamageException e)
        {
            throw e.ToHestiaException(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "repairing");
        }
    }

    private static RepairReport Report(
        CheckReport before, StoreRepairPlan plan, IReadOnlyList<string> quarantined, long entries, Lsn last, bool changed, long began) => new()
    {
        Path = before.Path,
        Name = before.Name,
        Changed = changed,
        Findings = before.Findings,
        Actions = [.. plan.Steps.Select(static s => s.Action)],
        Quarantined = quarantined.Count > 0 ? quarantined : plan.ToQuarantine,
        Lost = plan.Losses,
        EntriesKept = entries,
        LastLsn = last,
        Duration = Stopwatch.GetElapsedTime(began),
    };

    private static StoreRepairPlan MakePlan(FileSystem files, string path, StoreCheck check, CancellationToken cancellation)
    {
        // What is not understood is not damaged, and must not be written by the rules of what is.
        if (check.Findings.Find(static f => f.Code == StoreFindings.FormatUnsupported) is { } unsupported)
            throw new StoreDamageException(unsupported.Code, unsupported.Message, unsupported.File ?? "", unsupported.Offset).ToHestiaException(path);
        if (check.Manifest is not { } manifest)
        {
            var reason = check.Findings.First(static f => f.File == StoreFileNames.Manifest && f.Severity == FindingSeverity.Error);
            throw new HestiaException(
                HestiaErrorCode.NotRepairable,
                $"manifest.txt of '{path}': {reason.Message}", path,
                    "Put a copy of manifest.txt from a backup there (it changes only with the settings), then repair again.");
        }

        var plan = new StoreRepairPlan();
        foreach (var segment in check.Mapped) PlanSegment(files, path, manifest, segment, false, plan);
        foreach (var segment in check.Orphans) PlanSegment(files, path, manifest, segment, true, plan);
        var routes = new RoutePlanner(files, path, manifest, check, plan, cancellation).Plan();
        // A segment that goes away needs no repair of its own.
        plan.Steps.RemoveAll(step => step.Action.Code is StoreRepairActions.RewriteSegment or StoreRepairActions.RewriteSegmentManifest
            && plan.Steps.Exists(other => other.Action.Code == StoreRepairActions.QuarantineSegment && other.Action.File == step.Action.File));
        if (routes is not null) PlanMap(manifest, check.Map, routes, plan);
        new LogPlanner(check, manifest, plan, cancellation).Plan(files, path);
        foreach (var segment in check.Mapped.Concat(check.Orphans)) PlanSegmentLock(files, path, segment, plan);
        if (check.Lock.State == StoreLockState.Dead)
        {
            plan.ToQuarantine.Add(StoreFileNames.Lock);
            plan.Add(StoreRepairActions.RemoveStaleLock, $"It was left by {check.Lock}. {check.Lock.Reason}", StoreFileNames.Lock,
                static _ => { }); // the hold took its place
        }

        return plan;
    }

    private static void PlanSegment(FileSystem files, string path, StoreManifest manifest, StoreSegment segment, bool isOrphan, StoreRepairPlan plan)
    {
        if (segment.Present is null) return;
        if (isOrphan && segment.Main is null && segment.Deltas.Count == 0) return; // a folder that never became a segment
        var uncounted = segment.Manifest is { } m && segment.Deltas.Keys.Any(n => n >= m.DeltaFiles);
        var isLossy = !segment.FilesAreWhole || segment.MissingDeltas.Any();
        var numbersHaveGaps = segment.Deltas.Count > 0 && segment.Deltas.Keys.Max() != segment.Deltas.Count - 1;
        if (isLossy || uncounted || numbersHaveGaps || segment.ScarceIsWrong || segment.BloomIsWrong)
        {
            if (isLossy) AddLoss(manifest, segment, plan);
            plan.Add(StoreRepairActions.RewriteSegment,
                "Everything readable of it is written as its next version, with sparse index and Bloom filter.", segment.Folder, context =>
            {
                context.KeepCopy(Path.Combine(segment.Folder, StoreFileNames.Manifest));
                new SegmentRewrite(context.Files, context.Directory, manifest, context.Cancellation).Run(segment);
                var live = SegmentManifest.Read(context.Files, context.Directory, segment.Id).Version;
                foreach (var old in SegmentRewrite.OldFiles(context.Files, context.Directory, segment,
                    live).ToList()) context.Quarantine(Path.Combine(segment.Folder, old));
            });
            plan.ToQuarantine.AddRange(SegmentRewrite.OldFiles(files, path, segment, -1).Select(name => Path.Combine(segment.Folder, name)));
            return;
        }

        var deltaKeys = segment.Deltas.Values.Sum(static d => d.Entries);
        var right = new SegmentManifest
        {
            DeltaKeys = deltaKeys, MainKeys = segment.Main!.Value.Entries, ScarceKeys = segment.ScarceEntries, DeltaFiles = segment.Deltas.Count,
                Version = segment.Version,
        };
        if (segment.Manifest == right || (segment.Manifest is { Version: 0 } zero && (zero with { Version = segment.Version }) == right)) return;
        var counted = segment.Manifest;
        if (counted is not null && (counted.MainKeys > right.MainKeys || counted.DeltaKeys > right.DeltaKeys))
        {
            var range = segment.Range(manifest.KeyType);
            plan.Lose($"Segment {segment.Id} counts {counted.MainKeys + counted.DeltaKeys:N0} entries in its files, and "
                + $"{right.MainKeys + right.DeltaKeys:N0} are there: the end of a file may be missing.",
                range?.Last);
        }

        var relative = Path.Combine(segment.Folder, StoreFileNames.Manifest);
        plan.Add(StoreRepairActions.RewriteSegmentManifest,
            $"It is written from the files: {right.MainKeys:N0} entries in the main file, {right.DeltaKeys:N0} in {right.DeltaFiles:N0} delta "
                + $"files, version {right.Version}.",
            relative, context =>
            {
                context.KeepCopy(relative);
                context.Files.WriteAtomically(Path.Combine(context.Directory, relative), right.Serialize(context.Files.Clock.GetUtcNow()),
                    Path.Combine(context.Directory, segment.Folder));
            });
    }

    private static void AddLoss(StoreManifest manifest, StoreSegment segment, StoreRepairPlan plan)
    {
        var range = segment.Range(manifest.KeyType);
        if (segment.Main is null) plan.Lose($"The main file of segment {segment.Id} is gone.", range?.First, range?.Last);
        else if (!segment.Main.Value.IsWhole) plan.Lose($"The main file of segment {segment.Id} is damaged behind a key; what is readable behind "
            + $"the damage is kept.", segment.Main.Value.LastKey);
        foreach (var (number, delta) in segment.Deltas)
            if (!delta.IsWhole) plan.Lose($"Delta file {number} of segment {segment.Id} is damaged; keys in it may be missing or show the value "
                + $"they had before.", delta.LastKey);
        foreach (var number in segment.MissingDeltas)
            plan.Lose($"Delta file {number} of segment {segment.Id} is gone; keys in it may be missing or show the value they had before.",
                range?.First, range?.Last);
    }

    private static void PlanMap(StoreManifest manifest, RouteMap? present, List<Route> routes, StoreRepairPlan plan)
    {
        _ = RouteMap.Parse(RouteMap.Serialize(routes), manifest.KeyType); // what is going to be written can be read
        plan.Add(StoreRepairActions.WriteRouteMap,
            present is null ? $"It is made from the keys of {routes.Count:N0} segments." : $"It is written with {routes.Count:N0} routes; it had "
                + $"{present.Routes.Count:N0}.",
            StoreFileNames.RouteMap, context =>
            {
                context.KeepCopy(StoreFileNames.RouteMap);
                context.Files.WriteAtomically(Path.Combine(context.Directory, StoreFileNames.RouteMap), RouteMap.Serialize(routes),
                    Path.Combine(context.Directory, StoreFileNames.Manifest));
            });
    }

    private static void PlanSegmentLock(FileSystem files, string path, StoreSegment segment, StoreRepairPlan plan)
    {
        if (segment.Present?.ContainsKey(StoreFileNames.Lock) != true) return;
        var relative = Path.Combine(segment.Folder, StoreFileNames.Lock);
        if (plan.ToQuarantine.Contains(segment.Folder)) return;
        var found = StoreLock.Read(files, Path.Combine(path, segment.Folder));
        DirectoryHold.RequireFree(found, path);
        if (found.State == StoreLockState.Dead) plan.Quarantine(StoreRepairActions.RemoveStaleLock, relative, $"It was left by {found}. {found.Reason}");
    }

    private static List<string> Execute(FileSystem files, string path, StoreRepairPlan plan, CancellationToken cancellation)
    {
        var quarantine = new Quarantine(files, path);
        var context = new StoreRepairContext(files, path, quarantine, cancellation);
        var (hold, oldLock) = DirectoryHold.Take(files, path, quarantine);
        using (hold)
        {
            if (oldLock is not null) context.Kept(oldLock);
            foreach (var step in plan.Steps)
            {
                cancellation.ThrowIfCancellationRequested();
                step.Execute(context);
            }
        }

        files.SyncDirectory(path);
        return context.Quarantined;
    }
}
