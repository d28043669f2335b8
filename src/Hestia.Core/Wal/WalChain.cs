namespace Hestia.Core.Wal;

/// <summary>
/// Applies the rules of recovery to what the files show: what a power loss can leave is cut, what it can't is refused.
/// <para>
/// What proves that bytes had been synced, and so that a crash cannot explain their damage:
/// a record header further on (even of a torn record, for its own checksum holds) whose synced offset lies beyond them; any record header
/// in a later file, because a file is synced before its successor takes its first record; and any later file but the next, because that
/// is created only after the next one took records. The header of the next file proves nothing: it may be written before the sync.
/// </para>
/// </summary>
internal sealed class WalChain
{
    private readonly List<WalFileFacts> _all;
    private readonly int _firstNeeded;
    private readonly WalScanOptions _options;
    private readonly List<Finding> _findings;
    private readonly List<WalFileFacts> _files = []; // needed, and of this index
    private readonly Dictionary<WalFileFacts, WalScannedFile> _judged = [];
    private WalScannedFile? _last; // the last file with usable records
    private bool _previousFailed;
    private ulong _walEnd; // last LSN the log is known to have reached

    public WalChain(List<WalFileFacts> all, int firstNeeded, WalScanOptions options, List<Finding> findings) =>
        (_all, _firstNeeded, _options, _findings) = (all, firstNeeded, options, findings);

    private Lsn Checkpoint => _options.Checkpoint ?? Lsn.None;

    public WalScanResult Judge()
    {
        for (var i = 0; i < _all.Count; i++)
        {
            if (i < _firstNeeded) JudgeUnneeded(_all[i]);
            else if (IsOfEarlierTimeline(_all[i])) JudgeEarlierTimeline(_all[i]);
            else if (Belongs(_all[i], needed: true)) _files.Add(_all[i]);
        }

        CheckFront();
        Lsn first = Lsn.None, last = Lsn.None;
        long records = 0, operations = 0, lastCommit = 0;
        for (var i = 0; i < _files.Count; i++)
        {
            var judged = JudgeFile(i);
            _judged[_files[i]] = judged;
            if (judged.Records == 0) continue;
            if (first == Lsn.None) first = judged.FirstLsn;
            last = judged.LastLsn;
            records += judged.Records;
            operations += judged.Operations;
            lastCommit = judged.LastCommitMicroseconds;
            _last = judged;
            _walEnd = judged.LastLsn.Value;
        }

        if (_walEnd < Checkpoint.Value && _findings.TrueForAll(static f => f.Severity != FindingSeverity.Error))
        {
            _findings.Add(new Finding(
                FindingSeverity.Information,
                WalFindings.BehindCheckpoint,
                $"The log ends at LSN {_walEnd}, below the checkpoint {Checkpoint}. Segments hold all up to there; nothing is missing.",
                _files.Count == 0 ? null : WalScan.RelativePath(_files[^1].Name),
                FirstLsn: new Lsn(_walEnd + 1),
                LastLsn: Checkpoint));
        }

        var files = new List<WalScannedFile>(_all.Count);
        foreach (var facts in _all) files.Add(_judged.TryGetValue(facts, out var judged) ? judged : Describe(facts, needed: true));
        return new WalScanResult
        {
            Files = files,
            Findings = _findings,
            FirstLsn = first,
            LastLsn = last,
            Records = records,
            Operations = operations,
            LastCommitMicroseconds = lastCommit,
            Predecessor = _last is { Header: not null } ? PredecessorOf(null, _last) : default,
        };
    }

    /// <summary>Whether the file is one of this index that this version understands, under its own name.</summary>
    private bool Belongs(WalFileFacts file, bool needed)
    {
        var severity = needed ? FindingSeverity.Error : FindingSeverity.Warning;
        if (file.HeaderStatus == WalHeaderStatus.TooNew)
        {
            Add(
                severity,
                WalFindings.TooNew,
                file,
                0,
                "The file was written by a newer version of Hestia; this one does not understand it.",
                file.NameLsn.Value,
                LastByName(file));
            return false;
        }

        if (file.Header is not { } header) return true;
        if (_options.IndexId is { } id && header.IndexId != id)
        {
            Add(
                severity,
                WalFindings.Foreign,
                file,
                0,
                $"The file belongs to index {header.IndexId}; this index is {id}.",
                file.NameLsn.Value,
                LastByName(file));
            return false;
        }

        if (needed && _options.TimelineId is { } timeline && header.TimelineId != timeline)
        {
            Add(
                severity,
                WalFindings.Foreign,
                file,
                0,
                $"The file belongs to timeline {header.TimelineId} of this index; the current one is {timeline}.",
                file.NameLsn.Value,
                LastByName(file));
            return false;
        }

        if (header.FirstLsn != file.NameLsn)
        {
            Add(
                severity,
                WalFindings.Damaged,
                file,
                0,
                $"The file begins at LSN {header.FirstLsn}, which is not what its name says. It was renamed.",
                file.NameLsn.Value,
                LastByName(file));
            return false;
        }

        return true;
    }

