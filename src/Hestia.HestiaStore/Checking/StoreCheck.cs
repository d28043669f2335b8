using System.Diagnostics;
using Hestia.Core.Consistency;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Wal;

namespace Hestia.HestiaStore.Checking;

/// <summary>One check of a whole directory, and what it learned; a repair plans by it.</summary>
internal sealed class StoreCheck(
    FileSystem files, string path, IProgress<WorkProgress>? progress, CancellationToken cancellation, bool countEntries = true)
{
    private readonly ByteProgress _progress = new(progress);

    public List<Finding> Findings { get; } = [];

    public StoreManifest? Manifest { get; private set; }

    public StoreLock Lock { get; private set; } = new(StoreLockState.None, null, null, null, "");

    /// <summary>index.map; null if it is missing or cannot be understood.</summary>
    public RouteMap? Map { get; private set; }

    /// <summary>Segments in order of index.map.</summary>
    public List<StoreSegment> Mapped { get; } = [];

    /// <summary>Segments index.map does not name.</summary>
    public List<StoreSegment> Orphans { get; } = [];

    /// <summary>The log, or null where there is none.</summary>
    public WalDirectoryScan? Log { get; private set; }

    public long LiveEntries { get; private set; }

    public CheckReport Run()
    {
        var began = Stopwatch.GetTimestamp();
        var before = Listing();
        CheckLock();
        try
        {
            Manifest = StoreManifest.Read(files, path);
        }
        catch (StoreDamageException e)
        {
            Findings.Add(e.ToFinding());
        }

        if (Manifest is not null)
        {
            CheckSegments(Manifest);
            CheckSegmentLocks();
        }

        CheckLog();
        CheckStrays();
        if (Manifest is not null && countEntries) Count(Manifest);
        Findings.AddRange(HestiaStoreVerdict.Of(this, Manifest));
        if (!before.SequenceEqual(Listing()))
            Findings.Add(new Finding(FindingSeverity.Warning, StoreFindings.ChangedMeanwhile,
                "Files changed during the check; what it found may be of a moment that has passed."));
        return Report(before, Stopwatch.GetElapsedTime(began));
    }

    private CheckReport Report(List<StoreFile> listing, TimeSpan duration)
    {
        var log = Log;
        return new CheckReport
        {
            Path = path,
            Name = Manifest?.Name ?? Path.GetFileName(path),
            Healthy = Findings.TrueForAll(static f => f.Severity != FindingSeverity.Error),
            Entries = LiveEntries,
            Segments = Mapped.Count,
            Bytes = listing.Where(static f => !f.RelativePath.StartsWith(FileNames.Quarantine + "/", StringComparison.Ordinal)).Sum(static f => f.Length),
            LastLsn = new Lsn((ulong)Math.Max(log?.LastLsn ?? 0, log?.Checkpoint ?? 0)),
            Checkpoint = new Lsn((ulong)(log?.Checkpoint ?? 0)),
            Findings = [.. Findings.OrderByDescending(static f => f.Severity)],
            Duration = duration,
        };
    }

    private List<StoreFile> Listing() => [.. StoreDirectory.List(files, path)];

    private void CheckLock()
    {
        Lock = StoreLock.Read(files, path);
        var finding = Lock.State switch
        {
            StoreLockState.Alive => new Finding(FindingSeverity.Warning, StoreFindings.InUse, $"HestiaStore has the index open: {Lock}. {Lock.Reason}",
                StoreFileNames.Lock),
            StoreLockState.Dead => new Finding(FindingSeverity.Warning, StoreFindings.StaleLock, $"The lock was left by {Lock}. {Lock.Reason}",
                StoreFileNames.Lock),
            StoreLockState.Unknown => new Finding(
                FindingSeverity.Warning, StoreFindings.LockOwnerUnknown,
                    $"{Lock.Reason} HestiaStore refuses to open the index here as long as the lock is there.", StoreFileNames.Lock),
            _ => null,
        };
        if (finding is not null) Findings.Add(finding);
    }

    private void CheckSegmentLocks()
    {
        foreach (var segment in Mapped.Concat(Orphans))
        {
            if (segment.Present?.ContainsKey(StoreFileNames.Lock) != true || Lock.State == StoreLockState.Alive) continue;
            var found = StoreLock.Read(files, Path.Combine(path, segment.Folder));
            Findings.Add(new Finding(
                FindingSeverity.Warning,
                found.State switch { StoreLockState.Dead => StoreFindings.StaleLock, StoreLockState.Alive => StoreFindings.InUse,
                    _ => StoreFindings.LockOwnerUnknown },
                $"The segment is locked by {found}. {found.Reason}",
                Path.Combine(segment.Folder, StoreFileNames.Lock)));
        }
    }

    private void CheckSegments(StoreManifest manifest)
    {
        try
        {
            Map = RouteMap.Read(files, path, manifest.KeyType);
        }
        catch (StoreDamageException e)
        {
            Findings.Add(e.ToFinding());
        }

        var listed = files.List(path);
        var unmapped = new SortedSet<int>();
        foreach (var entry in listed)
            if (entry.IsDirectory && StoreFileNames.SegmentId(entry.Name) is { } id) unmapped.Add(id);
        var mapIsMissing = Map is null && !files.FileExists(Path.Combine(path, StoreFileNames.RouteMap));
        if (mapIsMissing && unmapped.Any(id => !SegmentSurvey.IsEmpty(files, path, id)))
            Findings.Add(new Finding(FindingSeverity.Error, StoreFindings.RouteMapMissing,
                "It is missing: nothing says which segment holds which keys.", StoreFileNames.RouteMap));

        _progress.Begin("Checking segments", SortedBytes(), (Map?.Routes.Count ?? 0) + unmapped.Count);
        var check = new SegmentCheck(files, path, manifest, Findings, _progress.AddBytes, cancellation);
        byte[]? above = null;
        for (var i = 0; i < (Map?.Routes.Count ?? 0); i++)
        {
            var route = Map!.Routes[i];
            unmapped.Remove(route.Segment);
            Mapped.Add(check.Run(route.Segment, new RouteBounds(above, i == Map.Routes.Count - 1 ? null : route.LastKey)));
            _progress.AddItem();
            above = route.LastKey;
        }

        foreach (var id in unmapped)
        {
            _progress.AddItem();
            if (SegmentSurvey.IsEmpty(files, path, id))
            {
                Orphans.Add(check.LookAtEmpty(id));
                Findings.Add(new Finding(FindingSeverity.Information, StoreFindings.OrphanSegment,
                    "No route of index.map leads to this segment; it is empty.", StoreFileNames.Segment(id)));
                continue;
            }

            var orphan = check.Run(id, default);
            Orphans.Add(orphan);
            var range = orphan.Range(manifest.KeyType);
            Findings.Add(new Finding(
                FindingSeverity.Error,
                StoreFindings.OrphanSegment,
                $"No route of index.map leads to this segment, and " + (orphan.IsUnsupported ? "what it holds is not understood." : $"it holds {orphan.Entries:N0} entries."),
                orphan.Folder,
                FirstKey: range?.First,
                LastKey: range?.Last));
        }
    }

    private void CheckLog()
    {
        var wal = Path.Combine(path, StoreFileNames.Wal);
        if (!files.DirectoryExists(wal))
        {
            if (Manifest?.WalEnabled == true)
                Findings.Add(new Finding(FindingSeverity.Error, StoreFindings.WalMissing,
                    "The manifest says that writes go to a log, and the folder is missing.", StoreFileNames.Wal));
            return;
        }

        Log = WalDirectoryScan.Run(files, wal, Manifest is { } manifest ? WalTypes.Check(manifest.KeyType, manifest.ValueType) : null, null, cancellation);
        foreach (var finding in Log.Findings) Findings.Add(finding with { File = Path.Combine(StoreFileNames.Wal, finding.File ?? "") });
        if (Log.PendingRecords == 0) return;
        var isOff = Manifest?.WalEnabled == false;
        Findings.Add(new Finding(
            isOff ? FindingSeverity.Warning : FindingSeverity.Information,
            isOff ? StoreFindings.WalDisabled : StoreFindings.WalReplayPending,
            isOff
                ? $"The manifest says that there is no log, and {Log.PendingRecords:N0} operations above its checkpoint are there: HestiaStore "
                    + $"does not replay them."
                : $"{Log.PendingRecords:N0} operations above the checkpoint are only in the log; HestiaStore replays them when it opens the index.",
            StoreFileNames.Wal,
            FirstLsn: new Lsn((ulong)(Log.Checkpoint ?? 0) + 1),
            LastLsn: new Lsn((ulong)Log.LastLsn)));
    }

    private void CheckStrays()
    {
        foreach (var entry in files.List(path))
        {
            if (entry.IsDirectory)
            {
                if (entry.Name == FileNames.Quarantine)
                    Findings.Add(new Finding(FindingSeverity.Information, StoreFindings.Quarantine,
                        "What a repair took out is there; HestiaStore does not look into it.", entry.Name));
                else if (entry.Name is Repair.LogRewrite.Unfinished or Repair.LogRewrite.Finished)
                    Findings.Add(new Finding(FindingSeverity.Information, StoreFindings.UnfinishedFile,
                        "A repair was ended while it wrote the log anew; the next one goes on.", entry.Name));
                else if (entry.Name != StoreFileNames.Wal && StoreFileNames.SegmentId(entry.Name) is null)
                    Findings.Add(new Finding(FindingSeverity.Warning, StoreFindings.UnknownFile, "The folder is none of HestiaStore's.", entry.Name));
                continue;
            }

            if (entry.Name is StoreFileNames.Manifest or StoreFileNames.RouteMap or StoreFileNames.Lock) continue;
            var isUnfinished = entry.Name.EndsWith(StoreFileNames.TemporarySuffix, StringComparison.Ordinal);
            Findings.Add(isUnfinished
                ? new Finding(FindingSeverity.Information, StoreFindings.UnfinishedFile, "Its writer did not come to its end; nothing reads it.", entry.Name)
                : new Finding(FindingSeverity.Warning, StoreFindings.UnknownFile, "It is none of HestiaStore's files.", entry.Name));
        }
    }

    /// <summary>Live entries one by one; where something is damaged, those of the segments that are whole, without the log.</summary>
    private void Count(StoreManifest manifest)
    {
        _progress.Begin("Counting entries", SortedBytes(), 0);
        if (Findings.TrueForAll(static f => f.Severity != FindingSeverity.Error || f.Code == StoreFindings.WalTornTail))
        {
            try
            {
                using var reader = StoreEntryReader.OpenUnlocked(StoreDirectory.Open(files, path), new StoreReadOptions(), _progress.AddBytes, cancellation);
                while (reader.Read(cancellation)) LiveEntries++;
                return;
            }
            catch (HestiaException e) when (e.Code is not (HestiaErrorCode.AccessDenied or HestiaErrorCode.DiskFull))
            {
                if (e.Code != HestiaErrorCode.SourceDamaged) Findings.Add(new Finding(FindingSeverity.Error, StoreFindings.FileUnreadable, e.Message));
                LiveEntries = 0;
            }
        }

        foreach (var segment in Mapped)
        {
            if (segment.Manifest is null || segment.Present is null || !segment.FilesAreWhole) continue;
            try
            {
                using var source = new SegmentSource(
                    files, path, new SegmentFiles { Segment = segment.Id, Manifest = segment.Manifest, Version = segment.Version,
                        Present = segment.Present }, manifest);
                while (source.MoveNext())
                {
                    if (LiveEntries % 4096 == 0) cancellation.ThrowIfCancellationRequested();
                    if (!source.IsTombstone) LiveEntries++;
                }
            }
            catch (StoreDamageException)
            {
                // It is among the findings.
            }
        }
    }

    private long SortedBytes()
    {
        long bytes = 0;
        foreach (var file in StoreDirectory.List(files, path))
            if (StoreEntryReader.IsSorted(file)) bytes += file.Length;
        return bytes;
    }
}
