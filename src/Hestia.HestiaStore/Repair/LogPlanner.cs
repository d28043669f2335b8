using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Wal;

namespace Hestia.HestiaStore.Repair;

/// <summary>What becomes of the log.</summary>
internal sealed class LogPlanner(StoreCheck check, StoreManifest manifest, StoreRepairPlan plan, CancellationToken cancellation)
{
    private const int MaxGapsNamed = 100;

    public void Plan(FileSystem files, string directory)
    {
        if (LogRewrite.IsHalfDone(files, directory))
        {
            plan.Add(StoreRepairActions.RewriteLog, "A repair was ended after it had written the log anew; the new one takes its place.", LogRewrite.Finished,
                context => new LogRewrite(context.Files, context.Directory, context.Cancellation).PutInPlace());
            return;
        }

        if (check.Log is not { } log)
        {
            if (manifest.WalEnabled) PlanMissing();
            return;
        }

        foreach (var name in log.Findings.Where(static f => f.Code == StoreFindings.WalFileName).Select(static f => f.File!))
            plan.Quarantine(StoreRepairActions.Quarantine, Path.Combine(StoreFileNames.Wal, name),
                "It is no log file's name, and HestiaStore refuses to open the index with it.");
        var checkpoint = log.Checkpoint ?? Math.Max(0, log.FirstLsn - 1);
        if (log.Break is { NextFile: not null } || log.Findings.Any(static f => f.Code == StoreFindings.WalGap))
        {
            PlanRewrite(files, log, checkpoint);
            return;
        }

        if (log.Findings.Any(static f => f.Code == StoreFindings.WalFormatDamaged))
            plan.Add(StoreRepairActions.WriteLogFormat, "All records are of version 1; it is written anew.", Path.Combine(StoreFileNames.Wal,
                StoreFileNames.WalFormat),
                static context => Replace(context, StoreFileNames.WalFormat, WalMetadata.SerializeFormat()));
        if (log.Break is { } torn) PlanCut(log, torn);
        PlanCheckpoint(log, checkpoint);
        PlanLoss(log);
    }

    private void PlanMissing()
    {
        plan.Add(StoreRepairActions.WriteLogFormat, "The log is gone; an empty one is made, as HestiaStore would.", StoreFileNames.Wal, static context =>
        {
            var wal = Path.Combine(context.Directory, StoreFileNames.Wal);
            context.Files.CreateDirectory(wal);
            context.Files.CopyOwnership(context.Directory, wal);
            context.Files.SyncDirectory(context.Directory);
            Replace(context, StoreFileNames.WalFormat, WalMetadata.SerializeFormat());
        });
        plan.Lose("The log is gone: whatever was written after the last flush.");
    }

    private void PlanRewrite(FileSystem files, WalDirectoryScan log, long checkpoint)
    {
        plan.ToQuarantine.Add(StoreFileNames.Wal);
        plan.Add(StoreRepairActions.RewriteLog,
            $"Its good records above the checkpoint (LSN {checkpoint}) become a new log, with LSNs that follow each other; the old log is kept.",
            StoreFileNames.Wal, context => context.Kept(new LogRewrite(context.Files, context.Directory, context.Cancellation).Run(checkpoint,
                context.Store)));
        // What stood at or below the checkpoint is in segments; every step of more than one above it is operations that are in no record.
        var before = checkpoint;
        long last = 0;
        var gaps = 0;
        foreach (var record in StoreWalInspector.ReadRecords(files, log.Path, new Core.Wal.WalReadOptions(), cancellation))
        {
            var lsn = (long)record.FirstLsn.Value;
            if (record.Damage is not null) continue;
            last = Math.Max(last, lsn);
            if (lsn <= before) continue;
            if (lsn > before + 1 && ++gaps <= MaxGapsNamed)
                plan.Lose($"Operations {before + 1} to {lsn - 1} of the log are damaged or missing.", firstLsn: new Lsn((ulong)before + 1),
                    lastLsn: new Lsn((ulong)lsn - 1));
            before = lsn;
        }

        last = Math.Max(last, log.Files[^1].FirstLsn - 1); // a last file without a record says what was before it
        if (last < checkpoint) LoseAbove(last, checkpoint);
        if (last > before) plan.Lose($"Operations {before + 1} to {last} of the log are missing.", firstLsn: new Lsn((ulong)before + 1),
            lastLsn: new Lsn((ulong)last));
        if (gaps > MaxGapsNamed) plan.Lose($"{gaps - MaxGapsNamed:N0} more ranges of operations of the log are damaged or missing.");
    }