    /// <summary>
    /// Whether the file is of a timeline that has ended and holds nothing above the checkpoint. A timeline begins with everything flushed, so
    /// the log of the one before is not needed; it may still be there for the archive or the grace period.
    /// </summary>
    private bool IsOfEarlierTimeline(WalFileFacts file)
    {
        if (_options.Checkpoint is not { } checkpoint || _options.TimelineId is not { } timeline) return false;
        if (file.Header is not { } header || !file.Scanned) return false;
        if (header.TimelineId == timeline || header.IndexId != _options.IndexId || header.FirstLsn != file.NameLsn) return false;
        return header.FirstLsn <= checkpoint
            ? file.Runs.TrueForAll(run => run.Records == 0 || run.LastLsn <= checkpoint.Value)
            : !file.SawRecord && file.Runs.TrueForAll(static run => run.Break is null);
    }

    private void JudgeEarlierTimeline(WalFileFacts file)
    {
        if (file.NameLsn <= Checkpoint)
        {
            JudgeUnneeded(file);
            return;
        }

        // It was ready for the next write when the timeline began, and would be in the way of the file that takes it now.
        AddTorn(file, WalFormat.FileHeaderBytes, "The file was ready for a write of a timeline that has ended. It took none and is set aside.");
        _judged[file] = Describe(file, needed: true) with { Action = WalFileAction.Remove, CutOffset = 0, IsEmpty = true };
    }

    /// <summary>Every LSN behind the checkpoint must be in the log, so its first file begins at or below it.</summary>
    private void CheckFront()
    {
        if (_options.Checkpoint is not { } checkpoint || _files.Count == 0 || _files[0].NameLsn <= checkpoint.Next) return;
        Add(
            FindingSeverity.Error,
            WalFindings.Gap,
            _files[0],
            null,
            $"The log begins at LSN {_files[0].NameLsn}, but segments end at the checkpoint {checkpoint}. A log file is missing.",
            checkpoint.Value + 1,
            _files[0].NameLsn.Value - 1);
    }

    private WalScannedFile JudgeFile(int i)
    {
        var file = _files[i];
        var previousFailed = _previousFailed;
        _previousFailed = false;
        if (file.Header is null) return JudgeHeaderless(i);
        if (i > 0 && !previousFailed && IsProvenWhole(i - 1)) CheckLink(_files[i - 1], file);
        if (file.SawRecord) return JudgeRecords(i);

        var torn = file.Runs[0].Break;
        if (IsProvenWhole(i))
        {
            // It took records, they were synced, and they are gone.
            return Refuse(
                file,
                WalFindings.Damaged,
                WalFormat.FileHeaderBytes,
                "Its records are gone, though later files prove that they had been synced.",
                file.NameLsn.Value,
                NextFirst(i) - 1);
        }

        var stale = IsStale(file);
        if (torn is not null)
        {
            AddTorn(
                file,
                WalFormat.FileHeaderBytes,
                "A crash tore the file's first record, which had not been synced. The file holds nothing else and is set aside.");
        }
        else if (stale)
        {
            AddTorn(
                file,
                WalFormat.FileHeaderBytes,
                $"The file was begun just before a crash, behind records up to LSN {file.NameLsn.Value - 1} that had not been synced and "
                + "were lost. It took no record and is set aside.");
        }

        if (!stale) _walEnd = Math.Max(_walEnd, file.NameLsn.Value - 1);
        return Describe(file, needed: true) with
        {
            Action = WalFileAction.Remove,
            CutOffset = 0,
            IsEmpty = torn is null,
            UsedFrom = WalFormat.FileHeaderBytes,
            UsedUpTo = WalFormat.FileHeaderBytes,
        };
    }

    /// <summary>No header: the file was being created when the power went, unless it, or a later one, shows that it had been.</summary>
    private WalScannedFile JudgeHeaderless(int i)
    {
        var file = _files[i];
        if (file.SawRecord)
        {
            return Refuse(
                file,
                WalFindings.Damaged,
                0,
                "The file's header is damaged, though records stand behind it.",
                file.NameLsn.Value,
                NextFirst(i) - 1);
        }

        for (var j = i + 1; j < _files.Count; j++)
        {
            if (_files[j].Header is null && !_files[j].SawRecord) continue;
            return Refuse(
                file,
                WalFindings.Damaged,
                0,
                "The file's header is damaged and no record can be read, though later files exist.",
                file.NameLsn.Value,
                NextFirst(i) - 1);
        }

        AddTorn(file, 0, "The file was being created when the power went. It holds nothing and is set aside.");
        return Describe(file, needed: true) with { Action = WalFileAction.Remove, CutOffset = 0 };
    }

    private WalScannedFile JudgeRecords(int i)
    {
        var file = _files[i];
        var judged = Describe(file, needed: true) with { UsedFrom = WalFormat.FileHeaderBytes, UsedUpTo = WalFormat.FileHeaderBytes };
        var wholeProven = IsProvenWhole(i);
        var expected = file.NameLsn.Value;
        var runs = file.Runs;
        for (var k = 0; k < runs.Count; k++)
        {
            var run = runs[k];
            judged = Use(judged, run);
            if (run.Records > 0) expected = run.LastLsn + 1;
            if (run.Break is not { } damage) break;

            var next = NextWithRecords(runs, k);
            ulong? nextLsn = next < 0 ? NextFirst(i) : runs[next].FirstLsn;
            if (damage.MayBeTorn && !wholeProven && file.HighestSyncedOffset <= damage.Offset)
            {
                return Cut(file, judged, damage, expected, next >= 0);
            }

            var orderly = next >= 0 && runs[next].FirstLsn >= expected;
            if (_options.Checkpoint is { } checkpoint && orderly && runs[next].FirstLsn <= checkpoint.Next.Value)
            {
                Add(
                    FindingSeverity.Warning,
                    WalFindings.Damaged,
                    file,
                    damage.Offset,
                    $"The log is damaged below the checkpoint {checkpoint} ({damage.Description}). Opening does not need it.",
                    expected,
                    runs[next].FirstLsn - 1);
                judged = judged with { UsedFrom = runs[next].StartOffset, Records = 0, Operations = 0, FirstLsn = Lsn.None };
                k = next - 1;
                continue;
            }

            var code = damage.Kind == WalDamageKind.LsnMismatch ? WalFindings.Gap : WalFindings.Damaged;
            var refused = Refuse(
                file,
                code,
                damage.Offset,
                Explain(damage, wholeProven, file),
                expected,
                nextLsn is { } n && n > expected ? n - 1 : null);
            return refused with
            {
                UsedFrom = judged.UsedFrom,
                UsedUpTo = judged.UsedUpTo,
                FirstLsn = judged.FirstLsn,
                LastLsn = judged.LastLsn,
                Records = judged.Records,
                Operations = judged.Operations,
                LastRecordHeaderCrc = judged.LastRecordHeaderCrc,
                LastCommitMicroseconds = judged.LastCommitMicroseconds,
            };
        }

        return judged;
    }

    private WalScannedFile Cut(WalFileFacts file, WalScannedFile judged, WalDamage damage, ulong expected, bool more)
    {
        AddTorn(
            file,
            damage.Offset,
            $"A crash left the file incomplete from here on ({damage.Description}); nothing here had been synced. "
            + $"The log is cut before LSN {expected}{(more ? ", with records behind the damage that had not been synced either" : "")}.",
            expected);
        // Even a torn record of this file shows that the log had reached its begin.
        _walEnd = Math.Max(_walEnd, file.NameLsn.Value - 1);
        return judged.Records == 0
            ? judged with { Action = WalFileAction.Remove, CutOffset = 0 }
            : judged with { Action = WalFileAction.CutTail, CutOffset = damage.Offset };
    }

    private static string Explain(WalDamage damage, bool wholeProven, WalFileFacts file)
    {
        if (!damage.MayBeTorn) return $"The log is not what was written into it: {damage.Description}.";
        var proof = wholeProven
            ? "a later log file proves that this one had been synced whole"
            : $"a later record proves that the file had been synced up to offset {file.HighestSyncedOffset}";
        return $"The log is damaged ({damage.Description}), and not by a crash: {proof}.";
    }

    /// <summary>
    /// Whether a later file continues exactly where this one ends. Asked only where this one is known to have been synced whole.
    /// </summary>
    private void CheckLink(WalFileFacts before, WalFileFacts file)
    {
        var judged = _judged[before];
        if (judged.Records == 0 || file.Header is not { } header) return;
        var expected = judged.LastLsn.Value + 1;
        if (header.FirstLsn.Value > expected)
        {
            Add(
                FindingSeverity.Error,
                WalFindings.Gap,
                file,
                null,
                $"The file before, {before.Name}, ends at LSN {judged.LastLsn}, this one begins at {header.FirstLsn}. A log file is "
                + "missing, or the one before lost its end after it had been synced.",
                expected,
                header.FirstLsn.Value - 1);
        }
        else if (header.FirstLsn.Value < expected)
        {
            Add(
                FindingSeverity.Error,
                WalFindings.Gap,
                file,
                null,
                $"The file begins at LSN {header.FirstLsn}, but the one before reaches {judged.LastLsn}: they are not of one history.",
                header.FirstLsn.Value,
                judged.LastLsn.Value);
        }
        else if (header.Predecessor != PredecessorOf(before, judged))
        {
            Add(
                FindingSeverity.Error,
                WalFindings.Gap,
                file,
                null,
                "The file's header names another predecessor than the file before it: they are not of one history.",
                header.FirstLsn.Value,
                null);
        }
    }