    private void PlanCut(WalDirectoryScan log, WalBreak torn)
    {
        var relative = Path.Combine(StoreFileNames.Wal, torn.File);
        foreach (var later in log.Files.SkipWhile(f => f.Name != torn.File).Skip(1))
            plan.Quarantine(StoreRepairActions.CutLogTail, Path.Combine(StoreFileNames.Wal, later.Name), "It holds no record, and the log ends before it.");
        if (torn.Offset == 0)
        {
            plan.Quarantine(StoreRepairActions.CutLogTail, relative, $"It holds no record: {torn.Problem}");
            return;
        }

        plan.ToQuarantine.Add(relative);
        plan.Add(StoreRepairActions.CutLogTail,
            $"{torn.Problem} It is cut at offset {torn.Offset:N0}, behind LSN {log.LastLsn}; the bytes cut off are kept.", relative, context =>
        {
            var path = Path.Combine(context.Directory, relative);
            context.Kept(context.Store.CopyTail(path, torn.Offset, context.Cancellation));
            using var file = context.Files.Open(path, FileOpenMode.ReadWrite);
            file.SetLength(torn.Offset);
            file.Sync();
        });
    }

    private void PlanCheckpoint(WalDirectoryScan log, long checkpoint)
    {
        var relative = Path.Combine(StoreFileNames.Wal, StoreFileNames.WalCheckpoint);
        if (log.Records == 0)
        {
            var goesOn = log.Break is null && log.End == log.Checkpoint; // a new file that has no record yet
            if ((checkpoint > 0 && !goesOn) || log.Checkpoint is null)
                plan.Quarantine(StoreRepairActions.WriteCheckpoint, relative,
                    "The log is empty, and its checkpoint says otherwise; HestiaStore begins anew without one.");
        }
        else if (log.Checkpoint is null)
        {
            plan.Add(StoreRepairActions.WriteCheckpoint,
                $"It is written as LSN {checkpoint}, so that every record of the log is replayed; replaying what segments hold already changes nothing.",
                relative, context => Replace(context, StoreFileNames.WalCheckpoint, WalMetadata.SerializeCheckpoint(checkpoint)));
        }
        else if (checkpoint > log.LastLsn && (log.Break is not null || log.EndsBelowCheckpoint))
        {
            plan.Add(StoreRepairActions.WriteCheckpoint,
                $"It is set to LSN {log.LastLsn}, where the log ends; segments hold everything up to LSN {checkpoint}.",
                relative, context => Replace(context, StoreFileNames.WalCheckpoint, WalMetadata.SerializeCheckpoint(log.LastLsn)));
        }
    }

    private void PlanLoss(WalDirectoryScan log)
    {
        if (log.Checkpoint is not { } checkpoint)
        {
            if (log.Records == 0 || log.Break is not null)
                plan.Lose("The checkpoint cannot be read, so that nothing says whether the log once went further: operations after the last flush may be missing.",
                    firstLsn: new Lsn((ulong)log.LastLsn + 1));
        }
        else if (log.EndsBelowCheckpoint)
        {
            LoseAbove(log.End, checkpoint);
        }
        else if (log.LastMissing > 0)
        {
            var first = Math.Max(log.LastLsn, checkpoint) + 1;
            plan.Lose($"Operations {first} to {log.LastMissing} of the log are missing.", firstLsn: new Lsn((ulong)first), lastLsn: new Lsn((ulong)log.LastMissing));
        }
    }

    private void LoseAbove(long end, long checkpoint) => plan.Lose(
        $"The log ends at LSN {end}, below its checkpoint (LSN {checkpoint}): operations above the checkpoint, which no segment holds, are gone if there were any.",
        firstLsn: new Lsn((ulong)checkpoint + 1));

    private static void Replace(StoreRepairContext context, string name, byte[] content)
    {
        var wal = Path.Combine(context.Directory, StoreFileNames.Wal);
        context.KeepCopy(Path.Combine(StoreFileNames.Wal, name));
        context.Files.WriteAtomically(Path.Combine(wal, name), content, wal);
    }
}