    /// <summary>Whether an empty file was begun behind records that are not there.</summary>
    private bool IsStale(WalFileFacts file)
    {
        if (_last is { } last) return file.NameLsn.Value != last.LastLsn.Value + 1 || file.Header!.Predecessor != PredecessorOf(null, last);
        return file.NameLsn > Checkpoint.Next && _files[0] != file;
    }

    private static WalPredecessor PredecessorOf(WalFileFacts? facts, WalScannedFile judged) =>
        new((facts?.Header ?? judged.Header)?.FirstLsn ?? Lsn.None, judged.LastLsn, judged.LastRecordHeaderCrc);

    /// <summary>Whether later files prove that all this one took had been synced.</summary>
    private bool IsProvenWhole(int i)
    {
        for (var j = i + 1; j < _files.Count; j++)
        {
            if (_files[j].SawRecord || (j > i + 1 && _files[j].Header is not null)) return true;
        }

        return false;
    }

    /// <summary>The last LSN that a file under this name should hold; null if it is the last one.</summary>
    private ulong? LastByName(WalFileFacts file)
    {
        var i = _all.IndexOf(file);
        return i + 1 < _all.Count ? _all[i + 1].NameLsn.Value - 1 : null;
    }

    private ulong? NextFirst(int i) => i + 1 < _files.Count ? _files[i + 1].NameLsn.Value : null;

    private static int NextWithRecords(List<WalRun> runs, int k)
    {
        for (k++; k < runs.Count; k++)
        {
            if (runs[k].Records > 0) return k;
        }

        return -1;
    }

    private static WalScannedFile Use(WalScannedFile judged, WalRun run)
    {
        if (run.Records == 0) return judged;
        return judged with
        {
            UsedUpTo = run.EndOffset,
            FirstLsn = judged.FirstLsn == Lsn.None ? new Lsn(run.FirstLsn) : judged.FirstLsn,
            LastLsn = new Lsn(run.LastLsn),
            Records = judged.Records + run.Records,
            Operations = judged.Operations + run.Operations,
            LastRecordHeaderCrc = run.LastHeaderCrc,
            LastCommitMicroseconds = run.LastCommitMicroseconds,
        };
    }

    /// <summary>A file wholly below the checkpoint: whatever is wrong with it, opening does not need it.</summary>
    private void JudgeUnneeded(WalFileFacts file)
    {
        var judged = Describe(file, needed: false);
        if (Belongs(file, needed: false))
        {
            if (file.Header is null)
            {
                Add(
                    FindingSeverity.Warning,
                    WalFindings.Damaged,
                    file,
                    0,
                    "The file's header is damaged. All it held is below the checkpoint; opening does not need it.");
            }

            foreach (var run in file.Runs)
            {
                judged = Use(judged, run);
                if (run.Break is not { } damage) continue;
                if (damage.MayBeTorn && file.HighestSyncedOffset <= damage.Offset)
                {
                    AddTorn(
                        file,
                        damage.Offset,
                        $"A crash left the file incomplete from here on ({damage.Description}). Opening does not need it.");
                    break;
                }

                Add(
                    FindingSeverity.Warning,
                    WalFindings.Damaged,
                    file,
                    damage.Offset,
                    $"The log is damaged below the checkpoint ({damage.Description}). Opening does not need what it held there.");
            }
        }

        _judged[file] = judged with { UsedFrom = 0, UsedUpTo = 0 };
    }

    private WalScannedFile Describe(WalFileFacts file, bool needed) => new()
    {
        Path = file.Path,
        Name = file.Name,
        Length = file.Length,
        Header = file.Header,
        Needed = needed,
        Scanned = file.Scanned,
    };

    private WalScannedFile Refuse(WalFileFacts file, string code, long offset, string message, ulong? first, ulong? last)
    {
        _previousFailed = true;
        Add(FindingSeverity.Error, code, file, offset, message, first, last);
        return Describe(file, needed: true);
    }

    private void AddTorn(WalFileFacts file, long offset, string message, ulong? first = null) =>
        Add(FindingSeverity.Information, WalFindings.TornTail, file, offset, message, first);

    private void Add(
        FindingSeverity severity,
        string code,
        WalFileFacts file,
        long? offset,
        string message,
        ulong? first = null,
        ulong? last = null) =>
        _findings.Add(new Finding(
            severity,
            code,
            message,
            WalScan.RelativePath(file.Name),
            offset,
            first is { } f ? new Lsn(f) : null,
            last is { } l ? new Lsn(l) : null));
}
